#include "base/team.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "base/thread_pool.h"

namespace galago {
namespace {

// Sleeps now and then, as a thread does that the system takes off its core.
class Stalls {
 public:
  explicit Stalls(int one_in) : one_in_(one_in) {}
  void operator()() const {
    thread_local std::minstd_rand random(
        static_cast<unsigned>(std::hash<std::thread::id>{}(std::this_thread::get_id())));
    if (one_in_ > 0 && random() % static_cast<unsigned>(one_in_) == 0) {
      std::this_thread::sleep_for(std::chrono::microseconds(random() % 2000));
    }
  }

 private:
  int one_in_;
};

constexpr int kCells = 24;
// Two cells a chunk; one region without any, and for five members more regions than some cases have members.
constexpr std::array kCellRegions = {5, 5, 6, kCells / 2};
using Half = std::array<std::uint32_t, kCells>;
struct Cells {
  std::array<Half, 2> halves;
  bool operator==(const Cells&) const = default;
};

Cells begin_cells() {
  Cells cells;
  for (std::uint32_t i = 0; i < kCells; ++i) cells.halves[0][i] = cells.halves[1][i] = i * i;
  return cells;
}

std::uint32_t next_cell(const std::uint32_t* from, int at, int stage) {
  return from[at] * 2654435761u + from[(at + 1) % kCells] + static_cast<std::uint32_t>(stage);
}

Cells serially(int stages) {
  Cells cells = begin_cells();
  for (int stage = 0; stage < stages; ++stage) {
    const Half& from = cells.halves[static_cast<std::size_t>(stage % 2)];
    Half& to = cells.halves[static_cast<std::size_t>(1 - stage % 2)];
    for (int i = 0; i < kCells; ++i) to[static_cast<std::size_t>(i)] += next_cell(from.data(), i, stage);
  }
  return cells;
}

// Each stage adds to what the stage before last wrote and the next one reads: wrong as soon as one cell is published
// late, twice, or from an input that was not the stage's.
void evolve(TeamMember& member, Cells* cells, int stages, Stalls compute, Stalls attached) {
  for (int stage = member.frontier(); stage < stages; stage = std::max(stage + 1, member.frontier())) {
    std::uint32_t* to = cells->halves[static_cast<std::size_t>(1 - stage % 2)].data();
    const auto work = [](int) { return std::int64_t{100}; };
    const auto prepare = [&](std::byte* scratch) {
      std::memcpy(scratch, cells->halves[static_cast<std::size_t>(stage % 2)].data(), sizeof(Half));
      attached();
    };
    const auto step = [&compute, stage](std::byte* scratch, int chunk) {
      auto* own = reinterpret_cast<std::uint32_t*>(scratch);
      compute();
      for (int i = 2 * chunk; i < 2 * chunk + 2; ++i) own[kCells + i] = next_cell(own, i, stage);
    };
    const auto publish = [&](std::byte* scratch, int chunk) {
      const auto* own = reinterpret_cast<const std::uint32_t*>(scratch);
      attached();
      for (int i = 2 * chunk; i < 2 * chunk + 2; ++i) to[i] += own[kCells + i];
    };
    if (!member.share(stage, {kCellRegions, work, prepare, step, publish})) return;
  }
}

struct Case {
  int n_threads, compute_stalls, attached_stalls;
};

class TeamStress : public testing::TestWithParam<Case> {};

// The cells die with each run, so a late member that touched them would be found by the sanitizers.
TEST_P(TeamStress, ComputesTheSameWhoeverStalls) {
  constexpr int kRuns = 30, kStages = 40;
  const Cells expected = serially(kStages);
  ThreadPool pool;
  const Stalls compute(GetParam().compute_stalls), attached(GetParam().attached_stalls);
  for (int run = 0; run < kRuns; ++run) {
    auto cells = std::make_unique<Cells>(begin_cells());
    ASSERT_TRUE(pool.run_team(GetParam().n_threads,
                              [&](TeamMember& member) { evolve(member, cells.get(), kStages, compute, attached); }));
    ASSERT_TRUE(*cells == expected) << "run " << run;
  }
  if (GetParam().compute_stalls > 0) {
    EXPECT_GT(pool.n_redone(), 0);
  }
  pool.wait_for_late_members();
}

INSTANTIATE_TEST_SUITE_P(Threads, TeamStress,
                         testing::Values(Case{2, 0, 0}, Case{2, 100, 0}, Case{3, 50, 400}, Case{5, 200, 100}),
                         [](const auto& one) {
                           return std::to_string(one.param.n_threads) + "Threads" + std::to_string(one.index);
                         });

// The worker holds its chunk until the run is over: only somebody else can have finished it.
TEST(Team, EndsARunWithoutAMemberThatIsGone) {
  ThreadPool pool;
  std::atomic<bool> over{false};
  std::atomic<int> stuck{0};
  const std::thread::id caller = std::this_thread::get_id();
  int result = 0;
  const auto work = [](int) { return std::int64_t{1}; };
  const auto prepare = [](std::byte*) {};
  const auto compute = [&](std::byte* scratch, int chunk) {
    if (std::this_thread::get_id() != caller && stuck.fetch_add(1) == 0) {
      while (!over.load()) std::this_thread::yield();
    } else if (std::this_thread::get_id() == caller) {
      while (stuck.load() == 0) std::this_thread::yield();
    }
    scratch[chunk] = std::byte{7};
  };
  const auto publish = [&](std::byte* scratch, int chunk) { result += static_cast<int>(scratch[chunk]); };
  std::atomic<int> left_early{0};
  // Outlives the run, because what it counts is counted after.
  const auto body = [&](TeamMember& member) {
    if (!member.share(0, {std::array{1, 2}, work, prepare, compute, publish})) ++left_early;
  };
  ASSERT_TRUE(pool.run_team(2, body));
  EXPECT_EQ(result, 14);
  EXPECT_EQ(pool.n_redone(), 1);
  over.store(true);
  pool.wait_for_late_members();
  while (left_early.load() == 0) std::this_thread::yield();
}

// The same with the roles changed: the caller is gone, and the worker finishes the whole run.
TEST(Team, GoesOnWithoutItsCaller) {
  ThreadPool pool;
  std::atomic<int> finished{0};
  const std::thread::id caller = std::this_thread::get_id();
  const auto work = [](int) { return std::int64_t{1}; };
  const auto prepare = [](std::byte*) {};
  const auto publish = [](std::byte*, int) {};
  ASSERT_TRUE(pool.run_team(2, [&](TeamMember& member) {
    for (int stage = member.frontier(); stage < 10; stage = std::max(stage + 1, member.frontier())) {
      const auto compute = [&finished, caller](std::byte*, int) {
        if (std::this_thread::get_id() != caller) return;
        while (finished.load() == 0) std::this_thread::yield();
      };
      if (!member.share(stage, {std::array{2, 4}, work, prepare, compute, publish})) return;
    }
    if (std::this_thread::get_id() != caller) finished.store(1);
  }));
  EXPECT_EQ(finished.load(), 1);
}

// The caller's region from the front, so that it reads what lies together; then the absent worker's, from the back.
TEST(Team, ClaimsItsOwnRegionFirst) {
  ThreadPool pool;
  std::vector<int> order;
  const std::thread::id caller = std::this_thread::get_id();
  const auto work = [](int) { return std::int64_t{1}; };
  const auto prepare = [](std::byte*) {};
  const auto compute = [](std::byte*, int) {};
  const auto publish = [&](std::byte*, int chunk) { order.push_back(chunk); };
  ASSERT_TRUE(pool.run_team(2, [&](TeamMember& member) {
    if (std::this_thread::get_id() != caller) return;
    EXPECT_TRUE(member.share(0, {std::array{3, 7}, work, prepare, compute, publish}));
    EXPECT_TRUE(member.share(1, {std::array{2}, work, prepare, compute, publish}));
  }));
  EXPECT_EQ(order, (std::vector{0, 1, 2, 6, 5, 4, 3, 0, 1}));
}

TEST(Team, SharesPlainChunksOnceAndHelpsWithCallsInsideThem) {
  ThreadPool pool;
  std::vector<int> runs(3000, 0);
  std::atomic<int> inner{0};
  for (int round = 0; round < 20; ++round) {
    ASSERT_TRUE(pool.run_team(3, [&](TeamMember& member) {
      if (!member.share(0, 3000, [&](std::int64_t chunk) { ++runs[static_cast<std::size_t>(chunk)]; })) return;
      if (!member.share(1, 0, [&](std::int64_t) { ADD_FAILURE(); })) return;
      if (!member.share(2, 1, [&](std::int64_t) { pool.parallel_for(3, 50, [&](int, std::int64_t) { ++inner; }); })) {
        return;
      }
      if (!member.share(3, 3000, [&](std::int64_t chunk) { ++runs[static_cast<std::size_t>(chunk)]; })) return;
    }));
  }
  for (const int count : runs) EXPECT_EQ(count, 40);
  EXPECT_EQ(inner.load(), 20 * 50);
}

// A member that has begun to wait helps with a call that was announced before it did.
TEST(Team, WaitingMembersHelpWithCallsThatBeganEarlier) {
  std::atomic<int> alone = 0;
  ThreadPool pool;
  ASSERT_TRUE(pool.run_team(2, [&](TeamMember& member) {
    for (int stage = 0; stage < 200; ++stage) {
      const bool attached = member.share(stage, 1, [&](std::int64_t) {
        std::atomic<int> here = 0;
        pool.parallel_for(2, 2, [&](int, std::int64_t) {
          ++here;
          const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(alone == 0 ? 5 : 0);
          while (here < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
          if (here < 2) ++alone;
        });
      });
      if (!attached) return;
    }
  }));
  EXPECT_EQ(alone.load(), 0) << "of 200 calls";
}

TEST(Team, RunsSeveralAtOnceAndBesideABackgroundCall) {
  ThreadPool pool;
  const Cells expected = serially(30);
  std::atomic<int> wrong{0};
  std::atomic<bool> stop{false};
  std::atomic<std::int64_t> background{0};
  std::thread packing([&] {
    while (!stop.load()) {
      const auto chunk = [&](int, std::int64_t) { background.fetch_add(1); };
      pool.parallel_for(4, 64, chunk, ThreadPool::Priority::kBackground);
    }
  });
  std::vector<std::thread> callers;
  for (int c = 0; c < 3; ++c) {
    callers.emplace_back([&] {
      for (int run = 0; run < 20; ++run) {
        Cells cells = begin_cells();
        const bool ran =
            pool.run_team(3, [&](TeamMember& member) { evolve(member, &cells, 30, Stalls(300), Stalls(0)); });
        if (!ran || !(cells == expected)) ++wrong;
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  stop.store(true);
  packing.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_GT(background.load(), 0);
}

TEST(Team, RefusesWhatASingleThreadDoes) {
  ThreadPool pool;
  EXPECT_FALSE(pool.run_team(1, [](TeamMember&) { ADD_FAILURE(); }));
  EXPECT_FALSE(pool.run_team(-1, [](TeamMember&) { ADD_FAILURE(); }));
}

}  // namespace
}  // namespace galago
