#include "runtime/state_store.h"

#include <gtest/gtest.h>

#include <array>

namespace galago::runtime {
namespace {

const std::array<ops::StateSpec, 2> kSpecs = {ops::Paged{2, 8, 8}, ops::Paged{1, 16, 16}};

TEST(StateStore, HandsOutPagesUntilThereAreNone) {
  auto store = StateStore::create(kSpecs, KvType::kF16, 3);
  ASSERT_TRUE(store.ok());
  {
    Sequence a(*store), b(*store);
    EXPECT_TRUE(a.reserve(ops::kPageTokens + 1).ok());
    a.advance(ops::kPageTokens + 1);
    EXPECT_EQ(a.pages().size(), 2u);
    EXPECT_TRUE(b.reserve(1).ok());
    b.advance(1);
    EXPECT_NE(a.pages()[0], b.pages()[0]);
    EXPECT_EQ(b.reserve(ops::kPageTokens).error().code, ErrorCode::kOutOfRange);
    a.truncate(ops::kPageTokens);
    EXPECT_TRUE(b.reserve(ops::kPageTokens).ok());
  }
  EXPECT_EQ(store->free_pages(), 3);
}

TEST(StateStore, GivesEveryStatePlaceForAllPages) {
  auto store = StateStore::create(kSpecs, KvType::kF32, 2);
  ASSERT_TRUE(store.ok());
  const auto views = store->views();
  ASSERT_EQ(views.size(), 2u);
  EXPECT_EQ(views[0].page_bytes, ops::page_bytes(std::get<ops::Paged>(kSpecs[0]), KvType::kF32));
  EXPECT_GE(views[1].data, views[0].data + 2 * views[0].page_bytes);
  views[1].data[2 * views[1].page_bytes - 1] = std::byte{1};  // the last byte is ours
}

TEST(StateStore, RefusesWhatNobodyRuns) {
  const std::array<ops::StateSpec, 1> recurrent = {ops::Recurrent{4}};
  EXPECT_EQ(StateStore::create(recurrent, KvType::kF32, 1).error().code, ErrorCode::kUnsupported);
  const std::array<ops::StateSpec, 1> huge = {ops::Paged{1 << 20, 1 << 14, 1 << 14}};
  EXPECT_FALSE(StateStore::create(huge, KvType::kF32, INT32_MAX).ok());
}

}  // namespace
}  // namespace galago::runtime
