#include "cli/render/plumbing.h"

#include <gtest/gtest.h>

#include "cli/render/stacks.h"

namespace waitscope::cli {
namespace {

TEST(Plumbing, TellsHowThreadsStartFromWhatTheyDo) {
  EXPECT_EQ(PlumbingOf("start_thread"), Plumbing::kEntry);
  EXPECT_EQ(PlumbingOf("__libc_start_main@@GLIBC_2.34"), Plumbing::kEntry);
  EXPECT_EQ(PlumbingOf("_PyEval_EvalFrameDefault"), Plumbing::kEntry);
  EXPECT_EQ(PlumbingOf("do_futex"), Plumbing::kWay);
  EXPECT_EQ(PlumbingOf("pthread_mutex_lock"), Plumbing::kNone);
}

TEST(Plumbing, ANameWithoutAStarStandsForItselfAlone) {
  EXPECT_EQ(PlumbingOf("_start"), Plumbing::kEntry);
  EXPECT_EQ(PlumbingOf("_start_worker"), Plumbing::kNone);
}

TEST(Plumbing, AFunctionWhoseSourceIsKnownIsTheProgramsOwn) {
  EXPECT_EQ(PlumbingOf("schedule_jobs (jobs.py:41)"), Plumbing::kNone);
  EXPECT_EQ(PlumbingOf("schedule_jobs (jobs.py)"), Plumbing::kWay);
  EXPECT_EQ(PlumbingOf("schedule_jobs (int)"), Plumbing::kWay);
  EXPECT_EQ(PlumbingOf("schedule_jobs ("), Plumbing::kWay);
}

TEST(Plumbing, AnInterpretersNamelessCodeIsToldByItsFile) {
  EXPECT_EQ(PlumbingOf("python3.11+0x27d2e0"), Plumbing::kInterpreter);
  EXPECT_EQ(PlumbingOf("libpython3.12.so.1.0+0x1f00"), Plumbing::kInterpreter);
  EXPECT_EQ(PlumbingOf("py::handler:/srv/shop.py"), Plumbing::kInterpreter) << "python -X perf";
  EXPECT_EQ(PlumbingOf("_ssl.cpython-311-x86_64-linux-gnu.so+0x1f00"), Plumbing::kNone);
}

class LeftOut : public testing::Test {
 protected:
  // One sample in this user stack, leaf first.
  static std::vector<WeightedStack> Shown(const std::vector<std::string>& symbols,
                                          FrameChoice choice) {
    v1::ProfileResponse profile;
    profile.add_threads()->set_comm("service");
    profile.add_stacks();
    v1::Stack* stack = profile.add_stacks();
    for (const std::string& symbol : symbols) {
      stack->add_frames(static_cast<uint32_t>(profile.frames_size()));
      profile.add_frames()->set_symbol(symbol);
    }
    v1::Sample* sample = profile.add_samples();
    sample->set_ns(1);
    sample->set_user_stack(1);
    return WeightedStacks(profile, {Prefix::kNone, choice});
  }

  static std::vector<std::string> Names(const WeightedStack& stack) {
    std::vector<std::string> names;
    for (const NamedFrame& frame : stack.frames) names.push_back(frame.name);
    return names;
  }
};

TEST_F(LeftOut, NamelessCodeOfAnInterpreterWhereItsFunctionsAreNamed) {
  EXPECT_EQ(Names(Shown({"recv", "python3.11+0x1", "ask (labkit.py:64)", "python3.11+0x2"},
                        FrameChoice::kOwn)
                      .at(0)),
            (std::vector<std::string>{"ask (labkit.py:64)", "recv"}));
  EXPECT_EQ(Names(Shown({"recv", "python3.11+0x1"}, FrameChoice::kOwn).at(0)),
            (std::vector<std::string>{"python3.11+0x1", "recv"}));
}

TEST_F(LeftOut, FramesAreCounted) {
  const auto stacks = Shown({"do_futex", "handle", "start_thread", "clone3"}, FrameChoice::kOwn);
  EXPECT_EQ(Names(stacks.at(0)), (std::vector<std::string>{"handle", "do_futex"}));
  EXPECT_EQ(stacks.at(0).folded, 2U);
}

TEST_F(LeftOut, SentencesHaveStillFewer) {
  const auto stacks = Shown({"do_futex", "handle", "start_thread"}, FrameChoice::kTelling);
  EXPECT_EQ(Names(stacks.at(0)), (std::vector<std::string>{"handle"}));
}

TEST_F(LeftOut, AStackOfNothingElseKeepsItsLeaf) {
  const auto stacks = Shown({"start_thread", "clone3"}, FrameChoice::kOwn);
  EXPECT_EQ(Names(stacks.at(0)), (std::vector<std::string>{"start_thread"}));
}

TEST_F(LeftOut, AllMeansAll) {
  const auto stacks = Shown({"start_thread", "clone3"}, FrameChoice::kAll);
  EXPECT_EQ(Names(stacks.at(0)), (std::vector<std::string>{"clone3", "start_thread"}));
}

}  // namespace
}  // namespace waitscope::cli
