// Who may speak to a TCP address, and what is refused at start.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <sstream>

#include "tests/agent/service_fixture.h"

namespace waitscope {
namespace {

using testing::HasSubstr;

std::string Read(const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

class TlsTest : public testing::Test {
 protected:
  void SetUp() override {
    MakeAuthority("ca");
    MakeAuthority("stranger");
    Sign("server", "ca", "subjectAltName=IP:127.0.0.1");
    Sign("client", "ca", "extendedKeyUsage=clientAuth");
    Sign("imposter", "stranger", "extendedKeyUsage=clientAuth");
  }

  std::string Path(const std::string& name) const { return directory_ / name; }

  static void Run(const std::string& command) {
    ASSERT_EQ(system((command + " 2>/dev/null").c_str()), 0) << command;
  }

  void MakeAuthority(const std::string& name) {
    Run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj "
        "/CN=" +
        name + " -keyout " + Path(name + ".key") + " -out " + Path(name + ".crt"));
  }

  void Sign(const std::string& name, const std::string& authority, const std::string& extension) {
    std::ofstream(Path(name + ".ext")) << extension << "\n";
    Run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=" + name +
        " -keyout " + Path(name + ".key") + " -out " + Path(name + ".csr"));
    Run("openssl x509 -req -days 2 -in " + Path(name + ".csr") + " -CA " +
        Path(authority + ".crt") + " -CAkey " + Path(authority + ".key") +
        " -CAcreateserial -extfile " + Path(name + ".ext") + " -out " + Path(name + ".crt"));
  }

  ServerOptions Options(const std::string& client_ca = "") const {
    return {.listen = {"127.0.0.1:0"},
            .tls = {Path("server.crt"), Path("server.key"),
                    client_ca.empty() ? "" : Path(client_ca + ".crt")}};
  }

  grpc::Status Ask(const std::string& address, const std::string& key) const {
    grpc::SslCredentialsOptions options;
    options.pem_root_certs = Read(Path("ca.crt"));
    if (!key.empty()) {
      options.pem_cert_chain = Read(Path(key + ".crt"));
      options.pem_private_key = Read(Path(key + ".key"));
    }
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
    v1::Status status;
    return Connect(address, grpc::SslCredentials(options))->GetStatus(&context, {}, &status);
  }

  std::string Refusal(const ServerOptions& options) const {
    const auto server = Server::Claim(options);
    return server.ok() ? "accepted" : std::string(server.status().message());
  }

  TemporaryDirectory directory_;
};

TEST_F(TlsTest, AVerifiedClientIsAnswered) {
  RunningAgent agent({}, Options("ca"));
  const grpc::Status status = Ask(agent.address(), "client");
  EXPECT_TRUE(status.ok()) << status.error_message();
}

TEST_F(TlsTest, AClientWithoutACertificateIsRefused) {
  RunningAgent agent({}, Options("ca"));
  EXPECT_EQ(Ask(agent.address(), "").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, AClientOfAnotherAuthorityIsRefused) {
  RunningAgent agent({}, Options("ca"));
  EXPECT_EQ(Ask(agent.address(), "imposter").error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, WithoutAClientAuthorityAnyClientIsAnswered) {
  RunningAgent agent({}, Options());
  EXPECT_TRUE(Ask(agent.address(), "").ok());
}

TEST_F(TlsTest, PlainTextGetsNoAnswerWhereTlsIsSpoken) {
  RunningAgent agent({}, Options());
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(10));
  v1::Status status;
  EXPECT_FALSE(Connect(agent.address())->GetStatus(&context, {}, &status).ok());
}

TEST_F(TlsTest, AKeyOfAnotherCertificateIsRefusedAtStart) {
  ServerOptions options = Options();
  options.tls.key = Path("client.key");
  EXPECT_THAT(Refusal(options), HasSubstr("is not the private key of"));
}

TEST_F(TlsTest, AFileThatCannotBeReadIsNamed) {
  ServerOptions options = Options();
  options.tls.cert = Path("nowhere.crt");
  EXPECT_THAT(Refusal(options), HasSubstr("nowhere.crt: cannot be read"));
}

TEST_F(TlsTest, WhatIsNoCertificateIsSaidToBeNone) {
  ServerOptions options = Options();
  options.tls.cert = Path("server.key");
  EXPECT_THAT(Refusal(options), HasSubstr("is no certificate"));
  options = Options("server.ext-is-no");
  std::ofstream(Path("server.ext-is-no.crt")) << "not a certificate\n";
  EXPECT_THAT(Refusal(options), HasSubstr("--tls-client-ca"));
}

TEST(PlainTextTest, IsAllowedOnLoopback) {
  RunningAgent agent({}, {.listen = {"127.0.0.1:0"}});
  grpc::ClientContext context;
  v1::Status status;
  EXPECT_TRUE(Connect(agent.address())->GetStatus(&context, {}, &status).ok());
}

TEST(PlainTextTest, IsRefusedOffLoopbackWithWhatToGive) {
  for (const char* address : {"0.0.0.0:0", "[::]:0", "192.0.2.1:7717"}) {
    const auto server = Server::Claim({.listen = {address}});
    ASSERT_TRUE(absl::IsInvalidArgument(server.status())) << address;
    EXPECT_THAT(std::string(server.status().message()), HasSubstr("--tls-cert")) << address;
  }
}

TEST(PlainTextTest, TwoAgentsCannotShareAPort) {
  RunningAgent agent({}, {.listen = {"127.0.0.1:0"}});
  const auto second = Server::Claim({.listen = {agent.address()}});
  EXPECT_TRUE(absl::IsAlreadyExists(second.status())) << second.status();
}

}  // namespace
}  // namespace waitscope
