#include "cli/render/wait_text.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "cli/render/number.h"

namespace waitscope::cli {

std::string ObjectText(const v1::WaitObject& object) {
  if (object.kind() == "socket" && !object.peer_address().empty()) {
    return Printable(object.peer_address());
  }
  if (object.kind() == "socket" && !object.local_address().empty()) {
    return Printable("socket at " + object.local_address());
  }
  if (object.kind().empty()) return Printable(object.name());
  if (object.name().empty() || object.name() == object.kind()) return Printable(object.kind());
  return Printable(absl::StrCat(object.kind(), " ", object.name()));
}

std::string WaitText(absl::string_view wait_class, const v1::WaitObject& object,
                     absl::string_view syscall) {
  std::string text = Printable(wait_class);
  const std::string name = ObjectText(object);
  if (!name.empty() && name != wait_class) absl::StrAppend(&text, " ", name);
  if (!syscall.empty()) absl::StrAppend(&text, " in ", Printable(syscall));
  return text;
}

std::string OpenWaitLine(const TextStyle& style, const v1::Thread& thread) {
  const v1::OpenWait& wait = thread.open_wait();
  const std::string line =
      absl::StrFormat("%7d  %-16s %9s%s  ", thread.tid(), Printable(thread.comm()),
                      DurationText(wait.ns()), wait.since_before_agent() ? "+" : " ");
  return line + Paint(style, HueOfClass(wait.class_()),
                      WaitText(wait.class_(), wait.object(), wait.syscall()));
}

}  // namespace waitscope::cli
