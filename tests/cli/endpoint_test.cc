#include "cli/endpoint.h"

#include <gtest/gtest.h>

namespace waitscope::cli {
namespace {

EndpointOptions At(const std::string& endpoint) {
  EndpointOptions options;
  options.endpoint = endpoint;
  return options;
}

TEST(Endpoint, IsTheDefaultSocketWhenNotGiven) {
  const absl::StatusOr<Endpoint> endpoint = ResolveEndpoint({});
  ASSERT_TRUE(endpoint.ok());
  EXPECT_TRUE(endpoint->is_default);
  EXPECT_TRUE(endpoint->IsUnix());
  EXPECT_FALSE(endpoint->tls);
}

TEST(Endpoint, IsPlainOnLoopbackAndTlsBeyond) {
  EXPECT_FALSE(ResolveEndpoint(At("127.0.0.1:9470"))->tls);
  EXPECT_FALSE(ResolveEndpoint(At("localhost:9470"))->tls);
  EXPECT_FALSE(ResolveEndpoint(At("[::1]:9470"))->tls);
  EXPECT_TRUE(ResolveEndpoint(At("10.0.0.7:9470"))->tls);
  EXPECT_TRUE(ResolveEndpoint(At("web-17:9470"))->tls);
}

TEST(Endpoint, RefusesWhatIsNoAddress) {
  for (const char* text : {"unix:", "nonsense", "host:", ":1", "host:0", "host:99999", "host:x"}) {
    EXPECT_EQ(ResolveEndpoint(At(text)).status().code(), absl::StatusCode::kInvalidArgument)
        << text;
  }
}

TEST(Endpoint, ACertificateNeedsItsKey) {
  EndpointOptions options = At("web-17:9470");
  options.tls_cert = "/proc/self/status";
  EXPECT_EQ(ResolveEndpoint(options).status().code(), absl::StatusCode::kInvalidArgument);
  options.tls_key = "/nowhere/key.pem";
  EXPECT_EQ(ResolveEndpoint(options).status().code(), absl::StatusCode::kDataLoss);
}

}  // namespace
}  // namespace waitscope::cli
