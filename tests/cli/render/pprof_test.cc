#include "cli/render/pprof.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include "cli/render/pprof_proto/profile.pb.h"
#include "tests/cli/samples.h"

namespace waitscope::cli {
namespace {

std::string Gunzip(const std::string& compressed) {
  z_stream stream{};
  EXPECT_EQ(inflateInit2(&stream, 15 + 16), Z_OK);
  std::string data(1 << 20, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data()));
  stream.avail_in = static_cast<uInt>(compressed.size());
  stream.next_out = reinterpret_cast<Bytef*>(data.data());
  stream.avail_out = static_cast<uInt>(data.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  data.resize(stream.total_out);
  inflateEnd(&stream);
  return data;
}

perftools::profiles::Profile SamplePprof(const v1::ProfileResponse& source = SampleProfile()) {
  const absl::StatusOr<std::string> compressed = RenderPprof(source);
  EXPECT_TRUE(compressed.ok());
  perftools::profiles::Profile profile;
  EXPECT_TRUE(profile.ParseFromString(Gunzip(*compressed)));
  return profile;
}

std::string Text(const perftools::profiles::Profile& profile, int64_t index) {
  return profile.string_table(static_cast<int>(index));
}

std::string FunctionAt(const perftools::profiles::Profile& profile, uint64_t location) {
  const uint64_t function = profile.location(static_cast<int>(location) - 1).line(0).function_id();
  return Text(profile, profile.function(static_cast<int>(function) - 1).name());
}

TEST(Pprof, HasCountsAndNanoseconds) {
  const auto profile = SamplePprof();
  ASSERT_EQ(profile.sample_type_size(), 2);
  EXPECT_EQ(Text(profile, profile.sample_type(0).unit()), "count");
  EXPECT_EQ(Text(profile, profile.sample_type(1).type()), "off_cpu");
  EXPECT_EQ(Text(profile, profile.default_sample_type()), "off_cpu");
  EXPECT_EQ(Text(profile, 0), "");
  int64_t sum = 0;
  for (const auto& sample : profile.sample()) sum += sample.value(1);
  EXPECT_EQ(static_cast<uint64_t>(sum), SampleProfile().total_ns());
}

TEST(Pprof, AKnownSourceHasItsFileAndLine) {
  v1::ProfileResponse source = SampleProfile();
  for (v1::Frame& frame : *source.mutable_frames()) {
    frame.set_file("/srv/" + frame.symbol() + ".py");
    frame.set_line(41);
  }
  const auto profile = SamplePprof(source);
  const auto location = profile.sample(0).location_id(3);
  EXPECT_EQ(FunctionAt(profile, location), "main");
  const auto& line = profile.location(static_cast<int>(location) - 1).line(0);
  EXPECT_EQ(line.line(), 41);
  const auto& function = profile.function(static_cast<int>(line.function_id()) - 1);
  EXPECT_EQ(Text(profile, function.filename()), "/srv/main.py");
}

TEST(Pprof, StacksAreLeafFirstWithMappings) {
  const auto profile = SamplePprof();
  const auto& sample = profile.sample(0);
  ASSERT_EQ(sample.location_id_size(), 4);
  EXPECT_EQ(FunctionAt(profile, sample.location_id(0)), "schedule");
  EXPECT_EQ(FunctionAt(profile, sample.location_id(3)), "main");
  const auto& location = profile.location(static_cast<int>(sample.location_id(3)) - 1);
  const auto& mapping = profile.mapping(static_cast<int>(location.mapping_id()) - 1);
  EXPECT_EQ(Text(profile, mapping.filename()), "orders");
  EXPECT_EQ(Text(profile, mapping.build_id()), "c0ffee");
}

TEST(Pprof, TheWaitsFactsAreLabels) {
  const auto profile = SamplePprof();
  std::map<std::string, std::string> labels;
  for (const auto& label : profile.sample(0).label()) {
    labels[Text(profile, label.key())] =
        label.str() != 0 ? Text(profile, label.str()) : std::to_string(label.num());
  }
  EXPECT_EQ(labels["class"], "network");
  EXPECT_EQ(labels["syscall"], "read");
  EXPECT_EQ(labels["object"], "10.0.0.5:5432");
  EXPECT_EQ(labels["tid"], "4731");
}

}  // namespace
}  // namespace waitscope::cli
