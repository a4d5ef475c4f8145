#include "agent/source/python_processes.h"

#include <gtest/gtest.h>

namespace waitscope {
namespace {

TEST(PythonProcesses, AThreadIsCalledAsItsInnermostNamespaceCallsIt) {
  EXPECT_EQ(NamespaceTid("Name:\tpython3\nPid:\t4711\nNSpid:\t4711\t12\nNSpgid:\t1\n"), 12U);
  EXPECT_EQ(NamespaceTid("Name:\tpython3\nNSpid:\t4711\nNSpgid:\t4711\n"), 4711U);
  EXPECT_EQ(NamespaceTid("Name:\tpython3\nNSpid:\t4711"), 4711U);
}

TEST(PythonProcesses, AStatusThatDoesNotTellIsNoThread) {
  for (const char* status :
       {"", "Name:\tpython3\n", "Name:\tx\nNSpid:\n", "Name:\tx\nNSpid:\tno\n"}) {
    EXPECT_EQ(NamespaceTid(status), 0U) << status;
  }
}

TEST(PythonProcesses, KnowsWhatWasNotedLast) {
  PythonProcesses processes;
  EXPECT_FALSE(processes.Find(7));
  processes.Note(7, PythonProcess{.layout = {}, .runtime = 5});
  EXPECT_EQ(processes.Find(7)->runtime, 5U);
  processes.Note(7, std::nullopt);
  EXPECT_FALSE(processes.Find(7));
}

TEST(PythonProcesses, OtherProcessesHaveNoFrames) {
  raw_stack waiting{};
  waiting.python_words = 9;
  PythonProcesses().ReadFrames(waiting, MemoryOf(waiting.pid));
  EXPECT_EQ(waiting.python_words, 0U);
}

}  // namespace
}  // namespace waitscope
