#include "backends/cpu/weight_store.h"

#include <algorithm>

#include "backends/cpu/layout_fingerprint.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/thread_pool.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

// Source pages stay resident until their slice is packed, so this many bytes times the threads is what packing costs
// beyond source and result.
constexpr std::uint64_t kSliceBytes = std::uint64_t{1} << 20;
// Rows that are no farther apart are released in one piece.
constexpr std::uintptr_t kNearBytes = std::uintptr_t{1} << 20;

// A matrix as a stack of one.
struct MatrixStack {
  std::int64_t experts, rows, cols, tiles;  // tiles of one
  explicit MatrixStack(const Tensor& matrix)
      : experts(matrix.shape().rank() == 3 ? matrix.size(0) : 1),
        rows(matrix.size(-2)),
        cols(matrix.size(-1)),
        tiles(tile_count(rows)) {}
};

// The first row of a tile of a stack.
std::int64_t row_of_tile(const MatrixStack& stack, std::int64_t tile) {
  return tile / stack.tiles * stack.rows + std::min(stack.rows, tile % stack.tiles * kTileRows);
}

// Tiles [first, last) of a stack, those of all its matrices numbered through.
Status pack_tiles(const Tensor& matrix, std::int64_t first, std::int64_t last, std::byte* out) {
  const MatrixStack stack(matrix);
  const std::uint64_t bytes = tile_bytes(matrix.dtype(), stack.cols);
  std::vector<std::byte> made(row_bytes(matrix.dtype(), static_cast<std::uint64_t>(stack.cols)).value_or(0));
  while (first < last) {
    const std::int64_t expert = first / stack.tiles, begin = first % stack.tiles;
    const std::int64_t end = std::min(stack.tiles, begin + last - first);
    const auto source = [&](std::int64_t row) { return matrix.read_row(expert * stack.rows + row, made.data()); };
    GALAGO_CHECK(pack_tile_range(source, matrix.dtype(), stack.rows, stack.cols, begin, end, out));
    out += static_cast<std::uint64_t>(end - begin) * bytes;
    first += end - begin;
  }
  return {};
}

}  // namespace

std::uint64_t tiled_bytes(const Tensor& matrix) {
  const MatrixStack stack(matrix);
  const std::uint64_t one = packed_bytes(matrix.dtype(), stack.rows, stack.cols);
  return checked_mul(one, static_cast<std::uint64_t>(stack.experts)).value_or(0);
}

const WeightStore::Entry* WeightStore::find(const Tensor& matrix) const {
  const auto [first, last] = entries_.equal_range(matrix.data());
  for (auto entry = first; entry != last; ++entry) {
    if (entry->second.matrix.same_rows(matrix)) return &entry->second;
  }
  return nullptr;
}

std::vector<PackRequest> WeightStore::missing(std::span<const PackGroup> groups) const {
  std::vector<PackRequest> requests;
  std::unordered_multimap<const void*, Tensor> seen;
  std::uint32_t number = 0;
  for (const PackGroup& group : groups) {
    const std::size_t before = requests.size();
    for (const Tensor& matrix : group) {
      const std::uint64_t bytes = tiled_bytes(matrix);
      if (bytes == 0 || find(matrix) != nullptr) continue;
      const auto [first, last] = seen.equal_range(matrix.data());
      if (std::any_of(first, last, [&](const auto& other) { return matrix.same_rows(other.second); })) continue;
      seen.emplace(matrix.data(), matrix);
      requests.push_back({matrix, bytes, layout_fingerprint(matrix.dtype()), number});
    }
    number += requests.size() > before ? 1 : 0;
  }
  return requests;
}

Status WeightStore::pack(std::span<const PackGroup> groups) {
  const std::scoped_lock lock(mutex_);
  std::vector<PackRequest> requests = missing(groups);
  if (requests.empty()) return {};
  if (storage_ != nullptr) GALAGO_CHECK(pack_stored(requests));
  return pack_into_memory(requests);
}

void WeightStore::add(const PackRequest& request, PackedPlace place, Arena memory) {
  packed_bytes_ += request.bytes;
  entries_.emplace(request.matrix.data(), Entry{request.matrix, place, std::move(memory)});
}

