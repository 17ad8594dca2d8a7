// What parts of a step bring reaches the graph by name, in whichever chunks; what does not fit is named.
#include "runtime/step_inputs.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "runtime/token_rows.h"
#include "runtime/toy_decoder_test.h"

namespace galago::runtime {
namespace {

using ::testing::HasSubstr;

class StepRows : public testing::Test {
 protected:
  // The logits after the prompt, read in chunks.
  std::vector<float> read(Sequence& sequence, ToyPrompt prompt, int chunk = 32) {
    const auto logits = stepper_.prefill_all(prompt.part(sequence), chunk);
    EXPECT_TRUE(logits.ok()) << logits.error().message;
    return logits.ok() ? std::vector<float>(logits->begin(), logits->end()) : std::vector<float>();
  }
  std::vector<float> read(ToyPrompt prompt, int chunk = 32) {
    Sequence sequence(toy_.store);
    return read(sequence, std::move(prompt), chunk);
  }
  // The logits of one more token.
  std::vector<float> decode(Sequence& sequence, std::vector<std::int32_t> positions, std::int32_t span = 0,
                            float deep = 0.0f) {
    const std::vector<std::int32_t> id = {5}, spans = {span};
    const std::vector<float> deepstack(ToyDecoder::kHidden, deep);
    const std::vector<NamedRows> rows = {{"deepstack_0", deepstack, {}}, {"spans", {}, spans}};
    const StepPart part{.sequence = &sequence, .ids = id, .positions = positions, .rows = rows};
    const auto logits = stepper_.decode(std::span(&part, 1));
    EXPECT_TRUE(logits.ok()) << logits.error().message;
    return logits.ok() ? std::vector<float>(logits->begin(), logits->end()) : std::vector<float>();
  }
  std::string error_of(const StepPart& part, bool decodes = false) {
    const auto found = decodes ? stepper_.decode(std::span(&part, 1)) : stepper_.prefill(std::span(&part, 1));
    return found.ok() ? "" : found.error().message;
  }

