#include "runtime/state_store.h"

#include <gtest/gtest.h>

#include <array>

#include "runtime/sequence.h"
#include "runtime/step_tables.h"

namespace galago::runtime {
namespace {

constexpr std::int64_t kPage = ops::kPageTokens;
const std::array<ops::StateSpec, 2> kSpecs = {ops::Paged{2, 8, 8}, ops::Paged{1, 16, 16}};

void append(Sequence& sequence, std::int64_t n) {
  ASSERT_TRUE(sequence.reserve(n).ok());
  sequence.advance(n);
}

std::int32_t n_free(const StateStore& store, std::size_t group) { return store.groups()[group].pool.n_free(); }

TEST(StateStore, HandsOutPagesUntilThereAreNone) {
  auto store = StateStore::create(kSpecs, KvType::kF16, 3);
  ASSERT_TRUE(store.ok());
  {
    Sequence a(*store), b(*store);
    append(a, kPage + 1);
    EXPECT_EQ(a.pages(0).size(), 2u);
    append(b, 1);
    EXPECT_NE(a.pages(0)[0], b.pages(0)[0]);
    EXPECT_EQ(b.reserve(kPage).error().code, ErrorCode::kOutOfRange);
    EXPECT_TRUE(a.return_to(kPage).ok());
    EXPECT_TRUE(b.reserve(kPage).ok());
  }
  EXPECT_EQ(n_free(*store, 0), 3);
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

TEST(StateStore, GroupsStatesThatLiveEquallyLong) {
  const std::array<ops::StateSpec, 7> specs = {
      ops::Paged{1, 4, 4},      ops::Paged{1, 4, 4, 100},  ops::Recurrent{5},       ops::Paged{2, 8, 8},
      ops::Paged{1, 4, 4, 200}, ops::Static{1, 4, 4, 130}, ops::Paged{1, 4, 4, 100}};
  auto store = StateStore::create(specs, KvType::kF32, 4, /*sequences=*/2);
  ASSERT_TRUE(store.ok()) << store.error().message;
  std::vector<std::int32_t> groups;
  for (const ops::StateView& view : store->views()) groups.push_back(view.group);
  EXPECT_EQ(groups, (std::vector<std::int32_t>{0, 1, 2, 0, 3, 4, 1}));
  EXPECT_EQ(store->groups()[1].window, 100);
  EXPECT_EQ(store->groups()[4].max_pages, 3);
  EXPECT_EQ(n_free(*store, 4), 6);
  EXPECT_EQ(store->views()[2].page_bytes, 64u);
  // Recurrent and static state are no part of what a token takes.
  EXPECT_EQ(store->bytes_per_token(), (4u * 8 + 2 * 16) * sizeof(float));
}

TEST(StateStore, RefusesImpossibleSizes) {
  const auto code_of = [](const ops::StateSpec& spec) {
    return StateStore::create(std::span(&spec, 1), KvType::kF32, 1).error().code;
  };
  EXPECT_EQ(code_of(ops::Recurrent{0}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(ops::Recurrent{INT64_MAX}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of(ops::Static{1, 1, 1, 0}), ErrorCode::kInvalidArgument);
  const std::array<ops::StateSpec, 1> huge = {ops::Paged{1 << 20, 1 << 14, 1 << 14}};
  EXPECT_FALSE(StateStore::create(huge, KvType::kF32, INT32_MAX).ok());
  const std::array<ops::StateSpec, 2> two = {ops::Static{1, 4, 4, 10}, ops::Static{1, 4, 4, 11}};
  EXPECT_EQ(StateStore::create(two, KvType::kF32, 1).error().code, ErrorCode::kUnsupported);
}

// A state's value is a byte for each token, written as an op would: into the page that the table names.
class SequenceTest : public ::testing::Test {
 protected:
  StateStore make(std::vector<ops::StateSpec> specs, std::int32_t max_pages, int sequences = 1) {
    return StateStore::create(specs, KvType::kF32, max_pages, sequences).value();
  }
  static std::byte& at(const StateStore& store, const Sequence& sequence, std::size_t group, std::int64_t token) {
    const ops::StateView& view = store.views()[static_cast<std::size_t>(store.groups()[group].states[0])];
    const std::int32_t page = sequence.pages(group)[static_cast<std::size_t>(token / kPage)];
    EXPECT_GE(page, 0) << "token " << token;
    return view.data[static_cast<std::uint64_t>(page) * view.page_bytes + static_cast<std::uint64_t>(token % kPage)];
  }
  // Appends `n` tokens of one value to all groups; a recurrent state's first byte grows by it.
  static void write(const StateStore& store, Sequence& sequence, std::int64_t n, int value,
                    std::span<const std::int32_t> positions = {}) {
    ASSERT_TRUE(sequence.reserve(n).ok());
    for (std::size_t g = 0; g < store.groups().size(); ++g) {
      const auto kind = store.groups()[g].kind;
      for (std::int64_t i = 0; i < n && kind == StateGroup::Kind::kPaged; ++i) {
        at(store, sequence, g, sequence.length() + i) = std::byte(value);
      }
      if (kind != StateGroup::Kind::kRecurrent) continue;
      std::byte& sum = at(store, sequence, g, 0);
      sum = std::byte(static_cast<int>(sum) + static_cast<int>(n) * value);
    }
    sequence.advance(n, positions);
  }
};

TEST_F(SequenceTest, ForkSharesPagesUntilOneWrites) {
  StateStore store = make({ops::Paged{1, 4, 4}}, 8);
  Sequence a(store);
  write(store, a, 100, 1);
  {
    Result<Sequence> b = a.fork();
    ASSERT_TRUE(b.ok());
    EXPECT_EQ(n_free(store, 0), 6);
    write(store, *b, 3, 2);
    EXPECT_EQ(n_free(store, 0), 5);  // the partial page was copied
    EXPECT_EQ(a.pages(0)[0], b->pages(0)[0]);
    EXPECT_NE(a.pages(0)[1], b->pages(0)[1]);
    write(store, a, 3, 3);
    EXPECT_EQ(n_free(store, 0), 5);  // its own now
    for (const auto& [token, of_a, of_b] : {std::tuple{0, 1, 1}, std::tuple{99, 1, 1}, std::tuple{100, 3, 2}}) {
      EXPECT_EQ(static_cast<int>(at(store, a, 0, token)), of_a);
      EXPECT_EQ(static_cast<int>(at(store, *b, 0, token)), of_b);
    }
    // A page that ends with the prefix is shared on.
    ASSERT_TRUE(b->return_to(kPage).ok());
    write(store, *b, 1, 4);
    EXPECT_EQ(a.pages(0)[0], b->pages(0)[0]);
  }
  EXPECT_EQ(n_free(store, 0), 6);
}

TEST_F(SequenceTest, TruncatesInsideAPage) {
  StateStore store = make({ops::Paged{1, 4, 4}}, 8);
  Sequence a(store);
  write(store, a, 200, 1);
  EXPECT_EQ(a.returnable(100), 100);
  ASSERT_TRUE(a.return_to(100).ok());
  EXPECT_EQ(a.length(), 100);
  EXPECT_EQ(a.pages(0).size(), 2u);
  EXPECT_EQ(n_free(store, 0), 6);
  write(store, a, 1, 7);  // the page is the one it was
  EXPECT_EQ(static_cast<int>(at(store, a, 0, 99)), 1);
  EXPECT_EQ(static_cast<int>(at(store, a, 0, 100)), 7);
  EXPECT_EQ(static_cast<int>(at(store, a, 0, 101)), 1);  // what was there before, and is not read
  EXPECT_FALSE(a.return_to(102).ok());
  EXPECT_FALSE(a.return_to(-1).ok());
}

TEST_F(SequenceTest, WindowsFreeWhatNobodySees) {
  StateStore store = make({ops::Paged{1, 4, 4}, ops::Paged{1, 4, 4, 100}}, 64);
  Sequence a(store);
  std::int32_t most = 0;
  for (int i = 0; i < 600; ++i) {
    write(store, a, 5, 1);
    most = std::max(most, 64 - n_free(store, 1));
    // A row at length() sees 100 tokens, itself the last; kPage more can be forgotten.
    const std::int64_t first = std::max<std::int64_t>(0, a.length() - 99 - kPage);
    for (std::int64_t token = first; token < a.length(); ++token)
      ASSERT_EQ(static_cast<int>(at(store, a, 1, token)), 1);
    ASSERT_EQ(a.returnable(a.length() - kPage), std::max<std::int64_t>(0, a.length() - kPage));
  }
  EXPECT_EQ(a.pages(0).size(), 47u);
  EXPECT_LE(most, 4);  // 163 tokens lie in at most 4 pages
  EXPECT_EQ(a.pages(1)[40], -1);
  // 3000 tokens: the row at 2936 sees from 2837 on, in page 44.
  EXPECT_EQ(a.returnable(2937), 2937);
  EXPECT_EQ(a.returnable(2000), 0);
  EXPECT_FALSE(a.return_to(2000).ok());
  ASSERT_TRUE(a.return_to(0).ok());
  EXPECT_EQ(n_free(store, 0), 64);
  EXPECT_EQ(n_free(store, 1), 64);
}

TEST_F(SequenceTest, MarksKeepAWindow) {
  StateStore store = make({ops::Paged{1, 4, 4}, ops::Paged{1, 4, 4, 100}}, 64);
  Sequence a(store);
  write(store, a, 1000, 1);
  a.mark();
  write(store, a, 1000, 2);
  EXPECT_EQ(a.returnable(1500), 1000);
  EXPECT_EQ(a.returnable(999), 0);
  ASSERT_TRUE(a.return_to(1000).ok());
  for (std::int64_t token = 901; token < 1000; ++token) ASSERT_EQ(static_cast<int>(at(store, a, 1, token)), 1);
  write(store, a, 30, 3);
  EXPECT_EQ(static_cast<int>(at(store, a, 1, 999)), 1);
  EXPECT_EQ(static_cast<int>(at(store, a, 1, 1000)), 3);
  write(store, a, 500, 3);
  ASSERT_TRUE(a.return_to(1000).ok());  // as often as one likes
  EXPECT_EQ(static_cast<int>(at(store, a, 1, 999)), 1);
  ASSERT_TRUE(a.return_to(0).ok());
  EXPECT_EQ(n_free(store, 1), 64);
}

TEST_F(SequenceTest, MarksGiveWayToTokens) {
  StateStore store = make({ops::Paged{1, 4, 4, 1000}}, 4);
  Sequence a(store);
  write(store, a, 100, 1);
  a.mark();
  write(store, a, 10, 1);  // copies the partial page
  EXPECT_EQ(n_free(store, 0), 1);
  EXPECT_EQ(a.returnable(100), 100);
  write(store, a, 146, 1);  // needs the last page, and the one that the mark held
  EXPECT_EQ(n_free(store, 0), 0);
  EXPECT_EQ(a.reserve(1).error().message, "the context of 256 tokens is full");
}

TEST_F(SequenceTest, RecurrentStateReturnsToWhatWasKept) {
  StateStore store = make({ops::Paged{1, 4, 4}, ops::Recurrent{3}}, 64, 2);
  Sequence a(store);
  write(store, a, 10, 1);
  EXPECT_EQ(a.returnable(9), 0);
  EXPECT_EQ(a.returnable(10), 10);
  write(store, a, 54, 1);
  write(store, a, 64, 1);
  EXPECT_EQ(a.returnable(127), 64);
  write(store, a, 3, 1);
  a.mark();
  write(store, a, 4, 1);
  EXPECT_EQ(a.returnable(134), 131);
  ASSERT_TRUE(a.return_to(131).ok());
  EXPECT_EQ(static_cast<int>(at(store, a, 1, 0)), 131);
  ASSERT_TRUE(a.return_to(64).ok());
  EXPECT_EQ(static_cast<int>(at(store, a, 1, 0)), 64);
  EXPECT_EQ(a.returnable(63), 0);
  write(store, a, 2, 5);
  EXPECT_EQ(static_cast<int>(at(store, a, 1, 0)), 74);
  ASSERT_TRUE(a.return_to(0).ok());
  write(store, a, 1, 9);
  EXPECT_EQ(static_cast<int>(at(store, a, 1, 0)), 9);  // it began at zero again
}

TEST_F(SequenceTest, StepsEndWhereRecurrentStateIsKept) {
  StateStore plain = make({ops::Paged{1, 4, 4, 64}}, 64), sums = make({ops::Recurrent{1}}, 64);
  Sequence of_plain(plain), of_sums(sums);
  EXPECT_EQ(of_plain.step_rows(1000, 100), 100);
  EXPECT_EQ(of_sums.step_rows(1000, 100), 64);
  EXPECT_EQ(of_sums.step_rows(1000, 256), 256);
  EXPECT_EQ(of_sums.step_rows(100, 256), 100);
  write(sums, of_sums, 5, 1);
  EXPECT_EQ(of_sums.step_rows(1000, 256), 251);
  EXPECT_EQ(of_sums.step_rows(1000, 40), 40);
}

TEST_F(SequenceTest, KeepsTheNewestPointsOfBothKinds) {
  StateStore store = make({ops::Recurrent{1}}, 64);
  Sequence a(store);
  for (int turn = 1; turn <= 10; ++turn) {
    write(store, a, 64, 0);
    write(store, a, turn, 1);
    a.mark();
    write(store, a, 64 - turn, 0);
  }
  // Boundaries at 1280, 1216, 1152, 1088; marks at 1226 and 1097.
  for (const auto& [wanted, possible] :
       {std::pair{1280, 1280}, std::pair{1279, 1226}, std::pair{1225, 1216}, std::pair{1215, 1152},
        std::pair{1151, 1097}, std::pair{1096, 1088}, std::pair{1087, 0}}) {
    EXPECT_EQ(a.returnable(wanted), possible);
  }
}

TEST_F(SequenceTest, ForksAndSnapshotsHoldStateOfEveryKind) {
  StateStore store =
      make({ops::Paged{1, 4, 4}, ops::Paged{1, 4, 4, 70}, ops::Recurrent{3}, ops::Static{1, 4, 4, 99}}, 64, 3);
  {
    Sequence a(store);
    ASSERT_TRUE(a.reserve_static(70).ok());
    at(store, a, 3, 69) = std::byte{8};
    a.advance_static(70);
    const std::vector<std::int32_t> positions(200, 499);
    write(store, a, 200, 1, positions);
    const Result<StateSnapshot> snapshot = a.snapshot();
    ASSERT_TRUE(snapshot.ok());
    Result<Sequence> b = a.fork();
    ASSERT_TRUE(b.ok());
    write(store, *b, 150, 2);
    write(store, a, 20, 3);
    EXPECT_EQ(static_cast<int>(at(store, a, 2, 0)), (200 + 60) % 256);
    EXPECT_EQ(static_cast<int>(at(store, *b, 2, 0)), (200 + 300) % 256);
    EXPECT_EQ(static_cast<int>(at(store, *b, 1, 199)), 1);
    EXPECT_EQ(static_cast<int>(at(store, a, 1, 200)), 3);
    EXPECT_EQ(a.next_position(), 520);
    for (Sequence* sequence : {&a, &*b}) {
      ASSERT_TRUE(sequence->restore(*snapshot).ok());
      EXPECT_EQ(sequence->length(), 200);
      EXPECT_EQ(sequence->static_length(), 70);
      EXPECT_EQ(sequence->next_position(), 500);
      EXPECT_EQ(static_cast<int>(at(store, *sequence, 2, 0)), 200);
      EXPECT_EQ(static_cast<int>(at(store, *sequence, 1, 199)), 1);
      EXPECT_EQ(static_cast<int>(at(store, *sequence, 3, 69)), 8);
      write(store, *sequence, 5, 4);
    }
    ASSERT_TRUE(a.restore(*snapshot).ok());
    EXPECT_EQ(static_cast<int>(at(store, a, 2, 0)), 200);
    StateStore stranger = make({ops::Recurrent{3}}, 1);
    EXPECT_EQ(Sequence(stranger).restore(*snapshot).error().code, ErrorCode::kInvalidArgument);
  }
  for (std::size_t g = 0; g < 4; ++g) EXPECT_EQ(n_free(store, g), store.groups()[g].n_pages) << "group " << g;
}

TEST_F(SequenceTest, KnowsItsPositions) {
  StateStore store = make({ops::Paged{1, 4, 4}}, 8);
  Sequence a(store);
  write(store, a, 10, 1);
  EXPECT_EQ(a.next_position(), 10);
  const std::vector<std::int32_t> together(10, 12);  // a picture's tokens share positions
  write(store, a, 10, 1, together);
  EXPECT_EQ(a.next_position(), 13);
  write(store, a, 3, 1);
  EXPECT_EQ(a.next_position(), 16);
  ASSERT_TRUE(a.return_to(15).ok());
  EXPECT_EQ(a.next_position(), 13);
  ASSERT_TRUE(a.return_to(10).ok());
  EXPECT_EQ(a.next_position(), 10);
  ASSERT_TRUE(a.return_to(9).ok());
  EXPECT_EQ(a.next_position(), 9);
}

TEST_F(SequenceTest, StaticStateHasItsOwnLength) {
  StateStore store = make({ops::Paged{1, 4, 4}, ops::Static{1, 4, 4, 100}}, 8);
  Sequence a(store);
  EXPECT_EQ(a.reserve_static(101).error().message, "101 tokens of an encoder; the static state has room for 100");
  ASSERT_TRUE(a.reserve_static(100).ok());
  a.advance_static(100);
  write(store, a, 10, 1);
  ASSERT_TRUE(a.return_to(0).ok());
  EXPECT_EQ(a.static_length(), 100);
  a.clear_static();
  EXPECT_EQ(a.static_length(), 0);
  EXPECT_EQ(n_free(store, 1), 2);
  StateStore without = make({ops::Paged{1, 4, 4}}, 8);
  EXPECT_EQ(Sequence(without).reserve_static(1).error().code, ErrorCode::kInvalidArgument);
}

TEST_F(SequenceTest, TablesNameEachGroupsPages) {
  StateStore store =
      make({ops::Paged{1, 4, 4}, ops::Paged{1, 4, 4, 10}, ops::Recurrent{1}, ops::Static{1, 4, 4, 70}}, 8, 2);
  Sequence a(store), b(store);
  write(store, a, 300, 1);
  ASSERT_TRUE(b.reserve_static(3).ok());
  b.advance_static(3);
  ASSERT_TRUE(a.reserve(2).ok());
  ASSERT_TRUE(b.reserve(1).ok());
  StepTables tables(store, 8, 2);
  tables.add(a, 2);
  tables.add(b, 1);
  const ops::StepView step = tables.view();
  ASSERT_EQ(step.n_rows, 3);
  ASSERT_EQ(step.n_sequences, 2);
  EXPECT_EQ(std::vector<std::int32_t>(step.sequence, step.sequence + 3), (std::vector<std::int32_t>{0, 0, 1}));
  EXPECT_EQ(std::vector<std::int32_t>(step.position, step.position + 3), (std::vector<std::int32_t>{300, 301, 0}));
  ASSERT_EQ(step.groups.size(), 4u);
  const auto row = [&](std::size_t g, int sequence) {
    const std::int32_t* first = step.groups[g].pages + sequence * step.groups[g].max_pages;
    return std::vector<std::int32_t>(first, first + step.groups[g].max_pages);
  };
  const auto full = row(0, 0), window = row(1, 0);
  EXPECT_EQ(std::vector<std::int32_t>(full.begin(), full.begin() + 5),
            std::vector<std::int32_t>(a.pages(0).begin(), a.pages(0).end()));
  EXPECT_EQ(full[5], -1);
  EXPECT_EQ(window[2], -1);
  EXPECT_GE(window[4], 0);
  EXPECT_EQ(row(2, 1), std::vector<std::int32_t>{b.pages(2)[0]});
  EXPECT_EQ(row(3, 0), (std::vector<std::int32_t>{-1, -1}));
  // Of static state a row sees all there is; none of the first sequence.
  EXPECT_EQ(std::vector<std::int32_t>(step.groups[3].position, step.groups[3].position + 3),
            (std::vector<std::int32_t>{-1, -1, 2}));
  ASSERT_TRUE(b.reserve_static(2).ok());
  tables.clear();
  tables.add_static(b, 2);
  const ops::StepView writing = tables.view();
  EXPECT_EQ(std::vector<std::int32_t>(writing.groups[3].position, writing.groups[3].position + 2),
            (std::vector<std::int32_t>{3, 4}));
}

}  // namespace
}  // namespace galago::runtime
