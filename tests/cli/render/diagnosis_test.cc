#include "cli/render/diagnosis.h"

#include <google/protobuf/text_format.h>
#include <gtest/gtest.h>

#include "absl/strings/str_split.h"
#include "tests/cli/golden.h"
#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

constexpr TextStyle kPlain{.color = false, .width = 80};

constexpr char kFindings[] = R"(
  schema: 'waitscope.diagnosis/v1'
  findings {
    condition: 'thread-pool-starvation' severity: 'critical' confidence: 0.93 id: '00c0ffee'
    lasting: true begin { seconds: 1789999810 } end { seconds: 1790000010 }
    process { pid: 4711 comm: 'orders-api' }
    threads { tid: 4731 comm: 'pool-1-thread-1' } threads { tid: 4732 comm: 'pool-1-thread-1' }
    impact { stalled_ns: 15900000000 share: 0.99 unread_request_age_p99_ns: 640000000 }
    evidence { kind: 'stack' total_ns: 15900000000 count: 23
               frames: 'sk_wait_data' frames: 'tcp_recvmsg' frames: '__x64_sys_recvfrom'
               frames: 'recv' frames: 'OrderRepo.load' frames: 'OrderHandler.get'
               frames: 'start_thread' frames: 'clone3' }
    evidence { kind: 'peer' object: '10.0.0.5:5432' }
    evidence { kind: 'metric' name: 'pool_threads_idle' value: 0 unit: 'threads' }
    evidence { kind: 'metric' name: 'wait_mean_ns' value: 691000000 unit: 'ns' threshold: 30000000 }
    evidence { kind: 'thread' name: 'postgres' tid: 912 role: 'answers' }
    evidence { kind: 'explains' object: 'backend-wait' name: 'orders-api waited 691 ms' }
    evidence { kind: 'check' command: 'cat /proc/4711/task/4731/syscall' }
    summary: 'all 2 worker threads of orders-api (pid 4711) were blocked for 99 % of 8.0 s, mostly waiting for 10.0.0.5:5432 to answer'
    advice: 'make the call asynchronous or faster; stop-gap: raise the pool\'s size'
  })";

v1::Diagnosis SampleDiagnosis() {
  v1::Diagnosis diagnosis;
  if (!google::protobuf::TextFormat::ParseFromString(kFindings, &diagnosis)) abort();
  *diagnosis.mutable_header() = SampleHeader();
  return diagnosis;
}

TEST(Diagnosis, GoldenPutsTheSentenceFirstAndTheNextCommandLast) {
  const std::string text = RenderDiagnosis(SampleDiagnosis(), " --pid 4711", kPlain);
  ExpectGolden("diagnosis.txt", text);
  for (const absl::string_view line : absl::StrSplit(text, '\n')) {
    EXPECT_LE(DisplayWidth(line), 80) << line;
  }
}

TEST(Diagnosis, GoldenJsonHasOnlyTheFieldsThatMeanSomething) {
  ExpectGolden("diagnosis.json", RenderDiagnosisJson(SampleDiagnosis()));
}

TEST(Diagnosis, AHealthyMachineIsSaidToBeHealthy) {
  v1::Diagnosis healthy;
  *healthy.mutable_header() = SampleHeader();
  EXPECT_NE(RenderDiagnosis(healthy, "", kPlain).find("nothing wrong found"), std::string::npos);
  EXPECT_NE(RenderDiagnosisJson(healthy).find("\"findings\": []"), std::string::npos);
}

TEST(Diagnosis, NamesFromOtherProgramsCannotDriveTheTerminal) {
  v1::Diagnosis diagnosis = SampleDiagnosis();
  diagnosis.mutable_findings(0)->set_summary("evil\x1b[31mname");
  EXPECT_EQ(RenderDiagnosis(diagnosis, "", kPlain).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace waitscope::cli
