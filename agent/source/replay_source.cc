#include "agent/source/replay_source.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "agent/source/log_format.h"

namespace waitscope {
namespace {

constexpr int kEventsPerPoll = 4096;

}  // namespace

absl::StatusOr<std::unique_ptr<ReplaySource>> ReplaySource::Open(const std::string& path) {
  errno = 0;
  auto in = std::make_unique<std::ifstream>(path, std::ios::binary);
  // A directory opens; only reading it fails.
  if (!in->is_open() || in->peek() == std::ifstream::traits_type::eof()) {
    const char* reason = errno != 0 ? std::strerror(errno) : "the file is empty";
    return absl::NotFoundError(
        absl::StrCat("cannot read the log ", path, ": ", reason, ". Check the path"));
  }
  return Read(std::move(in), path);
}

absl::StatusOr<std::unique_ptr<ReplaySource>> ReplaySource::Read(std::unique_ptr<std::istream> in,
                                                                 std::string name) {
  std::unique_ptr<ReplaySource> source(new ReplaySource(std::move(in), std::move(name)));
  std::string header(kLogHeaderBytes, '\0');
  source->in_->read(header.data(), static_cast<std::streamsize>(header.size()));
  header.resize(static_cast<size_t>(source->in_->gcount()));
  if (absl::Status status = CheckLogHeader(header); !status.ok()) return source->Named(status);
  source->ReadNames();
  return source;
}

// Damage is left for Poll to report, in its place.
void ReplaySource::ReadNames() {
  in_->clear();
  in_->seekg(0);
  LogReader names(*in_);
  for (auto event = names.Next(); event.ok() && event->has_value(); event = names.Next()) {
    if (const auto* frame = std::get_if<frame_event>(&**event)) symbols_.Fold(*frame);
  }
  in_->clear();
  in_->seekg(0);
}

absl::StatusOr<bool> ReplaySource::Poll(absl::FunctionRef<void(const Event&)> fold) {
  for (int count = 0; count < kEventsPerPoll; ++count) {
    const absl::StatusOr<std::optional<Event>> event = reader_.Next();
    if (!event.ok()) return Named(event.status());
    if (!event->has_value()) return false;
    fold(**event);
  }
  return true;
}

absl::Status ReplaySource::Named(const absl::Status& status) const {
  return {status.code(), absl::StrCat(name_, ": ", status.message())};
}

}  // namespace waitscope
