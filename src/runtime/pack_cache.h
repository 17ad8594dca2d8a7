// The pack cache: a folder with a file of packed weights for each model and instruction set, bounded in size.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "galago/session.h"
#include "runtime/pack_file_storage.h"

namespace galago::runtime {

// `options` with $GALAGO_PACK_CACHE ("off", or the most bytes, like "8G") and the defaults filled in.
Result<PackCacheOptions> resolve(PackCacheOptions options);

// Storage for the weights of a model in the cache.
std::shared_ptr<PackFileStorage> open_pack_cache(std::shared_ptr<const formats::Checkpoint> checkpoint, std::string isa,
                                                 const PackCacheOptions& resolved, int n_threads);
// After loading: marks a mapped file as used just now, because the least recently used ones go first. Where the packed
// weights are, for people.
std::string finish(const PackFileStorage& cache);

struct CachedPack {
  enum class State : std::uint8_t {
    kFresh,    // what its source would be packed to
    kStale,    // its source has changed since
    kOrphan,   // there is nothing at its source's path (moved files still find it)
    kForeign,  // another version of this program packs otherwise
    kDamaged,
  };
  std::filesystem::path path;
  std::uint64_t bytes = 0;
  std::filesystem::file_time_type last_used;
  State state = State::kDamaged;
  std::string isa, source;
  std::string problem;  // of damaged ones
  std::string name() const { return path.stem().string(); }
};
std::string_view to_string(CachedPack::State state);

// All files of the cache, the most recently used first.
std::vector<CachedPack> list_packs(const std::filesystem::path& folder);
Status remove_pack(const std::filesystem::path& path);
// What was left by processes that were killed while packing.
void remove_leftovers(const std::filesystem::path& folder);

// Compares every byte with the hashes in the index, and, where the source is still what it was, with packing it again.
// Fails with what differs; `repacked` tells whether there was a source to compare with.
Status verify_pack(const CachedPack& pack, int n_threads, bool& repacked);

}  // namespace galago::runtime
