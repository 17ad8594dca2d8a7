// Writes a file of packed weights: slices as they come, then hashes, then the index; it appears complete or not at all.
#pragma once

#include <filesystem>
#include <memory>

#include "base/atomic_file.h"
#include "formats/pack_index.h"

namespace galago::formats {

class PackWriter {
 public:
  // Reserves the disk space, so that a full disk is noticed before anything is packed. `index` needs all but offsets
  // and hashes.
  static Result<PackWriter> create(const std::filesystem::path& path, PackIndex index);

  // From any thread.
  Status write(std::size_t tensor, std::uint64_t offset, Bytes packed) const;

  struct Finished {
    PackIndex index;
    std::shared_ptr<const Mapping> file;  // the one that was written, even when another is at its path by now
  };
  Result<Finished> finish(int n_threads);

 private:
  PackWriter(AtomicFile file, PackIndex index, std::shared_ptr<const Mapping> pages)
      : file_(std::move(file)), index_(std::move(index)), pages_(std::move(pages)) {}
  AtomicFile file_;
  PackIndex index_;
  std::shared_ptr<const Mapping> pages_;  // of the reserved file, huge
};

// XXH64 of every tensor, computed on several threads.
std::vector<std::uint64_t> hash_tensors(const PackIndex& index, Bytes file, int n_threads);

}  // namespace galago::formats
