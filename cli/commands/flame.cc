#include "cli/commands/commands.h"
#include "cli/render/flame_svg.h"
#include "cli/render/folded.h"
#include "cli/render/pprof.h"
#include "cli/render/profile_text.h"
#include "cli/render/speedscope.h"
#include "cli/view.h"

namespace waitscope::cli {
namespace {

struct FlameOptions {
  ViewOptions view;
  std::string kind = "off-cpu";
  bool thread_prefix = false;
  bool no_prefix = false;
  bool class_frames = false;
  bool all = false;
  bool all_frames = false;

  Prefix prefix() const {
    if (no_prefix) return Prefix::kNone;
    return thread_prefix ? Prefix::kThread : Prefix::kProcess;
  }
  StackView stacks() const {
    return {prefix(), all_frames ? FrameChoice::kAll : FrameChoice::kOwn};
  }
};

absl::StatusOr<std::string> Render(const FlameOptions& options, const v1::ProfileResponse& profile,
                                   absl::string_view format, const TextStyle& style) {
  if (format == "folded") return RenderFolded(profile, {options.stacks(), options.class_frames});
  if (format == "svg") return RenderFlameSvg(profile, options.stacks());
  if (format == "pprof") return RenderPprof(profile);
  if (format == "speedscope") return RenderSpeedscope(profile, options.stacks());
  return RenderProfileText(
      profile, {TargetFlags(options.view.target), options.all, options.all_frames}, style);
}

View<v1::ProfileResponse> FlameViewOf(const FlameOptions& options) {
  View<v1::ProfileResponse> view;
  view.formats = {"text", "json", "folded", "svg", "pprof", "speedscope"};
  view.ask = [&options](Client& client, const v1::Target& target, const v1::TimeRange& range) {
    v1::ProfileRequest request;
    *request.mutable_target() = target;
    *request.mutable_range() = range;
    request.set_kind(options.kind);
    return client.GetProfile(request);
  };
  view.is_empty = [](const v1::ProfileResponse& profile) { return profile.samples().empty(); };
  view.render = [&options](const v1::ProfileResponse& profile, absl::string_view format,
                           const TextStyle& style) {
    return Render(options, profile, format, style);
  };
  return view;
}

Action Add(CLI::App& app) {
  const auto options = std::make_shared<FlameOptions>();
  AddViewOptions(app, options->view, FlameViewOf(*options).formats);
  AddKindOption(app, options->kind);
  AddFlag(app, "--thread-prefix", options->thread_prefix,
          "stand process;thread at the root, not the process alone");
  AddFlag(app, "--no-prefix", options->no_prefix, "stand neither at the root");
  AddFlag(app, "--class-frames", options->class_frames,
          "folded: end each stack in its wait class, as [lock]");
  AddFlag(app, "--all,-a", options->all, "text: list idle stacks too");
  AddFlag(app, "--all-frames", options->all_frames,
          "show how threads, calls and interpreters start, too, as pprof and json always do");
  return [options](const Session& session) {
    return RunView(session, options->view, FlameViewOf(*options));
  };
}

}  // namespace

const Command kFlame = {
    "flame",
    "the stacks time was spent in, as text, flame graph or profile",
    "Weights are time: with its unit as text, nanoseconds in every other format.\n",
    "waitscope flame --pid 4711 --kind off-cpu -o waits.svg\n"
    "waitscope flame --pid 4711 --kind wall --since 8s --output folded\n"
    "waitscope flame --kind waker --comm postgres -o wakers.svg\n"
    "waitscope flame --pid 4711 -o waits.pb.gz && go tool pprof waits.pb.gz\n",
    Add,
};

}  // namespace waitscope::cli
