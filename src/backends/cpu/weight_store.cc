#include "backends/cpu/weight_store.h"

#include <algorithm>
#include <atomic>

#include "base/error.h"
#include "base/thread_pool.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

// Source pages stay resident until their slice is packed, so this many bytes times the threads is what packing costs
// beyond source and result.
constexpr std::uint64_t kSliceBytes = std::uint64_t{1} << 20;

bool same_matrix(const Tensor& a, const Tensor& b) {
  if (a.bytes().data() != b.bytes().data() || !(a.type() == b.type())) return false;
  if (a.row_order() == b.row_order()) return true;
  return a.row_order() && b.row_order() && *a.row_order() == *b.row_order();
}

}  // namespace

std::uint64_t tiled_bytes(const Tensor& matrix) { return packed_bytes(matrix.dtype(), matrix.size(0), matrix.size(1)); }

const WeightStore::Entry* WeightStore::find(const Tensor& matrix) const {
  const auto [first, last] = entries_.equal_range(matrix.bytes().data());
  for (auto entry = first; entry != last; ++entry) {
    if (same_matrix(entry->second.matrix, matrix)) return &entry->second;
  }
  return nullptr;
}

Status WeightStore::pack(std::span<const Tensor> matrices) {
  const std::scoped_lock lock(mutex_);
  std::uint64_t done = 0, total = 0;
  std::vector<Tensor> missing;
  for (const Tensor& matrix : matrices) {
    const std::uint64_t bytes = tiled_bytes(matrix);
    const auto twice = [&matrix](const Tensor& other) { return same_matrix(matrix, other); };
    if (bytes == 0 || find(matrix) != nullptr || std::any_of(missing.begin(), missing.end(), twice)) continue;
    missing.push_back(matrix);
    total += bytes;
  }
  for (const Tensor& matrix : missing) {
    GALAGO_TRY(Entry entry, pack_one(matrix));
    done += entry.tiles.size();
    packed_bytes_ += entry.tiles.size();
    entries_.emplace(matrix.bytes().data(), std::move(entry));
    if (progress_) progress_(done, total);
  }
  return {};
}

Result<WeightStore::Entry> WeightStore::pack_one(const Tensor& matrix) const {
  const std::int64_t rows = matrix.size(0), cols = matrix.size(1);
  const auto tile = static_cast<std::int64_t>(tile_bytes(matrix.dtype(), cols));
  auto memory = Arena::create(tiled_bytes(matrix), Pages::kHuge);
  if (!memory.ok()) {
    return error(memory.error().code, "packing {} {}: {}", matrix.name(), matrix.type().to_string(),
                 memory.error().message);
  }
  const std::int64_t tiles = tile_count(rows);
  const auto tiles_per_slice = std::max<std::int64_t>(1, static_cast<std::int64_t>(kSliceBytes) / tile);
  std::mutex failure_mutex;
  Status failure;
  ThreadPool::shared().parallel_for(
      n_threads_, (tiles + tiles_per_slice - 1) / tiles_per_slice, [&](int, std::int64_t slice) {
        const std::int64_t first = slice * tiles_per_slice, last = std::min(tiles, first + tiles_per_slice);
        const auto source = [&matrix](std::int64_t row) { return matrix.row(row); };
        Status status = pack_tile_range(source, matrix.dtype(), rows, cols, first, last, memory->data() + first * tile);
        if (!status.ok()) {
          const std::scoped_lock lock(failure_mutex);
          failure = std::move(status);
          return;
        }
        if (release_) release_rows(matrix, first * kTileRows, std::min(rows, last * kTileRows));
      });
  if (!failure.ok()) return std::move(failure).error();
  return Entry{matrix, std::move(memory).value()};
}

// Hands the stored bytes of the rows over. A row order (llama's permuted heads) keeps rows near to each other, so the
// span between the first and the last is little more than the rows themselves.
void WeightStore::release_rows(const Tensor& matrix, std::int64_t first_row, std::int64_t last_row) const {
  const std::byte* first = matrix.row(first_row);
  const std::byte* last = first;
  for (std::int64_t row = first_row; row < last_row; ++row) {
    first = std::min(first, matrix.row(row));
    last = std::max(last, matrix.row(row));
  }
  const auto bytes = row_bytes(matrix.dtype(), static_cast<std::uint64_t>(matrix.size(1))).value_or(0);
  release_({first, static_cast<std::size_t>(last - first) + static_cast<std::size_t>(bytes)});
}

Result<WeightView> WeightStore::view(const Tensor& matrix) const {
  const std::int64_t rows = matrix.size(0), cols = matrix.size(1);
  {
    const std::scoped_lock lock(mutex_);
    if (const Entry* entry = find(matrix)) return packed_view(matrix.dtype(), rows, cols, entry->tiles.data());
  }
  const auto stride = row_bytes(matrix.dtype(), static_cast<std::uint64_t>(cols));
  const auto* order = matrix.row_order() ? reinterpret_cast<const std::uint32_t*>(matrix.row_order()->data()) : nullptr;
  return rows_view(matrix.dtype(), rows, cols, matrix.bytes().data(), static_cast<std::int64_t>(stride.value_or(0)),
                   order);
}

std::uint64_t WeightStore::packed_bytes() const {
  const std::scoped_lock lock(mutex_);
  return packed_bytes_;
}

}  // namespace galago::cpu
