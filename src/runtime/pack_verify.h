// Proves packed weights: against the hashes of their index, and against packing their source again.
#pragma once

#include <filesystem>

#include "formats/pack_index.h"
#include "galago/session.h"

namespace galago::runtime {

// `path` names the file in errors.
Status check_hashes(const formats::PackIndex& index, Bytes file, const std::filesystem::path& path, int n_threads);
// Packs `source` slice by slice and compares every byte; nothing of it stays in memory.
Status check_against_source(const formats::PackIndex& index, Bytes file, const std::filesystem::path& path,
                            const std::filesystem::path& source, const ModelOptions& options);

}  // namespace galago::runtime
