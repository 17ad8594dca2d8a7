// The packed weights of a backend: each weight once, whichever programs read it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "backends/cpu/packing.h"
#include "base/arena.h"
#include "galago/tensor.h"

namespace galago::cpu {

// Bytes packed so far and in all, of the weights that one compile() has to pack.
using PackProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;
// Told which source bytes are packed and will not be read again soon: the runtime lets the system drop the pages of a
// mapped file. Called from any thread, with spans of any origin.
using ReleaseSource = std::function<void(std::span<const std::byte>)>;

class WeightStore {
 public:
  WeightStore(int n_threads, PackProgress progress, ReleaseSource release)
      : n_threads_(n_threads), progress_(std::move(progress)), release_(std::move(release)) {}

  // Packs those of the matrices that are not packed yet, in slices and in parallel. Matrices whose type has no tile
  // layout are skipped.
  Status pack(std::span<const Tensor> matrices);

  // A (rows, cols) matrix as the kernels read it: packed, or its own rows when it was not packed. `matrix` must outlive
  // the view in the latter case.
  Result<WeightView> view(const Tensor& matrix) const;

  std::uint64_t packed_bytes() const;

 private:
  // Keeps the tensor, so that the address of its data names it for good.
  struct Entry {
    Tensor matrix;
    Arena tiles;
  };
  const Entry* find(const Tensor& matrix) const;
  Result<Entry> pack_one(const Tensor& matrix) const;
  void release_rows(const Tensor& matrix, std::int64_t first_row, std::int64_t last_row) const;

  int n_threads_;
  PackProgress progress_;
  ReleaseSource release_;
  mutable std::mutex mutex_;  // guards what follows
  std::unordered_multimap<const void*, Entry> entries_;
  std::uint64_t packed_bytes_ = 0;
};

// Bytes of the tiles of a matrix; 0 when it stays in rows.
std::uint64_t tiled_bytes(const Tensor& matrix);

}  // namespace galago::cpu
