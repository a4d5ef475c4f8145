#include "agent/symbols/kallsyms.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <string>

#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

constexpr char kText[] =
    "ffffffff81000100 T first\n"
    "ffffffff81000100 T first_alias\n"
    "ffffffff81000300 t third\n"
    "ffffffff81000200 W second\n"
    "ffffffff81000280 D data_is_no_function\n"
    "ffffffffc0001000 t ext4_sync_file\t[ext4]\n"
    "ffffffffc0101000 t bpf_prog_1234_sched_switch\t[bpf]\n";

std::string NameAt(const Kallsyms& symbols, uint64_t address) {
  const std::optional<KernelSymbol> symbol = symbols.Lookup(address);
  return symbol ? std::string(symbol->name) + " " + std::string(symbol->module) : "";
}

TEST(Kallsyms, FindsTheFunctionAroundAnAddress) {
  const Kallsyms symbols = Kallsyms::Parse(kText);
  EXPECT_EQ(NameAt(symbols, 0xffffffff81000100), "first [kernel]");
  EXPECT_EQ(NameAt(symbols, 0xffffffff810001ff), "first [kernel]");
  EXPECT_EQ(NameAt(symbols, 0xffffffff810002ff), "second [kernel]");
  EXPECT_EQ(NameAt(symbols, 0xffffffff81000300), "third [kernel]");
}

TEST(Kallsyms, NamesModulesAndBpfPrograms) {
  const Kallsyms symbols = Kallsyms::Parse(kText);
  EXPECT_EQ(NameAt(symbols, 0xffffffffc0001010), "ext4_sync_file [ext4]");
  EXPECT_EQ(NameAt(symbols, 0xffffffffc0101010), "bpf_prog_1234_sched_switch [bpf]");
}

TEST(Kallsyms, DoesNotNameHoles) {
  const Kallsyms symbols = Kallsyms::Parse(kText);
  EXPECT_EQ(NameAt(symbols, 0xffffffff81000000), "");
  EXPECT_EQ(NameAt(symbols, 0xffffffff82000000), "");
  EXPECT_EQ(NameAt(symbols, 0xffffffffc0081000), "");
  EXPECT_EQ(NameAt(symbols, 0xffffffffffffffff), "");
  EXPECT_EQ(NameAt(symbols, 0), "");
}

TEST(Kallsyms, SkipsLinesThatAreNotSymbols) {
  const Kallsyms symbols = Kallsyms::Parse("\nxyz T a\n12 T\n12\n10g T b\n20 TT c\n1000 T good");
  EXPECT_EQ(symbols.size(), 1u);
  EXPECT_EQ(NameAt(symbols, 0x1000), "good [kernel]");
}

TEST(Kallsyms, SaysThatTheKernelHidesAddresses) {
  const testing::ScratchDirectory directory;
  const std::string path =
      directory.Write("kallsyms", "0000000000000000 T first\n0000000000000000 t second\n");
  const absl::Status status = Kallsyms::Load(path).status();
  EXPECT_EQ(status.code(), absl::StatusCode::kPermissionDenied);
  EXPECT_NE(status.message().find("kptr_restrict"), absl::string_view::npos);
}

TEST(Kallsyms, SaysThatTheFileCannotBeRead) {
  EXPECT_EQ(Kallsyms::Load("/nonexistent/kallsyms").status().code(),
            absl::StatusCode::kUnavailable);
}

TEST(Kallsyms, AgreesWithTheRunningKernel) {
  if (geteuid() != 0) GTEST_SKIP() << "kernel addresses are shown to root only";
  const absl::StatusOr<Kallsyms> symbols = Kallsyms::Load("/proc/kallsyms");
  ASSERT_TRUE(symbols.ok()) << symbols.status();
  std::ifstream file("/proc/kallsyms");
  std::string line;
  while (std::getline(file, line) && !line.ends_with(" T schedule_timeout")) {
  }
  const uint64_t address = std::stoull(line, nullptr, 16);
  EXPECT_EQ(NameAt(*symbols, address + 1), "schedule_timeout [kernel]");
  EXPECT_LT(symbols->bytes(), 16u << 20);
}

}  // namespace
}  // namespace waitscope
