#include "agent/symbols/xz.h"

#include <gtest/gtest.h>
#include <lzma.h>

#include <random>
#include <string>
#include <vector>

namespace waitscope {
namespace {

std::string Pack(const std::string& text) {
  std::vector<uint8_t> out(lzma_stream_buffer_bound(text.size()));
  size_t size = 0;
  const auto* in = reinterpret_cast<const uint8_t*>(text.data());
  EXPECT_EQ(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC32, nullptr, in, text.size(), out.data(),
                                    &size, out.size()),
            LZMA_OK);
  return std::string(reinterpret_cast<char*>(out.data()), size);
}

TEST(Xz, UnpacksWhatWasPacked) {
  const std::string text(300'000, 'x');
  const absl::StatusOr<std::string> unpacked = DecompressXz(Pack(text), 1 << 20);
  ASSERT_TRUE(unpacked.ok()) << unpacked.status();
  EXPECT_EQ(*unpacked, text);
}

TEST(Xz, RefusesToUnpackMoreThanAllowed) {
  const std::string bomb = Pack(std::string(4 << 20, '\0'));
  EXPECT_LT(bomb.size(), 10'000u);
  EXPECT_FALSE(DecompressXz(bomb, 1 << 20).ok());
}

TEST(Xz, RefusesDamagedData) {
  const std::string packed = Pack("hello, hello, hello, hello");
  EXPECT_FALSE(DecompressXz("", 1000).ok());
  EXPECT_FALSE(DecompressXz("not xz at all", 1000).ok());
  EXPECT_FALSE(DecompressXz(packed.substr(0, packed.size() / 2), 1000).ok());
}

}  // namespace
}  // namespace waitscope
