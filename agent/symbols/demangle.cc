#include "agent/symbols/demangle.h"

#include <libiberty/demangle.h>

#include <csetjmp>
#include <cstddef>
#include <string_view>

namespace waitscope {
namespace {

constexpr size_t kMaxMangled = 8192;
constexpr size_t kMaxDemangled = 8192;
// The Rust v0 demangler can lose one small buffer when it is cut short: stop before it matters.
constexpr int kMaxOversized = 256;

struct Output {
  std::string text;
  std::jmp_buf too_long;
};

// The demanglers offer no way to stop early but to leave through the callback. Both are C,
// hold their state on the stack, and so may be jumped over.
void Collect(const char* text, size_t length, void* opaque) {
  auto* output = static_cast<Output*>(opaque);
  if (output->text.size() + length > kMaxDemangled) std::longjmp(output->too_long, 1);
  output->text.append(text, length);
}

enum class Outcome { kDone, kNotMangled, kTooLong };

bool IsRust(std::string_view name) {
  return name.starts_with("_R") || (name.starts_with("_ZN") && name.ends_with("E") &&
                                    name.find("17h") != std::string_view::npos);
}

Outcome Run(const char* name, bool rust, Output& output) {
  if (setjmp(output.too_long) != 0) return Outcome::kTooLong;
  const int done =
      rust ? rust_demangle_callback(name, 0, Collect, &output)
           : cplus_demangle_v3_callback(name, DMGL_PARAMS | DMGL_ANSI, Collect, &output);
  return done ? Outcome::kDone : Outcome::kNotMangled;
}

Outcome RunEither(const std::string& name, Output& output) {
  if (IsRust(name)) {
    const Outcome outcome = Run(name.c_str(), true, output);
    if (outcome != Outcome::kNotMangled) return outcome;
    output.text.clear();
  }
  return Run(name.c_str(), false, output);
}

}  // namespace

std::string Demangler::Demangle(const std::string& name) {
  const bool mangled = name.starts_with("_Z") || name.starts_with("_R");
  if (!mangled || name.size() > kMaxMangled || oversized_ >= kMaxOversized) return name;
  Output output;
  const Outcome outcome = RunEither(name, output);
  oversized_ += outcome == Outcome::kTooLong;
  return outcome == Outcome::kDone && !output.text.empty() ? output.text : name;
}

}  // namespace waitscope
