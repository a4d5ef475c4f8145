#include "cli/render/pprof.h"

#include <zlib.h>

#include <map>
#include <tuple>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "cli/render/pprof_proto/profile.pb.h"
#include "cli/render/report.h"
#include "cli/render/stacks.h"
#include "cli/render/wait_text.h"

namespace waitscope::cli {
namespace {

namespace pprof = ::perftools::profiles;

class Builder {
 public:
  explicit Builder(const v1::ProfileResponse& profile) : source_(profile) { Intern(""); }

  pprof::Profile Build() {
    AddTypes();
    for (const WeightedStack& stack : WeightedStacks(source_, {Prefix::kNone, FrameChoice::kAll}))
      AddSample(stack);
    const auto& begin = source_.header().begin();
    out_.set_time_nanos(begin.seconds() * 1'000'000'000 + begin.nanos());
    out_.set_duration_nanos(static_cast<int64_t>(DurationNs(source_.header())));
    out_.add_comment(
        Intern(absl::StrCat("waitscope ", source_.header().agent_version(), " on ",
                            source_.header().host(), ", ", LossSummary({}, source_.header()))));
    return std::move(out_);
  }

 private:
  int64_t Intern(const std::string& text) {
    const auto [entry, added] = strings_.try_emplace(text, out_.string_table_size());
    if (added) out_.add_string_table(text);
    return entry->second;
  }

  // Counts go first, as the format asks; the time is what viewers open with.
  void AddTypes() {
    const std::string kind = absl::StrReplaceAll(source_.kind(), {{"-", "_"}});
    pprof::ValueType* events = out_.add_sample_type();
    events->set_type(Intern("events"));
    events->set_unit(Intern("count"));
    pprof::ValueType* time = out_.add_sample_type();
    time->set_type(Intern(kind));
    time->set_unit(Intern("nanoseconds"));
    *out_.mutable_period_type() = *time;
    out_.set_period(static_cast<int64_t>(source_.header().period_ns()));
    out_.set_default_sample_type(Intern(kind));
  }

  uint64_t MappingOf(const v1::Frame& frame) {
    if (frame.module().empty()) return 0;
    const auto [entry, added] =
        mappings_.try_emplace({frame.module(), frame.build_id()}, mappings_.size() + 1);
    if (added) {
      pprof::Mapping* mapping = out_.add_mapping();
      mapping->set_id(entry->second);
      mapping->set_filename(Intern(frame.module()));
      mapping->set_build_id(Intern(frame.build_id()));
      mapping->set_has_functions(true);
    }
    return entry->second;
  }

  uint64_t FunctionOf(const std::string& name, const std::string& file) {
    const auto [entry, added] = functions_.try_emplace({name, file}, functions_.size() + 1);
    if (added) {
      pprof::Function* function = out_.add_function();
      function->set_id(entry->second);
      function->set_name(Intern(name));
      function->set_system_name(Intern(name));
      function->set_filename(Intern(file));
    }
    return entry->second;
  }

  uint64_t LocationOf(const NamedFrame& frame) {
    const auto [entry, added] =
        locations_.try_emplace({frame.name, frame.frame}, locations_.size() + 1);
    if (!added) return entry->second;
    pprof::Location* location = out_.add_location();
    location->set_id(entry->second);
    pprof::Line* line = location->add_line();
    const v1::Frame source = frame.frame == kNoFrame ? v1::Frame() : source_.frames(frame.frame);
    const bool placed = !source.file().empty();
    line->set_function_id(FunctionOf(placed ? source.symbol() : frame.name, source.file()));
    if (placed) line->set_line(source.line());
    if (frame.frame != kNoFrame) {
      location->set_address(source.file_offset() != 0 ? source.file_offset() : source.address());
      location->set_mapping_id(MappingOf(source));
    }
    return entry->second;
  }

  void AddLabel(pprof::Sample* sample, const std::string& key, const std::string& value) {
    if (value.empty()) return;
    pprof::Label* label = sample->add_label();
    label->set_key(Intern(key));
    label->set_str(Intern(value));
  }

  void AddNumber(pprof::Sample* sample, const std::string& key, int64_t value) {
    pprof::Label* label = sample->add_label();
    label->set_key(Intern(key));
    label->set_num(value);
  }

  void AddSample(const WeightedStack& stack) {
    pprof::Sample* sample = out_.add_sample();
    for (auto frame = stack.frames.rbegin(); frame != stack.frames.rend(); ++frame) {
      sample->add_location_id(LocationOf(*frame));
    }
    sample->add_value(static_cast<int64_t>(stack.count));
    sample->add_value(static_cast<int64_t>(stack.ns));
    const v1::ThreadRef& thread = source_.threads(static_cast<int>(stack.sample->thread()));
    AddNumber(sample, "pid", thread.pid());
    AddNumber(sample, "tid", thread.tid());
    AddLabel(sample, "thread", thread.comm());
    AddLabel(sample, "class", stack.wait_class);
    AddLabel(sample, "syscall", stack.sample->syscall());
    AddLabel(sample, "object", ObjectText(stack.sample->object()));
    AddLabel(sample, "waker", stack.sample->waker().comm());
  }

  const v1::ProfileResponse& source_;
  pprof::Profile out_;
  std::map<std::string, int64_t> strings_;
  std::map<std::pair<std::string, std::string>, uint64_t> mappings_;
  std::map<std::pair<std::string, std::string>, uint64_t> functions_;
  std::map<std::pair<std::string, int>, uint64_t> locations_;
};

absl::StatusOr<std::string> Gzip(const std::string& data) {
  constexpr int kGzipWindow = 15 + 16;  // zlib's way to ask for a gzip header
  z_stream stream{};
  if (deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) !=
      Z_OK) {
    return absl::InternalError("cannot start compression: out of memory");
  }
  std::string compressed(deflateBound(&stream, data.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data.data()));
  stream.avail_in = static_cast<uInt>(data.size());
  stream.next_out = reinterpret_cast<Bytef*>(compressed.data());
  stream.avail_out = static_cast<uInt>(compressed.size());
  const int result = deflate(&stream, Z_FINISH);
  compressed.resize(stream.total_out);
  deflateEnd(&stream);
  if (result != Z_STREAM_END) return absl::InternalError("compression did not finish");
  return compressed;
}

}  // namespace

absl::StatusOr<std::string> RenderPprof(const v1::ProfileResponse& profile) {
  return Gzip(Builder(profile).Build().SerializeAsString());
}

}  // namespace waitscope::cli
