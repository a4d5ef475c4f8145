// Where to serve: what is accepted, what is refused, and who else is there.
#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>

#include "agent/sinks/endpoint.h"
#include "agent/sinks/unix_socket.h"

namespace waitscope {
namespace {

using testing::HasSubstr;

TEST(EndpointTest, UnixPathsAndAddressesAreUnderstood) {
  EXPECT_EQ(ParseEndpoint("unix:/run/a.sock")->Uri(), "unix:/run/a.sock");
  EXPECT_EQ(ParseEndpoint("127.0.0.1:7717")->Uri(), "127.0.0.1:7717");
  EXPECT_EQ(ParseEndpoint("[::1]:80")->Uri(), "[::1]:80");
}

TEST(EndpointTest, LoopbackIsKnownByItsAddressNotItsName) {
  EXPECT_TRUE(ParseEndpoint("127.9.9.9:1")->loopback);
  EXPECT_TRUE(ParseEndpoint("[::1]:1")->loopback);
  EXPECT_TRUE(ParseEndpoint("localhost:1")->loopback);
  EXPECT_TRUE(ParseEndpoint("unix:/a")->loopback);
  EXPECT_FALSE(ParseEndpoint("0.0.0.0:1")->loopback);
  EXPECT_FALSE(ParseEndpoint("[::]:1")->loopback);
  EXPECT_FALSE(ParseEndpoint("[::ffff:10.0.0.1]:1")->loopback);
}

TEST(EndpointTest, WhatIsNoAddressSaysWhatToWrite) {
  for (const char* text : {"", "here", "127.0.0.1", "127.0.0.1:http", "127.0.0.1:70000", ":80",
                           "unix:", "no.such.host.invalid:1"}) {
    const auto endpoint = ParseEndpoint(text);
    ASSERT_TRUE(absl::IsInvalidArgument(endpoint.status())) << text;
    EXPECT_THAT(std::string(endpoint.status().message()), HasSubstr("unix:PATH or HOST:PORT"));
  }
  EXPECT_FALSE(ParseEndpoint("unix:/" + std::string(200, 'x')).ok());
}

class UnixSocketTest : public testing::Test {
 protected:
  void SetUp() override {
    directory_ = mkdtemp(directory_.data());
    path_ = directory_ + "/run/agent.sock";
  }
  void TearDown() override { std::filesystem::remove_all(directory_); }

  // A socket as a server leaves it, listening or (once closed) dead.
  int Listen() const {
    std::filesystem::create_directories(directory_ + "/run");
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    strncpy(address.sun_path, path_.c_str(), sizeof address.sun_path - 1);
    const int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    EXPECT_EQ(bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(listen(fd, 1), 0);
    return fd;
  }

  std::string directory_ = "/tmp/waitscope-test-XXXXXX";
  std::string path_;
};

TEST_F(UnixSocketTest, TheDirectoryIsMadeAndNothingIsLeftBehind) {
  ASSERT_TRUE(UnixSocketClaim::Take(path_).ok());
  EXPECT_TRUE(std::filesystem::is_empty(directory_ + "/run"));
}

TEST_F(UnixSocketTest, AClaimedPathIsRefusedWithThePid) {
  const auto first = UnixSocketClaim::Take(path_);
  const auto second = UnixSocketClaim::Take(path_);
  ASSERT_TRUE(absl::IsAlreadyExists(second.status()));
  EXPECT_THAT(std::string(second.status().message()),
              HasSubstr("kill " + std::to_string(getpid())));
}

TEST_F(UnixSocketTest, ADeadAgentsSocketIsReplaced) {
  close(Listen());
  ASSERT_TRUE(std::filesystem::exists(path_));
  const auto claim = UnixSocketClaim::Take(path_);
  EXPECT_TRUE(claim.ok()) << claim.status();
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(UnixSocketTest, ALiveServerWithoutOurLockIsLeftAlone) {
  const int server = Listen();
  const auto claim = UnixSocketClaim::Take(path_);
  EXPECT_TRUE(absl::IsAlreadyExists(claim.status())) << claim.status();
  EXPECT_TRUE(std::filesystem::exists(path_));
  close(server);
}

TEST_F(UnixSocketTest, AFileThatIsNoSocketIsLeftAlone) {
  std::filesystem::create_directories(directory_ + "/run");
  std::ofstream(path_) << "precious";
  EXPECT_FALSE(UnixSocketClaim::Take(path_).ok());
  EXPECT_EQ(std::filesystem::file_size(path_), 8u);
}

}  // namespace
}  // namespace waitscope
