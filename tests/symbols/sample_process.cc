#include "tests/symbols/sample_process.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>

namespace waitscope::testing {

std::string SamplePath(const std::string& name) { return std::string(SAMPLES) + "/" + name; }

SampleProcess::SampleProcess(const std::string& path, const std::function<void()>& prepare) {
  int input[2];
  int output[2];
  if (pipe2(input, O_CLOEXEC) != 0 || pipe2(output, O_CLOEXEC) != 0) std::abort();
  pid_ = fork();
  if (pid_ == 0) {
    prepare();
    dup2(input[0], STDIN_FILENO);
    dup2(output[1], STDOUT_FILENO);
    execl(path.c_str(), path.c_str(), nullptr);
    _exit(127);
  }
  close(input[0]);
  close(output[1]);
  input_ = input[1];
  ReadFunctions(output[0]);
}

void SampleProcess::ReadFunctions(int fd) {
  FILE* const lines = fdopen(fd, "r");
  char line[256];
  while (functions_.size() < 3 && fgets(line, sizeof(line), lines) != nullptr) {
    const std::string text(line);
    const size_t space = text.rfind(' ');
    functions_[text.substr(0, space)] = std::stoull(text.substr(space + 1), nullptr, 16);
  }
  fclose(lines);
  EXPECT_EQ(functions_.size(), 3u) << "the sample program did not start";
}

void SampleProcess::Stop() {
  if (pid_ < 0) return;
  close(input_);
  waitpid(pid_, nullptr, 0);
  pid_ = -1;
}

ScratchDirectory::ScratchDirectory() {
  char name[] = "/tmp/waitscope-symbols-XXXXXX";
  path_ = mkdtemp(name);
}

ScratchDirectory::~ScratchDirectory() {
  std::error_code ignored;
  std::filesystem::remove_all(path_, ignored);
}

std::string ScratchDirectory::Write(const std::string& name, const std::string& text) const {
  const std::filesystem::path path = std::filesystem::path(path_) / name;
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary) << text;
  return path.string();
}

void WriteFakeProcess(const ScratchDirectory& proc, const FakeProcess& process) {
  const std::string id = std::to_string(process.pid);
  const std::string home = id + "/";
  const std::string start = std::to_string(process.start_ticks);
  proc.Write(home + "task/" + id + "/stat",
             id + " (odd ) name) S 1 1 1 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 " + start + " 0 0\n");
  proc.Write(home + "maps", process.maps);
  proc.Write(home + "status", "Name:\tx\nPid:\t" + id + "\nUid:\t0\t" + std::to_string(geteuid()) +
                                  "\t0\t0\nNSpid:\t" + id + "\t" + std::to_string(process.own_pid) +
                                  "\n");
  std::filesystem::create_directories(proc.path() + "/" + home + "root/tmp");
}

void RemoveFakeProcess(const ScratchDirectory& proc, uint32_t pid) {
  std::filesystem::remove_all(proc.path() + "/" + std::to_string(pid));
}

}  // namespace waitscope::testing
