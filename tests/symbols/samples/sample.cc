// A program whose functions the symbol tests look up. Prints "NAME ADDRESS" of each, then waits
// until its input is closed.
#include <time.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>

extern "C" __attribute__((noinline)) int sample_alpha(int value) { return value * 3 + 1; }

namespace sample {
__attribute__((noinline)) int Beta(const char* text, int value) { return text[0] + value; }
}  // namespace sample

static __attribute__((noinline)) int HiddenGamma(int value) { return value ^ 0x55; }

int main() {
  printf("sample_alpha %lx\n", reinterpret_cast<uintptr_t>(&sample_alpha));
  printf("sample::Beta(char const*, int) %lx\n", reinterpret_cast<uintptr_t>(&sample::Beta));
  printf("HiddenGamma(int) %lx\n", reinterpret_cast<uintptr_t>(&HiddenGamma));
  fflush(stdout);
  char byte = 0;
  while (read(STDIN_FILENO, &byte, 1) > 0) {
  }
  return sample_alpha(1) + sample::Beta("x", 1) + HiddenGamma(1) == 0;
}
