#include "runtime/prompt_rows.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/sequence.h"

namespace galago::runtime {
namespace {

using testing::ElementsAre;

EncodedMediaPtr encoded(std::uint64_t mark, std::int64_t rows) {
  EncodedMedia media{mark, rows, {}};
  for (std::int64_t i = 0; i < rows; ++i) media.rows.push_back(static_cast<float>(mark * 10) + static_cast<float>(i));
  media.further = {{"deepstack_0", {}}};
  for (const float row : media.rows) media.further[0].rows.insert(media.further[0].rows.end(), {row + 100, row + 200});
  return std::make_shared<const EncodedMedia>(std::move(media));
}

// Two tokens, a picture of 4 rows, a token, a picture of 2 rows, a token; one
// number a row; positions on two axes as a picture of 2 x 2 has them.
PromptRows rows_with(std::uint64_t first, std::uint64_t second) {
  models::PreparedPrompt prompt{.ids = {5, 6, 9, 9, 9, 9, 7, 9, 9, 8},
                                .splice_index = {-1, -1, 0, 1, 2, 3, -1, 4, 5, -1},
                                .positions = {0, 1, 2, 2, 3, 3, 4, 5, 5, 6,  //
                                              0, 1, 2, 3, 2, 3, 4, 5, 6, 7}};
  prompt.rows = {{.input = "deepstack_0", .encoded_width = 2},
                 {.input = "spans", .ints = {0, 0, 1, 1, 1, 1, 0, 2, 2, 0}, .later_ints = {7}}};
  const models::ModelInfo info{.vocab_size = 10, .hidden_size = 1, .position_axes = 2};
  return PromptRows::create(prompt, {encoded(first, 4), encoded(second, 2)}, info).value();
}

StepPart part_of(PromptRows& rows, std::int64_t first, std::int64_t count, std::vector<std::string> inputs = {}) {
  static StateStore store = StateStore::create({}, KvType::kF32, 1).value();
  Sequence sequence(store);
  return rows.part(sequence, first, count, inputs);
}

TEST(PromptRows, GivesTheMediaRowsOfItsTokensAlone) {
  PromptRows rows = rows_with(1, 2);
  StepPart view = part_of(rows, 0, 4);
  EXPECT_THAT(view.splice, ElementsAre(-1, -1, 0, 1));
  EXPECT_THAT(view.media, ElementsAre(10.0f, 11.0f));
  EXPECT_THAT(view.positions, ElementsAre(0, 1, 2, 2, 0, 1, 2, 3));
  view = part_of(rows, 5, 4);
  EXPECT_THAT(view.ids, ElementsAre(9, 7, 9, 9));
  EXPECT_THAT(view.splice, ElementsAre(0, -1, 1, 2));
  EXPECT_THAT(view.media, ElementsAre(13.0f, 20.0f, 21.0f));
  view = part_of(rows, 0, 2);
  EXPECT_TRUE(view.splice.empty());
  EXPECT_TRUE(view.media.empty());
}

TEST(PromptRows, GoesOnBehindAllPositions) {
  PromptRows rows = rows_with(1, 2);
  rows.push(3);
  rows.push(4);
  EXPECT_THAT(part_of(rows, 9, 3).positions, ElementsAre(6, 8, 9, 7, 8, 9));
}

TEST(PromptRows, KeepsPlacesAndClosesPositionsUpWhenRowsGo) {
  PromptRows rows = rows_with(1, 2);
  rows.erase(1, 3);  // of the first picture, its lower half stays
  const StepPart view = part_of(rows, 0, rows.size());
  EXPECT_THAT(view.ids, ElementsAre(5, 9, 9, 7, 9, 9, 8));
  EXPECT_THAT(view.splice, ElementsAre(-1, 0, 1, -1, 2, 3, -1));
  EXPECT_THAT(view.media, ElementsAre(12.0f, 13.0f, 20.0f, 21.0f));
  EXPECT_THAT(view.positions, ElementsAre(0, 2, 2, 3, 4, 4, 5, 0, 1, 2, 3, 4, 5, 6));
  rows.push(1);
  EXPECT_THAT(part_of(rows, rows.size() - 1, 1).positions, ElementsAre(7, 7));
}

TEST(PromptRows, CarriesTheRowsOfFurtherInputs) {
  const auto rows_of = [](std::int32_t third) {
    const models::PreparedPrompt prompt{
        .ids = {5, 6, 7}, .rows = {{.input = "spans", .ints = {0, 1, 2, 3, third, 5}, .later_ints = {-1, -2}}}};
    return PromptRows::create(prompt, {}, {.vocab_size = 10}).value();
  };
  static StateStore store = StateStore::create({}, KvType::kF32, 1).value();
  Sequence sequence(store);
  PromptRows rows = rows_of(4);
  rows.push(8);
  rows.erase(0, 1);
  const std::vector<std::string> inputs = {"spans"};
  const StepPart part = rows.part(sequence, 1, 2, inputs);
  ASSERT_EQ(part.rows.size(), 1u);
  EXPECT_EQ(part.rows[0].input, "spans");
  EXPECT_THAT(part.rows[0].ints, ElementsAre(4, 5, -1, -2));
  EXPECT_TRUE(rows.part(sequence, 1, 2, {}).rows.empty()) << "an entry without that input";
  EXPECT_EQ(rows_of(4).common_prefix(rows_of(4)), 3);
  EXPECT_EQ(rows_of(4).common_prefix(rows_of(9)), 2);
}

// Tokens of pictures have what the encoder gave them, all others zeros, also those that come later.
TEST(PromptRows, GivesFurtherOutputsOfEncodersAsRows) {
  PromptRows rows = rows_with(1, 2);
  rows.push(3);
  const std::vector<std::string> both = {"spans", "deepstack_0"}, one = {"deepstack_0"};
  StepPart view = part_of(rows, 5, 3, both);
  ASSERT_EQ(view.rows.size(), 2u);
  EXPECT_THAT(view.rows[0].ints, ElementsAre(1, 0, 2));
  EXPECT_EQ(view.rows[1].input, "deepstack_0");
  EXPECT_THAT(view.rows[1].values, ElementsAre(113.0f, 213.0f, 0.0f, 0.0f, 120.0f, 220.0f));
  EXPECT_THAT(view.media, ElementsAre(13.0f, 20.0f));
  view = part_of(rows, 9, 2, both);
  EXPECT_THAT(view.rows[0].ints, ElementsAre(0, 7));
  EXPECT_THAT(view.rows[1].values, ElementsAre(0.0f, 0.0f, 0.0f, 0.0f));
  EXPECT_TRUE(part_of(rows, 5, 3).rows.empty()) << "an entry gets rows for its own inputs alone";
  rows.erase(1, 3);
  view = part_of(rows, 0, 3, one);
  ASSERT_EQ(view.rows.size(), 1u);
  EXPECT_THAT(view.rows[0].values, ElementsAre(0.0f, 0.0f, 112.0f, 212.0f, 113.0f, 213.0f));
}

TEST(PromptRows, RefusesAnOutputThatTheEncoderLacks) {
  const models::ModelInfo info{.vocab_size = 10, .hidden_size = 1, .position_axes = 1};
  models::PreparedPrompt prompt{.ids = {1, 2}, .splice_index = {-1, 0}};
  const auto error_with = [&](const char* input, std::int64_t width) {
    prompt.rows = {{.input = input, .encoded_width = width}};
    const auto rows = PromptRows::create(prompt, {encoded(1, 1)}, info);
    return rows.ok() ? "" : rows.error().message;
  };
  EXPECT_EQ(error_with("deepstack_0", 2), "");
  EXPECT_EQ(error_with("deepstack_0", 3),
            "the encoder's output \"deepstack_0\" has 2 values; 1 rows of 3 are expected");
  EXPECT_EQ(error_with("deepstack_1", 2),
            "the encoder's output \"deepstack_1\" has 0 values; 1 rows of 2 are expected");
}

TEST(PromptRows, TellsPicturesApart) {
  const PromptRows rows = rows_with(1, 2);
  EXPECT_EQ(rows.common_prefix(rows_with(1, 2)), 10);
  EXPECT_EQ(rows.common_prefix(rows_with(1, 3)), 7);
  EXPECT_EQ(rows.common_prefix(rows_with(3, 2)), 2);
  PromptRows other = rows_with(1, 2);
  other.erase(3, 1);
  EXPECT_EQ(rows.common_prefix(other), 3) << "another row of the picture";
}

}  // namespace
}  // namespace galago::runtime
