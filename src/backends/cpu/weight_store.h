// The packed weights of a backend: each weight once, whichever programs read it.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <unordered_map>
#include <vector>

#include "backends/cpu/pack_storage.h"
#include "backends/cpu/packing.h"
#include "base/arena.h"
#include "galago/tensor.h"

namespace galago::cpu {

// Bytes packed so far and in all, of the weights that one compile() has to pack.
using PackProgress = std::function<void(std::uint64_t done, std::uint64_t total)>;
// Told which source bytes are packed and will not be read again soon: the runtime lets the system drop the pages of a
// mapped file. Called from any thread, with spans of any origin.
using ReleaseSource = std::function<void(std::span<const std::byte>)>;

// The weights that one node of a program reads, which a storage keeps side by side.
using PackGroup = std::vector<Tensor>;

class WeightStore {
 public:
  // `storage` may be null: weights are then packed into memory.
  WeightStore(int n_threads, PackProgress progress, ReleaseSource release, std::shared_ptr<PackStorage> storage)
      : n_threads_(n_threads),
        progress_(std::move(progress)),
        release_(std::move(release)),
        storage_(std::move(storage)) {}

  // Makes packed weights of those of the matrices, or stacks of them (experts, rows, cols), that are not packed yet: as
  // the storage keeps them, else packed in slices and in parallel into the storage, or into memory. Matrices whose type
  // has no tile layout are skipped. Each matrix of a stack begins with a tile of its own.
  Status pack(std::span<const PackGroup> groups);

  // A (rows, cols) matrix, or one of a stack, as the kernels read it: packed, or its own rows when it was not packed.
  // `matrix` must outlive the view in the latter case.
  Result<WeightView> view(const Tensor& matrix, std::int64_t expert = 0) const;

  std::uint64_t packed_bytes() const;

 private:
  // Keeps the tensor, so that the address of its data names it for good.
  struct Entry {
    Tensor matrix;
    PackedPlace place;
    Arena memory;  // of the tiles, unless the storage has them
  };
  // Takes the bytes [offset, offset + packed.size()) of one request.
  using Emit = FunctionRef<Status(std::uint64_t offset, Bytes packed)>;

  const Entry* find(const Tensor& matrix) const;
  std::vector<PackRequest> missing(std::span<const PackGroup> groups) const;
  void add(const PackRequest& request, PackedPlace place, Arena memory);
  Status pack_stored(std::vector<PackRequest>& requests);
  Status pack_into_memory(std::span<const PackRequest> requests);
  Result<std::vector<PackedPlace>> pack_into_storage(std::span<const PackRequest> requests) const;
  // Packs slice by slice: to where `place` says (null: into scratch of each thread), then to `emit`.
  Status pack_slices(const Tensor& matrix, std::byte* place, Emit emit) const;
  void release_rows(const Tensor& matrix, std::int64_t first_row, std::int64_t last_row) const;

  int n_threads_;
  PackProgress progress_;
  ReleaseSource release_;
  std::shared_ptr<PackStorage> storage_;
  mutable std::mutex mutex_;  // guards what follows
  std::unordered_multimap<const void*, Entry> entries_;
  std::uint64_t packed_bytes_ = 0;
};

// Bytes of the tiles of a matrix or a stack of matrices; 0 when it stays in rows.
std::uint64_t tiled_bytes(const Tensor& matrix);

}  // namespace galago::cpu