  ToySteps toy_;
  Stepper stepper_ = toy_.make();
};

TEST_F(StepRows, EverythingThatAPartBringsReachesTheGraph) {
  const std::vector<float> plain = read(ToyPrompt());
  EXPECT_TRUE(same_bits_of(plain, read(ToyPrompt())));
  for (std::size_t axis = 0; axis < 3; ++axis) {
    ToyPrompt moved;
    moved.positions[axis * 12 + 4] += 1;
    EXPECT_FALSE(same_bits_of(plain, read(moved))) << "axis " << axis;
  }
  ToyPrompt other;
  other.media[3 * ToyDecoder::kHidden] += 1.0f;
  EXPECT_FALSE(same_bits_of(plain, read(other))) << "media";
  other = ToyPrompt();
  std::swap(other.splice[2], other.splice[3]);
  EXPECT_FALSE(same_bits_of(plain, read(other))) << "splice_index";
  other = ToyPrompt();
  other.spans[9] = 3;
  EXPECT_FALSE(same_bits_of(plain, read(other))) << "spans";
  other = ToyPrompt();
  other.deepstack[5 * ToyDecoder::kHidden + 1] += 1.0f;
  EXPECT_FALSE(same_bits_of(plain, read(other))) << "deepstack_0";
}

TEST_F(StepRows, ChunksChangeNoBit) {
  const std::vector<float> whole = read(ToyPrompt(30));
  for (const int chunk : {1, 3, 5, 7, 29}) EXPECT_TRUE(same_bits_of(whole, read(ToyPrompt(30), chunk))) << chunk;
}

TEST_F(StepRows, TwoSequencesOfAStepKeepTheirRowsApart) {
  const std::vector<float> alone[2] = {read(ToyPrompt(12)), read(ToyPrompt(9))};
  Sequence a(toy_.store), b(toy_.store);
  ToyPrompt first(12), second(9);
  const StepPart parts[2] = {first.part(a), second.part(b)};
  const auto logits = stepper_.head(stepper_.prefill(parts).value()).value();
  EXPECT_TRUE(same_bits_of(logits.first(ToyDecoder::kVocab), alone[0]));
  EXPECT_TRUE(same_bits_of(logits.last(ToyDecoder::kVocab), alone[1]));
}

TEST_F(StepRows, DecodingGoesOnAfterTheLargestPosition) {
  const auto after_prompt = [&](const std::vector<std::int32_t>& positions, std::int32_t span = 0, float deep = 0.0f) {
    Sequence sequence(toy_.store);
    read(sequence, ToyPrompt(12), 5);
    return decode(sequence, positions, span, deep);
  };
  const std::vector<float> plain = after_prompt({});
  EXPECT_TRUE(same_bits_of(plain, after_prompt({9, 9, 9})));
  for (const auto& moved : {std::vector<std::int32_t>{10, 9, 9}, {9, 10, 9}, {9, 9, 10}}) {
    EXPECT_FALSE(same_bits_of(plain, after_prompt(moved)));
  }
  EXPECT_FALSE(same_bits_of(plain, after_prompt({}, 2))) << "spans";
  EXPECT_FALSE(same_bits_of(plain, after_prompt({}, 0, 1.0f))) << "deepstack_0";
}

TEST_F(StepRows, PositionsSurviveTheReuseOfAPrefix) {
  Sequence sequence(toy_.store), fresh(toy_.store);
  read(sequence, ToyPrompt(30));
  ASSERT_TRUE(sequence.return_to(10).ok());
  EXPECT_EQ(sequence.next_position(), 7);
  read(fresh, ToyPrompt(10));
  EXPECT_TRUE(same_bits_of(decode(sequence, {}), decode(fresh, {7, 7, 7})));
  EXPECT_EQ(sequence.next_position(), 8);
  ASSERT_TRUE(sequence.return_to(3).ok());
  for (int i = 0; i < 6; ++i) decode(sequence, {});
  EXPECT_EQ(sequence.next_position(), 9) << "what came after the third token is forgotten";
}

TEST_F(StepRows, PositionsSurviveForksAndSnapshots) {
  Sequence sequence(toy_.store);
  read(sequence, ToyPrompt(10));
  Sequence fork = sequence.fork().value();
  const StateSnapshot snapshot = sequence.snapshot().value();
  const std::vector<float> next = decode(sequence, {7, 7, 7});
  EXPECT_TRUE(same_bits_of(decode(fork, {}), next));
  ASSERT_TRUE(sequence.return_to(0).ok());
  EXPECT_EQ(sequence.next_position(), 0);
  ASSERT_TRUE(sequence.restore(snapshot).ok());
  EXPECT_TRUE(same_bits_of(decode(sequence, {}), next));
}

TEST_F(StepRows, NameTheInputThatLacksRowsAndTheRowsWithoutAnInput) {
  Sequence sequence(toy_.store);
  ToyPrompt prompt;
  StepPart part = prompt.part(sequence);
  part.rows = std::span(prompt.rows).first(1);
  EXPECT_EQ(error_of(part), "prefill: no rows are given for the input \"deepstack_0\"");
  prompt.rows.push_back({"deepstack_1", prompt.deepstack, {}});
  part.rows = prompt.rows;
  EXPECT_EQ(error_of(part), "prefill: rows were given for the input \"deepstack_1\", which it does not take");
  part = prompt.part(sequence);
  prompt.rows[0] = {"spans", prompt.media, {}};
  EXPECT_THAT(error_of(part), HasSubstr("prefill: \"spans\" has 0 i32"));
  part = prompt.part(sequence);
  prompt.rows[1].values = prompt.rows[1].values.first(12);
  EXPECT_THAT(error_of(part), HasSubstr("\"deepstack_0\" has 12 f32 and 0 other values; 12 rows of 16 are expected"));
  part = prompt.part(sequence);
  part.positions = part.positions.first(12);
  EXPECT_EQ(error_of(part), "prefill: 12 positions were given; 36 are expected, 12 on each of 3 axes");
  part = prompt.part(sequence);
  part.splice = part.splice.first(3);
  EXPECT_EQ(error_of(part), "prefill: \"splice_index\" has 3 rows; 12 are expected");
  part = prompt.part(sequence);
  part.media = part.media.first(5 * ToyDecoder::kHidden);
  EXPECT_EQ(error_of(part), "the prompt asks for row 5 of 5 media rows");
  PartSlice slice;
  part = slice.of(prompt.part(sequence), 3, 1);
  EXPECT_THAT(error_of(part, true), HasSubstr("decode: rows were given for the input \"splice_index\""));
  EXPECT_EQ(sequence.length(), 0);
  part.ids = {};
  EXPECT_EQ(stepper_.prefill_all(part, 5).error().message, "a prompt without tokens has no logits");
  part = prompt.part(sequence);
  part.splice = {};
  part.media = {};
  EXPECT_EQ(error_of(part), "") << "splice and media default to none";
}

TEST_F(StepRows, RefuseAnInputThatNothingGives) {
  const auto error_with = [](const graph::TraceInput& input) {
    std::vector<models::Entry> entries = ToyDecoder().entries();
    entries[0].inputs.push_back(input);
    ToySteps toy(entries);
    const auto stepper = Stepper::create(toy.model, toy.executors.compiled(), toy.store, ToyDecoder::kLimits, 1);
    return stepper.ok() ? "" : stepper.error().message;
  };
  EXPECT_THAT(error_with({"temperature", {DType::kF32, {1}}}),
              HasSubstr("prefill: nothing gives the input \"temperature\", f32 (1)"));
  EXPECT_THAT(error_with({"tail", {DType::kF32, {Dim::symbol("rows", 32), 4}}}), HasSubstr("the input \"tail\""));
  EXPECT_EQ(error_with({"rope_table", {DType::kF32, {Dim::symbol("tokens", 32), 2, 4}}}), "");
}

models::PreparedPrompt prepared(const ToyPrompt& prompt) {
  models::PreparedPrompt all;
  all.ids = prompt.ids;
  all.splice_index = prompt.splice;
  all.positions = prompt.positions;
  all.rows = {{.input = "spans", .ints = prompt.spans, .later_ints = {2}},
              {.input = "deepstack_0", .values = prompt.deepstack}};
  return all;
}

class KeptTokens : public StepRows {
 protected:
  std::vector<float> read_rows(TokenRows& rows, std::size_t from, Sequence& sequence) {
    const StepPart& part = rows.part(sequence, from, rows.size() - from, prompt_.media, stepper_.prefill_rows());
    const auto logits = stepper_.prefill_all(part, 5);
    EXPECT_TRUE(logits.ok()) << logits.error().message;
    return logits.ok() ? std::vector<float>(logits->begin(), logits->end()) : std::vector<float>();
  }
  ToyPrompt prompt_{20};
};

TEST_F(KeptTokens, AreReadAsThePromptWas) {
  TokenRows rows;
  ASSERT_TRUE(rows.assign(prepared(prompt_), 3).ok());
  Sequence sequence(toy_.store);
  EXPECT_TRUE(same_bits_of(read_rows(rows, 0, sequence), read(prompt_)));
}

// Tokens generated after a prompt go on in position and have the later rows.
TEST_F(KeptTokens, GrowByTokensWithLaterRows) {
  TokenRows rows;
  ASSERT_TRUE(rows.assign(prepared(prompt_), 3).ok());
  rows.append(5);
  rows.append(6);
  Sequence sequence(toy_.store);
  const StepPart part = rows.part(sequence, 20, 2, {}, stepper_.decode_rows());
  EXPECT_THAT(part.positions, testing::ElementsAre(17, 18, 17, 18, 17, 18));
  EXPECT_THAT(part.ids, testing::ElementsAre(5, 6));
  EXPECT_TRUE(part.splice.empty());
  EXPECT_THAT(part.rows[0].ints, testing::ElementsAre(2, 2));
  EXPECT_THAT(part.rows[1].values, testing::Each(0.0f));
  EXPECT_EQ(part.rows[1].values.size(), 2u * ToyDecoder::kHidden);
  EXPECT_TRUE(rows.part(sequence, 20, 2, {}, {}).rows.empty()) << "only the inputs that the entry has";
}

// Sliding: what is left reads as a prompt that was written so from the beginning, in the middle of the picture too.
TEST_F(KeptTokens, SlideWithAllThatIsTheirs) {
  for (const std::size_t first : {std::size_t{0}, std::size_t{1}, std::size_t{4}}) {
    TokenRows rows;
    ASSERT_TRUE(rows.assign(prepared(prompt_), 3).ok());
    rows.append(5);
    rows.forget(first, 2);
    ToyPrompt left = prompt_;
    left.ids.push_back(5);
    left.splice.push_back(-1);
    left.spans.push_back(2);
    left.deepstack.resize(left.deepstack.size() + ToyDecoder::kHidden, 0.0f);
    const auto at = static_cast<std::ptrdiff_t>(first);
    for (auto* column : {&left.ids, &left.splice, &left.spans}) {
      column->erase(column->begin() + at, column->begin() + at + 2);
    }
    left.deepstack.erase(left.deepstack.begin() + at * ToyDecoder::kHidden,
                         left.deepstack.begin() + (at + 2) * ToyDecoder::kHidden);
    // By hand: without 0 and 1, or without 1 and the first row of the picture, all move up by 2 or 1; inside of the
    // picture the rest begins at its smallest position, 2, one after the largest before, which is 3.
    const std::int32_t moves = first == 0 ? -2 : first == 1 ? -1 : 2;
    left.positions.clear();
    for (std::size_t axis = 0; axis < 3; ++axis) {
      for (std::size_t i = 0; i < 21; ++i) {
        if (i >= first && i < first + 2) continue;
        const std::int32_t old = i < 20 ? prompt_.positions[axis * 20 + i] : 17;
        left.positions.push_back(i < first ? old : old + moves);
      }
    }
    Sequence slid(toy_.store);
    EXPECT_TRUE(same_bits_of(read_rows(rows, 0, slid), read(left))) << "from " << first;
    EXPECT_EQ(slid.next_position(), 18 + moves);
  }
}

TEST_F(KeptTokens, AreTheSameOnlyWithEqualPositionsAndRows) {
  TokenRows rows, other;
  ASSERT_TRUE(rows.assign(prepared(prompt_), 3).ok());
  const auto same_with = [&](const models::PreparedPrompt& changed) {
    EXPECT_TRUE(other.assign(changed, 3).ok());
    EXPECT_TRUE(rows.same(3, other));
    return rows.same(4, other);
  };
  models::PreparedPrompt changed = prepared(prompt_);
  EXPECT_TRUE(same_with(changed));
  changed.ids[4] += 1;
  EXPECT_FALSE(same_with(changed)) << "id";
  changed = prepared(prompt_);
  changed.positions[2 * 20 + 4] += 1;
  EXPECT_FALSE(same_with(changed)) << "position";
  changed = prepared(prompt_);
  changed.rows[0].ints[4] += 1;
  EXPECT_FALSE(same_with(changed)) << "spans";
  changed = prepared(prompt_);
  changed.rows[1].values[4 * ToyDecoder::kHidden + 15] += 1;
  EXPECT_FALSE(same_with(changed)) << "deepstack_0";
}

TEST_F(KeptTokens, RefuseAPromptWhoseRowsDoNotFitItsIds) {
  const auto error_with = [](const models::PreparedPrompt& prompt) {
    const Status status = TokenRows().assign(prompt, 3);
    return status.ok() ? "" : status.error().message;
  };
  models::PreparedPrompt prompt = prepared(prompt_);
  prompt.positions.pop_back();
  EXPECT_EQ(error_with(prompt), "the prepared prompt has 59 values of positions; 60 are expected");
  prompt = prepared(prompt_);
  prompt.splice_index.pop_back();
  EXPECT_EQ(error_with(prompt), "the prepared prompt has 19 values of the splice index; 20 are expected");
  prompt = prepared(prompt_);
  prompt.rows[0].ints.pop_back();
  EXPECT_EQ(error_with(prompt), "the prepared prompt has 0 f32 and 19 i32 values of \"spans\" for 20 tokens");
  prompt = prepared(prompt_);
  prompt.rows[0].later_ints = {1, 2};
  EXPECT_EQ(error_with(prompt), "the prepared prompt has 2 values of spans of later tokens; 1 are expected");
}

}  // namespace
}  // namespace galago::runtime