// Takes from `requests` what the storage has or can take.
Status WeightStore::pack_stored(std::vector<PackRequest>& requests) {
  const auto first_left = std::stable_partition(
      requests.begin(), requests.end(), [this](const PackRequest& request) { return storage_->keeps(request.matrix); });
  const std::span<const PackRequest> kept(requests.begin(), first_left);
  if (kept.empty()) return {};
  std::vector<PackedPlace> stored = storage_->find(kept);
  const bool complete = std::ranges::none_of(stored, [](const PackedPlace& place) { return place.data == nullptr; });
  if (!complete) {
    auto packed = pack_into_storage(kept);
    if (packed.ok() && !packed->empty()) stored = std::move(packed).value();
    if (!packed.ok()) storage_->failed(packed.error());
  }
  std::vector<PackRequest> left(first_left, requests.end());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const PackRequest& request = kept[i];
    if (stored[i].data != nullptr) {
      add(request, stored[i], {});
    } else if (request.matrix.is_packed()) {
      return error(ErrorCode::kUnsupported,
                   "{}: was packed for another instruction set or program; pack the model again for this one",
                   request.matrix.name());
    } else {
      left.push_back(request);
    }
  }
  requests = std::move(left);
  return {};
}

// Nothing when the storage has no place.
Result<std::vector<PackedPlace>> WeightStore::pack_into_storage(std::span<const PackRequest> requests) const {
  const bool packed_before =
      std::any_of(requests.begin(), requests.end(), [](const PackRequest& r) { return r.matrix.is_packed(); });
  const std::unique_ptr<PackSink> sink = packed_before ? nullptr : storage_->create(requests);
  if (sink == nullptr) return std::vector<PackedPlace>();
  std::uint64_t done = 0, total = 0;
  for (const PackRequest& request : requests) total += request.bytes;
  for (std::size_t i = 0; i < requests.size(); ++i) {
    const auto emit = [&](std::uint64_t offset, Bytes packed) { return sink->write(i, offset, packed); };
    GALAGO_CHECK(pack_slices(requests[i].matrix, nullptr, emit));
    done += requests[i].bytes;
    if (progress_) progress_(done, total);
  }
  return sink->finish();
}

Status WeightStore::pack_into_memory(std::span<const PackRequest> requests) {
  std::uint64_t done = 0, total = 0;
  for (const PackRequest& request : requests) total += request.bytes;
  for (const PackRequest& request : requests) {
    const Tensor& matrix = request.matrix;
    auto memory = Arena::create(request.bytes, Pages::kHuge);
    if (!memory.ok()) {
      return error(memory.error().code, "packing {} {}: {}", matrix.name(), matrix.type().to_string(),
                   memory.error().message);
    }
    GALAGO_CHECK(pack_slices(matrix, memory->data(), [](std::uint64_t, Bytes) { return Status(); }));
    const PackedPlace place{memory->data(), request.bytes / static_cast<std::uint64_t>(MatrixStack(matrix).experts)};
    add(request, place, std::move(memory).value());
    done += request.bytes;
    if (progress_) progress_(done, total);
  }
  return {};
}

Status WeightStore::pack_slices(const Tensor& matrix, std::byte* place, Emit emit) const {
  const MatrixStack stack(matrix);
  const auto tile = static_cast<std::int64_t>(tile_bytes(matrix.dtype(), stack.cols));
  const std::int64_t tiles = stack.experts * stack.tiles;
  const auto tiles_per_slice = std::max<std::int64_t>(1, static_cast<std::int64_t>(kSliceBytes) / tile);
  std::vector<std::vector<std::byte>> scratch(place == nullptr ? static_cast<std::size_t>(n_threads_) : 0);
  std::mutex failure_mutex;
  Status failure;
  const auto pack = [&](int worker, std::int64_t slice) {
    const std::int64_t first = slice * tiles_per_slice, last = std::min(tiles, first + tiles_per_slice);
    const auto bytes = static_cast<std::size_t>((last - first) * tile);
    std::byte* out = place == nullptr ? nullptr : place + first * tile;
    if (out == nullptr) {
      auto& own = scratch[static_cast<std::size_t>(worker)];
      if (own.size() < bytes) own.resize(bytes);
      out = own.data();
    }
    Status status = pack_tiles(matrix, first, last, out);
    if (status.ok()) status = emit(static_cast<std::uint64_t>(first * tile), {out, bytes});
    if (!status.ok()) {
      const std::scoped_lock lock(failure_mutex);
      failure = std::move(status);
      return;
    }
    if (release_) release_rows(matrix, row_of_tile(stack, first), row_of_tile(stack, last));
  };
  // Another model may be answering meanwhile.
  ThreadPool::shared().parallel_for(n_threads_, (tiles + tiles_per_slice - 1) / tiles_per_slice, pack,
                                    ThreadPool::Priority::kBackground);
  return failure;
}

