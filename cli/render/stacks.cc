#include "cli/render/stacks.h"

#include <algorithm>
#include <map>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/plumbing.h"

namespace waitscope::cli {
namespace {

using ProcessNames = std::map<uint32_t, std::string>;

// A process is called what its main thread is called; one without it in the answer, what its
// first thread is called.
ProcessNames NamesOfProcesses(const v1::ProfileResponse& profile) {
  ProcessNames names;
  for (const v1::ThreadRef& thread : profile.threads()) {
    if (thread.tid() == thread.pid()) names.insert_or_assign(thread.pid(), thread.comm());
    names.try_emplace(thread.pid(), thread.comm());
  }
  return names;
}

std::vector<NamedFrame> PrefixFrames(const v1::ThreadRef& thread, const ProcessNames& names,
                                     Prefix prefix) {
  std::vector<NamedFrame> frames;
  if (prefix == Prefix::kNone) return frames;
  const auto name = names.find(thread.pid());
  frames.push_back({name == names.end() ? thread.comm() : name->second, FrameKind::kProcess});
  if (prefix == Prefix::kThread) frames.push_back({thread.comm(), FrameKind::kThread});
  return frames;
}

void Append(std::vector<NamedFrame> more, std::vector<NamedFrame>* frames) {
  std::move(more.begin(), more.end(), std::back_inserter(*frames));
}

std::vector<NamedFrame> WakerFrames(const v1::ProfileResponse& profile, const v1::Sample& sample) {
  std::vector<NamedFrame> frames =
      FramesOf(profile.stacks(), profile.frames(), sample.waker_user_stack(), FrameKind::kUser);
  Append(
      FramesOf(profile.stacks(), profile.frames(), sample.waker_kernel_stack(), FrameKind::kKernel),
      &frames);
  std::reverse(frames.begin(), frames.end());
  if (sample.waker().tid() != 0) {
    frames.push_back({sample.waker().comm(), FrameKind::kProcess});
  } else if (!sample.waker_context().empty()) {
    frames.push_back({absl::StrCat("[", sample.waker_context(), "]"), FrameKind::kMark});
  } else {
    frames.push_back({"[waker not seen]", FrameKind::kMark});
  }
  return frames;
}

std::vector<NamedFrame> SampleFrames(const v1::ProfileResponse& profile, const v1::Sample& sample) {
  std::vector<NamedFrame> frames =
      FramesOf(profile.stacks(), profile.frames(), sample.user_stack(), FrameKind::kUser);
  Append(FramesOf(profile.stacks(), profile.frames(), sample.kernel_stack(), FrameKind::kKernel),
         &frames);
  if (frames.empty()) frames.push_back({"[no stack]", FrameKind::kMark});
  if (profile.kind() == "waker") {
    frames.push_back({"[woken by]", FrameKind::kMark});
    Append(WakerFrames(profile, sample), &frames);
  }
  return frames;
}

bool IsLeftOut(const NamedFrame& frame, FrameChoice choice, bool has_source) {
  if (frame.kind != FrameKind::kUser && frame.kind != FrameKind::kKernel) return false;
  switch (PlumbingOf(frame.name)) {
    case Plumbing::kNone:
      return false;
    case Plumbing::kEntry:
      return true;
    case Plumbing::kWay:
      return choice == FrameChoice::kTelling;
    case Plumbing::kInterpreter:
      return has_source;
  }
  return false;
}

// Returns how many were left out. A stack of nothing else keeps its leaf.
size_t LeaveOut(FrameChoice choice, std::vector<NamedFrame>* frames) {
  if (choice == FrameChoice::kAll || frames->empty()) return 0;
  const size_t all = frames->size();
  const NamedFrame leaf = frames->back();
  const bool has_source = std::any_of(frames->begin(), frames->end(), [](const NamedFrame& frame) {
    return HasSource(frame.name);
  });
  std::erase_if(*frames,
                [&](const NamedFrame& frame) { return IsLeftOut(frame, choice, has_source); });
  if (frames->empty()) frames->push_back(leaf);
  return all - frames->size();
}

// " (server.py:41)", or nothing.
std::string SourceText(const v1::Frame& frame) {
  if (frame.file().empty()) return "";
  const std::string name = frame.file().substr(frame.file().rfind('/') + 1);
  return absl::StrCat(" (", name, ":", frame.line(), ")");
}

}  // namespace

std::string FrameName(const v1::Frame& frame) {
  if (!frame.symbol().empty()) return absl::StrCat(frame.symbol(), SourceText(frame));
  if (frame.module().empty()) return absl::StrFormat("0x%x", frame.address());
  const uint64_t where = frame.file_offset() != 0 ? frame.file_offset() : frame.address();
  return absl::StrFormat("%s+0x%x", frame.module(), where);
}

std::vector<NamedFrame> FramesOf(const StackList& stacks, const FrameList& frames, uint32_t index,
                                 FrameKind kind) {
  std::vector<NamedFrame> named;
  if (index == 0 || index >= static_cast<uint32_t>(stacks.size())) return named;
  const v1::Stack& stack = stacks[static_cast<int>(index)];
  for (const uint32_t frame : stack.frames()) {
    if (frame < static_cast<uint32_t>(frames.size())) {
      const int at = static_cast<int>(frame);
      named.push_back({FrameName(frames[at]), kind, at});
    }
  }
  if (!stack.truncated().empty()) {
    named.push_back({absl::StrCat("[truncated: ", stack.truncated(), "]"), FrameKind::kMark});
  }
  std::reverse(named.begin(), named.end());
  return named;
}

std::vector<WeightedStack> WeightedStacks(const v1::ProfileResponse& profile,
                                          const StackView& view) {
  const ProcessNames names = NamesOfProcesses(profile);
  std::vector<WeightedStack> weighted;
  for (const v1::Sample& sample : profile.samples()) {
    if (sample.ns() == 0 || sample.thread() >= static_cast<uint32_t>(profile.threads_size())) {
      continue;
    }
    const v1::ThreadRef& thread = profile.threads(static_cast<int>(sample.thread()));
    std::vector<NamedFrame> frames = SampleFrames(profile, sample);
    const size_t folded = LeaveOut(view.choice, &frames);
    WeightedStack stack{PrefixFrames(thread, names, view.prefix),
                        sample.class_(),
                        sample.ns(),
                        sample.count(),
                        folded,
                        &sample};
    Append(std::move(frames), &stack.frames);
    weighted.push_back(std::move(stack));
  }
  return weighted;
}

}  // namespace waitscope::cli
