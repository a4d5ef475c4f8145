#include "cli/render/threads.h"

#include <gtest/gtest.h>

#include "tests/cli/golden.h"
#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

constexpr TextStyle kPlain{.color = false, .width = 80};

TEST(Threads, FoldsTheIdleAndLeadsWithWhoIsStuck) {
  ExpectGolden("threads.txt", RenderThreads(SampleThreads(), {false, " --pid 4711"}, kPlain));
}

TEST(Threads, ListsEverybodyWhenAsked) {
  ExpectGolden("threads_all.txt", RenderThreads(SampleThreads(), {true, " --pid 4711"}, kPlain));
}

TEST(Threads, LossesAndNotesAreNeverHidden) {
  v1::ThreadsResponse response = SampleThreads();
  *response.mutable_header() = SampleHeaderWithLosses();
  ExpectGolden("threads_lossy.txt", RenderThreads(response, {false, ""}, kPlain));
}

TEST(Threads, AThreadNamedWithEscapeSequencesDoesNotDriveTheTerminal) {
  const std::string text = RenderThreads(SampleThreads(), {true, ""}, kPlain);
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
}

TEST(Threads, OnlyPollAndSleepAndParkingAreIdle) {
  const v1::ThreadsResponse sample = SampleThreads();
  EXPECT_EQ(IdleReason(sample.threads(0)), "in poll or sleep");
  EXPECT_EQ(IdleReason(sample.threads(1)), "");
  EXPECT_EQ(IdleReason(sample.threads(3)), "parked on a futex");
  EXPECT_EQ(IdleReason(sample.threads(4)), "") << "blocked in fsync all the time is hung, not idle";
}

TEST(Threads, ALockHeldUpForHalfTheWindowIsNotParking) {
  v1::Thread thread = SampleThreads().threads(3);
  thread.mutable_open_wait()->set_ns(5'000'000'000);
  EXPECT_EQ(IdleReason(thread), "");
}

TEST(Threads, ManyProcessesShareOneTable) {
  v1::ThreadsResponse response = SampleThreads();
  for (const uint32_t pid : {1U, 2U, 3U}) {
    v1::Process* sleeper = response.add_processes();
    sleeper->set_pid(pid);
    sleeper->set_comm("sleeper");
    v1::Thread* thread = response.add_threads();
    *thread = response.threads(0);
    thread->set_pid(pid);
    thread->set_tid(pid);
  }
  ExpectGolden("threads_machine.txt", RenderThreads(response, {}, kPlain));
}

TEST(Threads, KernelThreadsAtRestAreFolded) {
  v1::Thread thread;
  thread.set_wall_ns(100);
  thread.set_kernel_thread(true);
  EXPECT_EQ(IdleReason(thread), "of the kernel");
}

TEST(Threads, AThreadThatReadsATerminalWaitsForInput) {
  v1::Thread thread;
  thread.set_wall_ns(100);
  thread.mutable_open_wait()->set_ns(100);
  thread.mutable_open_wait()->set_class_("pipe");
  thread.mutable_open_wait()->set_syscall("read");
  EXPECT_EQ(IdleReason(thread), "waiting for input");
  thread.mutable_open_wait()->set_syscall("write");
  EXPECT_EQ(IdleReason(thread), "") << "a writer is held up by its reader";
}

}  // namespace
}  // namespace waitscope::cli
