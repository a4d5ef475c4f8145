// Turns linker names into the names people wrote.
#pragma once

#include <string>

namespace waitscope {

// Demangles C++ (Itanium) and Rust (legacy and v0) names, the Rust hash suffix dropped. Any
// other name comes back as it is. A few hundred bytes of hostile name can describe gigabytes
// of text, so the output is bounded and names that go past the bound are not demangled.
class Demangler {
 public:
  std::string Demangle(const std::string& name);

 private:
  int oversized_ = 0;
};

}  // namespace waitscope
