#include "agent/source/mapping_tracker.h"

#include <gmock/gmock.h>

#include <string>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

using Kind = MappingRecord::Kind;
using testing::ElementsAre;
using testing::IsEmpty;

MappingRecord Map(uint32_t pid, uint64_t start, uint64_t end, std::string path = "a",
                  uint64_t offset = 0) {
  return {.kind = Kind::kMap,
          .pid = pid,
          .start = start,
          .end = end,
          .offset = offset,
          .file = {1, 2, std::move(path)}};
}

// "start-end+offset path", in hundreds.
std::vector<std::string> Shown(const MappingTracker& tracker, uint32_t pid) {
  std::vector<std::string> shown;
  const SharedMappings mappings = tracker.Find(pid);
  if (!mappings) return {"unknown"};
  for (const TextMapping& m : *mappings) {
    shown.push_back(absl::StrCat(m.start, "-", m.end, "+", m.offset, " ", m.file->path));
  }
  return shown;
}

TEST(MappingTracker, KeepsMappingsSorted) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 300, 400, "b"));
  tracker.Apply(Map(1, 100, 200, "a"));
  EXPECT_THAT(Shown(tracker, 1), ElementsAre("100-200+0 a", "300-400+0 b"));
  EXPECT_THAT(Shown(tracker, 2), ElementsAre("unknown"));
}

TEST(MappingTracker, NewMappingReplacesWhatItCovers) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, 200, "a"));
  tracker.Apply(Map(1, 200, 300, "b"));
  tracker.Apply(Map(1, 300, 400, "c"));
  tracker.Apply(Map(1, 150, 350, "d"));
  EXPECT_THAT(Shown(tracker, 1), ElementsAre("100-150+0 a", "150-350+0 d", "350-400+50 c"));
}

TEST(MappingTracker, MappingInTheMiddleLeavesBothSides) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, 400, "a", 1000));
  tracker.Apply(Map(1, 200, 300, "b"));
  EXPECT_THAT(Shown(tracker, 1), ElementsAre("100-200+1000 a", "200-300+0 b", "300-400+1200 a"));
}

TEST(MappingTracker, ChildHasItsParentsMappingsAndThenItsOwn) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, 200, "a"));
  tracker.Apply({.kind = Kind::kFork, .pid = 2, .parent_pid = 1});
  EXPECT_EQ(tracker.Find(1), tracker.Find(2)) << "shared";
  tracker.Apply(Map(2, 300, 400, "b"));
  EXPECT_THAT(Shown(tracker, 2), ElementsAre("100-200+0 a", "300-400+0 b"));
  EXPECT_THAT(Shown(tracker, 1), ElementsAre("100-200+0 a"));
}

TEST(MappingTracker, ExecForgetsTheProgramOfBefore) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, 200, "a"));
  tracker.Apply({.kind = Kind::kExec, .pid = 1});
  EXPECT_THAT(Shown(tracker, 1), IsEmpty());
}

MappingRecord At(uint64_t time_ns, MappingRecord record) {
  record.time_ns = time_ns;
  return record;
}

TEST(MappingTracker, ExecThatComesLateKeepsWhatIsYounger) {
  MappingTracker tracker;
  tracker.Apply(At(1, Map(1, 100, 200, "old")));
  tracker.Apply(At(5, Map(1, 300, 400, "new")));
  tracker.Apply(At(3, {.kind = Kind::kExec, .pid = 1}));
  EXPECT_THAT(Shown(tracker, 1), ElementsAre("300-400+0 new"));
}

TEST(MappingTracker, ForkThatComesLateKeepsWhatTheChildHasMappedSince) {
  MappingTracker tracker;
  tracker.Apply(At(1, Map(1, 100, 400, "parent")));
  tracker.Apply(At(5, Map(2, 200, 300, "child")));
  tracker.Apply(At(3, {.kind = Kind::kFork, .pid = 2, .parent_pid = 1}));
  EXPECT_THAT(Shown(tracker, 2),
              ElementsAre("100-200+0 parent", "200-300+0 child", "300-400+200 parent"));
}

TEST(MappingTracker, ProgramOfBeforeIsStillKnownForItsOwnTime) {
  MappingTracker tracker;
  tracker.Apply(At(1, Map(1, 100, 200, "shell")));
  tracker.Apply(At(5, {.kind = Kind::kExec, .pid = 1}));
  tracker.Apply(At(6, Map(1, 700, 800, "program")));
  EXPECT_EQ(tracker.FindAt(1, 4)->at(0).file->path, "shell");
  EXPECT_EQ(tracker.FindAt(1, 5)->at(0).file->path, "program");
  EXPECT_EQ(tracker.FindAt(2, 5), nullptr);
}

TEST(MappingTracker, MappingThatComesLateReplacesNothingYounger) {
  MappingTracker tracker;
  tracker.Apply(At(5, Map(1, 100, 200, "new")));
  tracker.Apply(At(3, Map(1, 150, 250, "old")));
  EXPECT_THAT(Shown(tracker, 1), ElementsAre("100-200+0 new"));
}

TEST(MappingTracker, EveryForkIsAChangeOfTheChild) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, 200, "a"));
  EXPECT_THAT(tracker.TakeChanged(), ElementsAre(1));
  EXPECT_THAT(tracker.TakeChanged(), IsEmpty());
  tracker.Apply({.kind = Kind::kFork, .pid = 2, .parent_pid = 1});
  EXPECT_THAT(tracker.TakeChanged(), ElementsAre(2));
}

TEST(MappingTracker, ExitLeavesMappingsUntilForgotten) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, 200, "a"));
  tracker.Apply({.kind = Kind::kExit, .pid = 1});
  EXPECT_THAT(Shown(tracker, 1), ElementsAre("100-200+0 a"));
  tracker.Forget(1);
  EXPECT_THAT(Shown(tracker, 1), ElementsAre("unknown"));
  EXPECT_THAT(tracker.TakeChanged(), IsEmpty());
}

TEST(MappingTracker, SnapshotReplacesEverything) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, 200, "a"));
  tracker.Replace(1, {Map(1, 500, 600, "b")});
  EXPECT_THAT(Shown(tracker, 1), ElementsAre("500-600+0 b"));
}

TEST(MappingTracker, EqualFilesAreOne) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, 200, "a"));
  tracker.Apply(Map(2, 700, 800, "a"));
  tracker.Apply(Map(2, 100, 200, "b"));
  EXPECT_EQ(tracker.Find(1)->at(0).file, tracker.Find(2)->at(1).file);
  EXPECT_NE(tracker.Find(2)->at(0).file, tracker.Find(2)->at(1).file);
}

TEST(MappingTracker, FilesNobodyMapsAreNotKept) {
  MappingTracker tracker;
  tracker.Apply(Map(1, 100, 200, "kept"));
  const std::weak_ptr<const MappedFile> first = tracker.Find(1)->at(0).file;
  tracker.Apply({.kind = Kind::kExec, .pid = 1});
  tracker.Apply({.kind = Kind::kExec, .pid = 1});
  for (int file = 0; file < 5000; ++file) {
    tracker.Apply(Map(2, 100, 200, absl::StrCat("f", file)));
  }
  EXPECT_TRUE(first.expired());
}

TEST(MappingTracker, ProcessesAreBounded) {
  MappingTracker tracker(10);
  for (uint64_t at = 0; at < 20; ++at) tracker.Apply(Map(1, 100 * at, 100 * at + 50));
  EXPECT_EQ(tracker.Find(1)->size(), 10u);
  EXPECT_EQ(tracker.refused(), 10u);
}

}  // namespace
}  // namespace waitscope
