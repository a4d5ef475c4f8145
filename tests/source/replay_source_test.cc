#include "agent/source/replay_source.h"

#include <gmock/gmock.h>
#include <zstd.h>

#include <sstream>

#include "agent/source/event_codec.h"
#include "agent/source/log_format.h"
#include "agent/source/log_writer.h"
#include "tests/core/debug_string.h"
#include "tests/core/timeline.h"

namespace waitscope {
namespace {

using testing::HasSubstr;

class Replay : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<ReplaySource>> Open(const std::string& bytes) {
    return ReplaySource::Read(std::make_unique<std::istringstream>(bytes), "x.wslog");
  }

  void Write(const std::vector<Event>& events) {
    for (const Event& event : events) ASSERT_TRUE(writer_.Write(event).ok());
  }

  std::string Finished() {
    EXPECT_TRUE(writer_.Finish().ok());
    return bytes_;
  }

  static absl::Status Drain(ReplaySource& source, absl::FunctionRef<void(const Event&)> fold) {
    for (;;) {
      const absl::StatusOr<bool> more = source.Poll(fold);
      if (!more.ok()) return more.status();
      if (!*more) return absl::OkStatus();
    }
  }

  std::string bytes_;
  LogWriter writer_{[this](std::string_view chunk) {
    bytes_ += chunk;
    return absl::OkStatus();
  }};
};

std::vector<Event> SmallLife() {
  std::vector<Event> log{TickAt(0)};
  Timeline thread(log, 1, 2);
  thread.Stacks(5, 6).BornAt(0);
  for (uint64_t wait = 0; wait < 9000; ++wait) {
    const uint64_t now = (wait + 1) * kMs;
    thread.BlockAt(now, WAIT_lock).WakeAt(now + 100).RunAt(now + 150);
    if (wait % 3000 != 2999) continue;
    thread.ReadAt(now + 200);
    log.emplace_back(TickAt(now + 300));
  }
  return log;
}

TEST_F(Replay, GivesTheWindowsThatWereSeenLive) {
  const std::vector<Event> events = SmallLife();
  Write(events);
  auto source = Open(Finished());
  ASSERT_TRUE(source.ok()) << source.status();
  std::string replayed;
  WindowBuilder builder;
  const absl::Status status = Drain(**source, [&](const Event& event) {
    if (const auto window = builder.Fold(event)) replayed += DebugString(window->snapshot);
  });
  ASSERT_TRUE(status.ok()) << status;
  std::string live;
  for (const Window& window : FoldAll(events)) live += DebugString(window.snapshot);
  EXPECT_EQ(replayed, live);
}

TEST_F(Replay, NamesOfStacksAreKnownFromTheStart) {
  Write({TickAt(0)});
  const Stack stack{
      .frames = {{.address = 7,
                  .file_offset = 3,
                  .symbol = "fsync",
                  .module = "libc.so.6",
                  .build_id = "ab12"},
                 {.symbol = "handle", .module = "[python]", .file = "/srv/server.py", .line = 41},
                 {.address = 8, .symbol = "main"}},
      .truncated = "no unwind information"};
  ASSERT_TRUE(writer_.WriteStack(5, stack).ok());
  ASSERT_TRUE(writer_.WriteStack(5, Stack{}).ok()) << "written once";
  auto source = Open(Finished());
  ASSERT_TRUE(source.ok());
  EXPECT_EQ((*source)->symbols().Resolve({.id = 5, .pid = 1, .addresses = {7, 8}}), stack);
}

TEST_F(Replay, StackWithoutFramesKeepsItsReason) {
  ASSERT_TRUE(writer_.WriteStack(5, {.frames = {}, .truncated = "process exited"}).ok());
  auto source = Open(Finished());
  EXPECT_EQ((*source)->symbols().Resolve({.id = 5, .pid = 1, .addresses = {7}}).truncated,
            "process exited");
}

TEST_F(Replay, UnnamedStackKeepsItsAddresses) {
  auto source = Open(Finished());
  const Stack stack = (*source)->symbols().Resolve({.id = 9, .pid = 1, .addresses = {7, 8}});
  ASSERT_EQ(stack.frames.size(), 2u);
  EXPECT_EQ(stack.frames[1].address, 8u);
}

TEST_F(Replay, CutLogGivesItsWindowsAndThenTheError) {
  Write(SmallLife());
  ASSERT_TRUE(writer_.Flush().ok());
  auto source = Open(bytes_);
  ASSERT_TRUE(source.ok()) << source.status();
  int windows = 0;
  WindowBuilder builder;
  const absl::Status status =
      Drain(**source, [&](const Event& event) { windows += builder.Fold(event).has_value(); });
  EXPECT_EQ(windows, 3);
  EXPECT_THAT(status.ToString(), HasSubstr("x.wslog: the log ends at byte"));
}

TEST_F(Replay, UnknownKindsAreSkippedAndCounted) {
  std::string raw;
  EncodeEvent(TickAt(5), raw);
  raw[0] = static_cast<char>(EVENT_KIND_COUNT);
  EncodeEvent(TickAt(6), raw);
  std::string block(ZSTD_compressBound(raw.size()), '\0');
  block.resize(ZSTD_compress(block.data(), block.size(), raw.data(), raw.size(), 1));
  const BlockHeader header{static_cast<uint32_t>(block.size()), static_cast<uint32_t>(raw.size())};

  auto source = Open(LogHeader() + EncodeBlockHeader(header) + block + EncodeBlockHeader({}));
  ASSERT_TRUE(source.ok()) << source.status();
  int events = 0;
  EXPECT_TRUE(Drain(**source, [&](const Event&) { ++events; }).ok());
  EXPECT_EQ(events, 1);
  EXPECT_EQ((*source)->skipped_records(), 1u);
}

TEST_F(Replay, MissingFileSaysSo) {
  const auto source = ReplaySource::Open("/nonexistent/x.wslog");
  EXPECT_EQ(source.status().code(), absl::StatusCode::kNotFound);
  EXPECT_THAT(source.status().ToString(), HasSubstr("/nonexistent/x.wslog"));
  EXPECT_THAT(source.status().ToString(), HasSubstr("No such file"));
}

TEST_F(Replay, DirectoryIsNoLog) { EXPECT_FALSE(ReplaySource::Open("/tmp").ok()); }

TEST_F(Replay, OtherFileIsRefusedAtOnceAndByName) {
  const auto source = Open("#!/bin/sh\necho hello\n");
  EXPECT_THAT(source.status().ToString(), HasSubstr("x.wslog: this is not a waitscope log"));
}

}  // namespace
}  // namespace waitscope