// Hands the stored bytes of the rows over, part by part, those that lie near to each other together: a row order
// (llama's permuted heads) does not lead far away. Made rows read all of their reader's bytes again and again, which
// are handed over after the last of them.
void WeightStore::release_rows(const Tensor& matrix, std::int64_t first_row, std::int64_t last_row) const {
  if (!matrix.parts().empty() && !matrix.row_order()) {
    for (const Tensor& part : matrix.parts()) {
      const std::int64_t rows = part.shape().max_rows().value_or(0);
      const std::int64_t first = std::clamp<std::int64_t>(first_row, 0, rows);
      const std::int64_t last = std::clamp<std::int64_t>(last_row, 0, rows);
      if (first < last) release_rows(part, first, last);
      first_row -= rows;
      last_row -= rows;
    }
    return;
  }
  const auto row_size =
      static_cast<std::uintptr_t>(row_bytes(matrix.dtype(), static_cast<std::uint64_t>(matrix.size(-1))).value_or(0));
  const std::int64_t rows = matrix.shape().max_rows().value_or(0);
  std::uintptr_t begin = 0, end = 0;
  const auto hand_over = [&] {
    if (begin != end) release_({reinterpret_cast<const std::byte*>(begin), end - begin});
    begin = end = 0;
  };
  for (std::int64_t row = first_row; row < last_row; ++row) {
    const Tensor::RowPlace place = matrix.place_of_row(row);
    if (place.stored == nullptr) {
      const bool last = row + 1 == rows || matrix.place_of_row(row + 1).reader != place.reader;
      if (!last) continue;
      for (const Bytes bytes : place.reader->sources()) release_(bytes);
      continue;
    }
    const auto at = reinterpret_cast<std::uintptr_t>(place.stored);
    if (at + kNearBytes < begin || at > end + kNearBytes) hand_over();
    begin = begin == end ? at : std::min(begin, at);
    end = std::max(end, at + row_size);
  }
  hand_over();
}

Result<WeightView> WeightStore::view(const Tensor& matrix, std::int64_t expert) const {
  const auto [experts, rows, cols, tiles] = MatrixStack(matrix);
  const DType dtype = matrix.dtype();
  {
    const std::scoped_lock lock(mutex_);
    if (const Entry* entry = find(matrix)) {
      const PackedPlace& place = entry->place;
      return packed_view(dtype, rows, cols, place.data + static_cast<std::uint64_t>(expert) * place.stride);
    }
  }
  const auto stride = static_cast<std::int64_t>(row_bytes(dtype, static_cast<std::uint64_t>(cols)).value_or(0));
  if (matrix.bytes().empty()) {
    return error(ErrorCode::kUnsupported, "{} {}: its rows are in several places, which weights of this type cannot be",
                 matrix.name(), matrix.type().to_string());
  }
  if (matrix.shape().rank() == 3) return rows_view(dtype, rows, cols, matrix.row(expert * rows), stride, nullptr);
  const auto* order = matrix.row_order() ? reinterpret_cast<const std::uint32_t*>(matrix.row_order()->data()) : nullptr;
  return rows_view(dtype, rows, cols, matrix.bytes().data(), stride, order);
}

std::uint64_t WeightStore::packed_bytes() const {
  const std::scoped_lock lock(mutex_);
  return packed_bytes_;
}

}  // namespace galago::cpu
