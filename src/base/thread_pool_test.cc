#include "base/thread_pool.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

#include "base/allocation_counter_test.h"

namespace galago {
namespace {

// Sums 0 .. n-1 in chunks; returns the sum and checks that each chunk ran once and each worker index was in range.
std::int64_t sum_in_parallel(ThreadPool& pool, int n_threads, std::int64_t n) {
  std::vector<int> runs(static_cast<std::size_t>(n), 0);
  std::vector<std::int64_t> partial(static_cast<std::size_t>(n_threads) * 8, 0);  // 8: a cache line each
  pool.parallel_for(n_threads, n, [&](int worker, std::int64_t chunk) {
    ++runs[static_cast<std::size_t>(chunk)];
    partial[static_cast<std::size_t>(worker) * 8] += chunk;
  });
  for (const int count : runs) EXPECT_EQ(count, 1);
  return std::accumulate(partial.begin(), partial.end(), std::int64_t{0});
}

TEST(ThreadPool, RunsEveryChunkOnce) {
  ThreadPool pool;
  for (const int n_threads : {1, 2, 3, 8}) {
    for (const std::int64_t n : {0, 1, 2, 7, 1000}) {
      EXPECT_EQ(sum_in_parallel(pool, n_threads, n), n * (n - 1) / 2) << n_threads << " threads, " << n << " chunks";
    }
  }
}

TEST(ThreadPool, StartsNoMoreThreadsThanAskedFor) {
  ThreadPool pool;
  EXPECT_EQ(pool.n_workers(), 0);
  sum_in_parallel(pool, 1, 100);
  EXPECT_EQ(pool.n_workers(), 0) << "a single thread needs no worker";
  sum_in_parallel(pool, 3, 2);
  EXPECT_EQ(pool.n_workers(), 1) << "two chunks need one helper";
  sum_in_parallel(pool, 3, 100);
  EXPECT_EQ(pool.n_workers(), 2);
}

TEST(ThreadPool, RefusesAbsurdCountsQuietly) {
  ThreadPool pool;
  EXPECT_EQ(sum_in_parallel(pool, 1, -5 + 5), 0);
  int calls = 0;
  pool.parallel_for(-3, 4, [&](int worker, std::int64_t) {
    EXPECT_EQ(worker, 0);
    ++calls;
  });
  pool.parallel_for(4, -1, [&](int, std::int64_t) { ++calls; });
  EXPECT_EQ(calls, 4);
}

// Both chunks wait for each other, so the test hangs unless two threads really work at once, parked or not.
TEST(ThreadPool, WakesParkedWorkers) {
  ThreadPool pool;
  for (int round = 0; round < 20; ++round) {
    std::atomic<int> arrived{0};
    pool.parallel_for(2, 2, [&](int, std::int64_t) {
      arrived.fetch_add(1);
      while (arrived.load() < 2) std::this_thread::yield();
    });
    EXPECT_EQ(arrived.load(), 2);
    if (round % 4 == 3) std::this_thread::sleep_for(std::chrono::milliseconds(2));  // long enough to park
  }
}

TEST(ThreadPool, HandsOutWorkersOfManyCallersWithoutMixingThem) {
  ThreadPool pool;
  constexpr int kCallers = 24;  // more than there are places for jobs
  std::vector<std::thread> callers;
  std::atomic<int> wrong{0};
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([&, caller] {
      for (int round = 0; round < 60; ++round) {
        const std::int64_t n = 1 + (caller * 7 + round * 13) % 50;
        if (sum_in_parallel(pool, 2 + caller % 4, n) != n * (n - 1) / 2) wrong.fetch_add(1);
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong.load(), 0);
  EXPECT_LE(pool.n_workers(), 4);
}

TEST(ThreadPool, NestsWithoutDeadlock) {
  ThreadPool pool;
  std::atomic<std::int64_t> total{0};
  pool.parallel_for(4, 6, [&](int, std::int64_t outer) {
    pool.parallel_for(4, 5, [&](int, std::int64_t middle) {
      pool.parallel_for(3, 4, [&](int, std::int64_t inner) { total.fetch_add(outer * 100 + middle * 10 + inner); });
    });
  });
  std::int64_t expected = 0;
  for (int o = 0; o < 6; ++o) {
    for (int m = 0; m < 5; ++m) {
      for (int i = 0; i < 4; ++i) expected += o * 100 + m * 10 + i;
    }
  }
  EXPECT_EQ(total.load(), expected);
}

// A slow chunk on one thread leaves the others to the rest.
TEST(ThreadPool, FasterThreadsTakeMore) {
  ThreadPool pool;
  std::atomic<int> others{0};
  std::atomic<int> slow_worker{-1};
  pool.parallel_for(2, 9, [&](int worker, std::int64_t chunk) {
    if (chunk == 0) {
      slow_worker.store(worker);
      while (others.load() < 8) std::this_thread::yield();
    } else {
      EXPECT_NE(worker, slow_worker.load());
      others.fetch_add(1);
    }
  });
  EXPECT_EQ(others.load(), 8);
}

TEST(ThreadPool, WritesAreVisibleAfterwards) {
  ThreadPool& pool = ThreadPool::shared();
  std::vector<std::int64_t> values(256);
  for (int round = 0; round < 500; ++round) {
    pool.parallel_for(3, 256, [&](int, std::int64_t chunk) { values[static_cast<std::size_t>(chunk)] += chunk; });
  }
  for (std::size_t i = 0; i < values.size(); ++i) EXPECT_EQ(values[i], static_cast<std::int64_t>(i) * 500);
}

TEST(ThreadPool, EndsWhileWorkersSpinOrSleep) {
  for (int round = 0; round < 200; ++round) {
    ThreadPool pool;
    sum_in_parallel(pool, 4, 16);
    if (round % 2 != 0) std::this_thread::sleep_for(std::chrono::microseconds(round));
  }
}

TEST(ThreadPool, AllocatesNothingOnceStarted) {
  ThreadPool pool;
  std::atomic<std::int64_t> sum{0};
  const auto call = [&] { pool.parallel_for(3, 100, [&](int, std::int64_t chunk) { sum.fetch_add(chunk); }); };
  call();
  let_threads_begin();
  const std::int64_t before = allocation_count();
  EXPECT_GT(before, 0) << "the counter counts nothing";
  for (int i = 0; i < 100; ++i) call();
  EXPECT_EQ(allocation_count(), before);
  EXPECT_EQ(sum.load(), 101 * 4950);
}

TEST(ThreadPool, AllocatesNothingForATeamOnceStarted) {
  ThreadPool pool;
  std::atomic<std::int64_t> sum{0};
  const auto run = [&] {
    return pool.run_team(3, [&](TeamMember& member) {
      if (!member.share(0, 100, [&](std::int64_t chunk) { sum.fetch_add(chunk); })) return;
      const auto nothing = [](std::byte*, int) {};
      const auto work = [](int) { return std::int64_t{10}; };
      const auto prepare = [](std::byte*) {};
      static_cast<void>(member.share(1, {std::array{7, 14, 20}, work, prepare, nothing, nothing}));
    });
  };
  ASSERT_TRUE(run());
  let_threads_begin();
  const std::int64_t before = allocation_count();
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(run());
  EXPECT_EQ(allocation_count(), before);
  EXPECT_EQ(sum.load(), 51 * 4950);
}

}  // namespace
}  // namespace galago
