#include "runtime/read_bandwidth.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <cstring>

#include "base/arena.h"
#include "base/thread_pool.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

constexpr int kPasses = 7;
// Small enough that threads which finish early find more to do, large enough that handing out costs nothing.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

// Adds up the words in eight sums, so that loads and not the chain of additions set the pace.
std::uint64_t sum_words(std::span<const std::byte> bytes) {
  std::array<std::uint64_t, 8> sums{};
  for (std::size_t at = 0; at + sizeof sums <= bytes.size(); at += sizeof sums) {
    std::array<std::uint64_t, 8> words;
    std::memcpy(words.data(), bytes.data() + at, sizeof words);
    for (std::size_t i = 0; i < sums.size(); ++i) sums[i] += words[i];
  }
  std::uint64_t sum = 0;
  for (const std::uint64_t part : sums) sum += part;
  return sum;
}

}  // namespace

Result<double> measure_read_bandwidth(std::uint64_t bytes, int n_threads) {
  const std::uint64_t n_chunks = std::max<std::uint64_t>(1, (bytes + kChunkBytes - 1) / kChunkBytes);
  GALAGO_TRY(const Arena arena, Arena::create(n_chunks * kChunkBytes, Pages::kHuge));
  const auto chunk_of = [&arena](std::int64_t chunk) {
    return arena.bytes().subspan(static_cast<std::size_t>(chunk) * kChunkBytes, kChunkBytes);
  };
  // Untouched memory is one shared page of zeros.
  const auto touch = [&](int, std::int64_t chunk) {
    const auto part = chunk_of(chunk);
    std::memset(part.data(), static_cast<int>(chunk & 0xff) | 1, part.size());
  };
  ThreadPool& pool = ThreadPool::shared();
  pool.parallel_for(n_threads, static_cast<std::int64_t>(n_chunks), touch);
  std::atomic<std::uint64_t> total{0};  // used, so that no compiler leaves the reading out
  const auto read = [&](int, std::int64_t chunk) {
    total.fetch_add(sum_words(chunk_of(chunk)), std::memory_order_relaxed);
  };
  double best = 0;
  for (int pass = 0; pass < kPasses; ++pass) {
    const auto begin = std::chrono::steady_clock::now();
    pool.parallel_for(n_threads, static_cast<std::int64_t>(n_chunks), read);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    best = std::max(best, static_cast<double>(n_chunks * kChunkBytes) / std::max(took.count(), 1e-9));
  }
  return total.load() == 0 ? 0.0 : best;
}

}  // namespace galago::runtime
