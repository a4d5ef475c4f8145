// Running sample programs, and directories that look like /proc.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <functional>
#include <map>
#include <string>

namespace waitscope::testing {

std::string SamplePath(const std::string& name);

// A sample program that waits; it is told to leave, and reaped, by Stop or the destructor.
class SampleProcess {
 public:
  // `prepare` runs in the child before the program is started.
  explicit SampleProcess(
      const std::string& path, const std::function<void()>& prepare = [] {});
  ~SampleProcess() { Stop(); }
  SampleProcess(const SampleProcess&) = delete;
  SampleProcess& operator=(const SampleProcess&) = delete;

  uint32_t pid() const { return static_cast<uint32_t>(pid_); }
  // Function name to address, as the program itself says.
  const std::map<std::string, uint64_t>& functions() const { return functions_; }
  void Stop();

 private:
  void ReadFunctions(int fd);

  pid_t pid_ = -1;
  int input_ = -1;
  std::map<std::string, uint64_t> functions_;
};

// A directory removed with all it holds at the end of a test.
class ScratchDirectory {
 public:
  ScratchDirectory();
  ~ScratchDirectory();
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;
  const std::string& path() const { return path_; }
  std::string Write(const std::string& name, const std::string& text) const;

 private:
  std::string path_;
};

// One process in a made-up /proc.
struct FakeProcess {
  uint32_t pid = 1;
  uint64_t start_ticks = 1;
  std::string maps;
  uint32_t own_pid = 1;  // in its pid namespace
};

void WriteFakeProcess(const ScratchDirectory& proc, const FakeProcess& process);
void RemoveFakeProcess(const ScratchDirectory& proc, uint32_t pid);

}  // namespace waitscope::testing
