#include "agent/stack_store.h"

#include <gtest/gtest.h>

#include "absl/strings/str_cat.h"

namespace waitscope {
namespace {

Stack Named(const std::string& leaf) {
  Stack stack;
  stack.frames.push_back({.address = 1, .symbol = leaf, .module = "program"});
  for (uint64_t depth = 2; depth < 30; ++depth) {
    stack.frames.push_back({.address = depth,
                            .file_offset = depth,
                            .symbol = absl::StrCat("a_function_of_a_library_at_", depth),
                            .module = "libwhatever.so.6",
                            .build_id = "0123456789abcdef0123456789abcdef01234567"});
  }
  for (const uint32_t line : {41U, 52U}) {
    stack.frames.push_back({.symbol = "Server.handle_requests_of_others",
                            .module = "[python]",
                            .file = "/usr/lib/python3/dist-packages/server.py",
                            .line = line});
  }
  return stack;
}

TEST(StackStoreTest, WhatIsFoundIsWhatWasPut) {
  StackStore store;
  Stack stack = Named("leaf");
  stack.truncated = "process exited before its mappings were read";
  store.Put(7, stack, 1);
  EXPECT_EQ(store.Find(7), stack);
  EXPECT_EQ(store.Find(8), std::nullopt);
  store.Put(7, Named("better"), 2);
  EXPECT_EQ(store.Find(7), Named("better"));
}

TEST(StackStoreTest, FramesThatStacksShareAreKeptOnce) {
  StackStore store;
  store.Put(0, Named("leaf"), 1);
  const size_t one = store.bytes();
  for (StackId id = 1; id < 100; ++id) store.Put(id, Named(absl::StrCat("leaf_", id)), 1);
  EXPECT_LT(store.bytes(), 10 * one);
}

TEST(StackStoreTest, EverythingIsGivenBack) {
  StackStore store;
  for (int round = 0; round < 3; ++round) {
    for (StackId id = 0; id < 100; ++id) store.Put(id, Named(absl::StrCat(round, "_", id)), 1);
  }
  while (store.ForgetOldest(1)) continue;
  EXPECT_EQ(store.size(), 0u);
  EXPECT_EQ(store.bytes(), 0u);
}

TEST(StackStoreTest, OnlyTheLongUnusedIsForgotten) {
  StackStore store;
  store.Put(1, Named("a"), 1);
  store.Put(2, Named("b"), 2);
  EXPECT_TRUE(store.Use(1, 3));
  EXPECT_TRUE(store.ForgetOldest(2));
  EXPECT_EQ(store.Find(2), std::nullopt);
  EXPECT_FALSE(store.ForgetOldest(2));
  EXPECT_TRUE(store.Find(1));
}

}  // namespace
}  // namespace waitscope
