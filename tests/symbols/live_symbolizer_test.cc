#include "agent/symbols/live_symbolizer.h"

#include <dlfcn.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <link.h>
#include <lzma.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>

#include "tests/symbols/sample_process.h"

namespace waitscope {
namespace {

using testing::SamplePath;
using testing::SampleProcess;
using testing::ScratchDirectory;

uint64_t AddressOf(const void* pointer) { return reinterpret_cast<uintptr_t>(pointer); }

Frame ResolveOne(LiveSymbolizer& symbolizer, uint32_t pid, uint64_t address) {
  const Stack stack = symbolizer.Resolve({.id = 1, .pid = pid, .addresses = {address}});
  return stack.frames.empty() ? Frame() : stack.frames[0];
}

LiveSymbolizer::Options WithSampleDebugFiles() {
  LiveSymbolizer::Options options;
  options.debug_directories = {SamplePath("debug")};
  return options;
}

class EverySample : public ::testing::TestWithParam<const char*> {};

TEST_P(EverySample, HasItsFunctionsNamed) {
  const SampleProcess sample(SamplePath(GetParam()));
  LiveSymbolizer symbolizer(WithSampleDebugFiles());
  for (const auto& [name, address] : sample.functions()) {
    const Frame frame = ResolveOne(symbolizer, sample.pid(), address + 1);
    EXPECT_EQ(frame.symbol, name);
    EXPECT_EQ(frame.module, GetParam());
    EXPECT_GT(frame.file_offset, 0u);
  }
  EXPECT_EQ(symbolizer.stats().misses, 0u);
}

INSTANTIATE_TEST_SUITE_P(Linked, EverySample,
                         ::testing::Values("pie", "fixed", "static", "static_pie", "by_build_id",
                                           "by_debug_link", "mini_debug"));

class EveryGoSample : public ::testing::TestWithParam<const char*> {};

TEST_P(EveryGoSample, HasItsFunctionsNamedThoughItIsStripped) {
  if (!std::filesystem::exists(SamplePath(GetParam()))) GTEST_SKIP() << "Go is not installed";
  const SampleProcess sample(SamplePath(GetParam()));
  LiveSymbolizer symbolizer;
  for (const auto& [name, address] : sample.functions()) {
    EXPECT_EQ(ResolveOne(symbolizer, sample.pid(), address + 1).symbol, name);
  }
}

INSTANTIATE_TEST_SUITE_P(Linked, EveryGoSample,
                         ::testing::Values("go_stripped", "go_pie_stripped",
                                           "go_pie_external_stripped"));

TEST(LiveSymbolizer, KeepsWhatAnotherToolNeedsToNameAStrippedFrame) {
  const SampleProcess sample(SamplePath("stripped"));
  LiveSymbolizer symbolizer;
  const Frame frame = ResolveOne(symbolizer, sample.pid(), sample.functions().at("sample_alpha"));
  EXPECT_EQ(frame.symbol, "");
  EXPECT_EQ(frame.module, "stripped");
  EXPECT_EQ(frame.build_id, "11223344556677889900aabbccddeeff00112233");
  EXPECT_GT(frame.file_offset, 0u);
  EXPECT_EQ(symbolizer.stats().misses, 1u);
}

// dladdr sees exported functions only, so a better (local) name is no disagreement.
void ExpectAgreement(LiveSymbolizer& symbolizer, const void* pointer, int& compared) {
  Dl_info info;
  void* entry = nullptr;
  const uint64_t address = AddressOf(pointer);
  if (dladdr1(pointer, &info, &entry, RTLD_DL_SYMENT) == 0 || entry == nullptr) return;
  const auto* symbol = static_cast<const ElfW(Sym)*>(entry);
  if (address - AddressOf(info.dli_saddr) >= symbol->st_size) return;
  const Frame frame = ResolveOne(symbolizer, static_cast<uint32_t>(getpid()), address);
  EXPECT_NE(frame.symbol, "") << info.dli_sname;
  void* const exported = dlsym(RTLD_DEFAULT, frame.symbol.c_str());
  Dl_info again;
  if (exported == nullptr || dladdr(exported, &again) == 0) return;
  if (std::strcmp(again.dli_fname, info.dli_fname) != 0) return;
  EXPECT_EQ(exported, info.dli_saddr) << frame.symbol << " and " << info.dli_sname;
  ++compared;
}

TEST(LiveSymbolizer, AgreesWithTheDynamicLinkerAboutThisProcess) {
  LiveSymbolizer symbolizer;
  int compared = 0;
  for (const void* anchor : {dlsym(RTLD_DEFAULT, "lzma_crc32"), dlsym(RTLD_DEFAULT, "elf_begin"),
                             dlsym(RTLD_DEFAULT, "getpid"), dlsym(RTLD_DEFAULT, "qsort")}) {
    ASSERT_NE(anchor, nullptr);
    for (uint64_t step = 0; step < 200; ++step) {
      ExpectAgreement(symbolizer, static_cast<const char*>(anchor) + step * 61, compared);
    }
  }
  EXPECT_GT(compared, 100);
}

TEST(LiveSymbolizer, NamesItsOwnCode) {
  LiveSymbolizer symbolizer;
  const auto function = &Kallsyms::Parse;
  const Frame frame = ResolveOne(symbolizer, static_cast<uint32_t>(getpid()),
                                 AddressOf(reinterpret_cast<const void*>(function)));
  EXPECT_THAT(frame.symbol, ::testing::StartsWith("waitscope::Kallsyms::Parse("));
  EXPECT_EQ(frame.module, "symbols_test");
}

TEST(LiveSymbolizer, NamesTheVdso) {
  const uint64_t start = getauxval(AT_SYSINFO_EHDR);
  if (start == 0) GTEST_SKIP() << "this process has no vdso";
  LiveSymbolizer symbolizer;
  bool found = false;
  for (uint64_t offset = 0; offset < 0x2000; offset += 16) {
    const Frame frame = ResolveOne(symbolizer, static_cast<uint32_t>(getpid()), start + offset);
    EXPECT_EQ(frame.module == "[vdso]" || frame.module.empty(), true) << frame.module;
    found |= frame.symbol.find("clock_gettime") != std::string::npos;
  }
  EXPECT_TRUE(found);
}

TEST(LiveSymbolizer, LooksUpTheCallAndNotTheReturnAddress) {
  const SampleProcess sample(SamplePath("pie"));
  LiveSymbolizer symbolizer;
  const uint64_t start = sample.functions().at("sample_alpha");
  const Stack stack =
      symbolizer.Resolve({.id = 1, .pid = sample.pid(), .addresses = {start, start, start + 1}});
  ASSERT_EQ(stack.frames.size(), 3u);
  EXPECT_EQ(stack.frames[0].symbol, "sample_alpha");
  EXPECT_NE(stack.frames[1].symbol, "sample_alpha");
  EXPECT_EQ(stack.frames[1].address, start);
  EXPECT_EQ(stack.frames[2].symbol, "sample_alpha");
}

TEST(LiveSymbolizer, LeavesUnmappedAddressesEmpty) {
  LiveSymbolizer symbolizer;
  for (const uint64_t address : {uint64_t{0}, uint64_t{1}, UINT64_MAX}) {
    const Frame frame = ResolveOne(symbolizer, static_cast<uint32_t>(getpid()), address);
    EXPECT_EQ(frame.symbol + frame.module + frame.build_id, "");
    EXPECT_EQ(frame.address, address);
  }
}

TEST(LiveSymbolizer, NamesJustInTimeCodeAsItAppears) {
  void* const code = mmap(nullptr, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(code, MAP_FAILED);
  const std::string path = "/tmp/perf-" + std::to_string(getpid()) + ".map";
  LiveSymbolizer::Options options;
  options.reread_ns = 0;
  LiveSymbolizer symbolizer(options);
  const auto pid = static_cast<uint32_t>(getpid());
  EXPECT_EQ(ResolveOne(symbolizer, pid, AddressOf(code)).module, "[jit]");
  EXPECT_EQ(ResolveOne(symbolizer, pid, AddressOf(code)).symbol, "");
  std::ofstream(path) << std::hex << AddressOf(code) << " 10 Handler.get\n";
  EXPECT_EQ(ResolveOne(symbolizer, pid, AddressOf(code)).symbol, "Handler.get");
  std::ofstream(path, std::ios::app) << std::hex << AddressOf(code) + 16 << " 10 Handler.put\n";
  EXPECT_EQ(ResolveOne(symbolizer, pid, AddressOf(code) + 20).symbol, "Handler.put");
  std::filesystem::remove(path);
  munmap(code, 4096);
}

TEST(LiveSymbolizer, NamesKernelStacks) {
  const ScratchDirectory directory;
  LiveSymbolizer::Options options;
  options.kallsyms_path =
      directory.Write("kallsyms", "ffffffff81000000 T schedule\nffffffff81000100 T io_schedule\n");
  LiveSymbolizer symbolizer(options);
  const Stack stack = symbolizer.Resolve(
      {.id = 1, .pid = 0, .addresses = {0xffffffff81000010, 0xffffffff81000100}});
  ASSERT_EQ(stack.frames.size(), 2u);
  EXPECT_EQ(stack.frames[0].symbol, "schedule");
  EXPECT_EQ(stack.frames[0].module, "[kernel]");
  EXPECT_EQ(stack.frames[1].symbol, "schedule");
  EXPECT_TRUE(symbolizer.KernelSymbols().ok());
}

TEST(LiveSymbolizer, SaysWhyKernelFunctionsStayUnnamed) {
  const ScratchDirectory directory;
  LiveSymbolizer::Options options;
  options.kallsyms_path = directory.Write("kallsyms", "0000000000000000 T schedule\n");
  LiveSymbolizer symbolizer(options);
  EXPECT_EQ(symbolizer.KernelSymbols().code(), absl::StatusCode::kPermissionDenied);
  const Frame frame = ResolveOne(symbolizer, 0, 0xffffffff81000010);
  EXPECT_EQ(frame.symbol, "");
  EXPECT_EQ(frame.module, "[kernel]");
}

TEST(LiveSymbolizer, FindsKernelFunctionsThatCameLater) {
  const ScratchDirectory directory;
  LiveSymbolizer::Options options;
  int64_t now_ns = 1;
  options.now_ns = [&] { return now_ns; };
  options.kallsyms_path = directory.Write("kallsyms", "ffffffff81000000 T schedule\n");
  LiveSymbolizer symbolizer(options);
  ASSERT_TRUE(symbolizer.KernelSymbols().ok());
  directory.Write("kallsyms", "ffffffff81000000 T schedule\nffffffffc0000000 t bpf_prog_1 [bpf]\n");
  EXPECT_EQ(ResolveOne(symbolizer, 0, 0xffffffffc0000010).symbol, "");
  now_ns += 120'000'000'000;
  EXPECT_EQ(ResolveOne(symbolizer, 0, 0xffffffffc0000010).symbol, "bpf_prog_1");
  EXPECT_EQ(ResolveOne(symbolizer, 0, 0xffffffffc0000010).module, "[bpf]");
}

TEST(LiveSymbolizer, IndexesAFileOnceForAllItsProcesses) {
  const SampleProcess first(SamplePath("static"));
  const SampleProcess second(SamplePath("static"));
  LiveSymbolizer symbolizer;
  ResolveOne(symbolizer, first.pid(), first.functions().at("sample_alpha"));
  ResolveOne(symbolizer, second.pid(), second.functions().at("sample_alpha"));
  EXPECT_EQ(symbolizer.stats().files_indexed, 1u);
  EXPECT_EQ(symbolizer.stats().processes, 2u);
  EXPECT_EQ(symbolizer.stats().lookups, 2u);
}

TEST(LiveSymbolizer, KeepsItsCacheWithinTheBytesGiven) {
  LiveSymbolizer::Options options;
  options.cache_bytes = 4 * 1024;
  LiveSymbolizer symbolizer(options);
  const SampleProcess first(SamplePath("pie"));
  const SampleProcess second(SamplePath("fixed"));
  for (int round = 0; round < 3; ++round) {
    for (const SampleProcess* sample : {&first, &second}) {
      const uint64_t address = sample->functions().at("sample_alpha");
      EXPECT_EQ(ResolveOne(symbolizer, sample->pid(), address).symbol, "sample_alpha");
    }
  }
  EXPECT_LT(symbolizer.stats().cache_bytes, 8u * 1024);
}

}  // namespace
}  // namespace waitscope
