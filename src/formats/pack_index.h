// The index of a file of packed weights, as the pack cache keeps them and `galago pack` puts them into a standalone
// file: what was packed, from what, for whom, and where each weight lies. All numbers are little-endian.
//
//   0   "GALAPACK", u32 format version, u32 tensors, u64 bytes of index, u64 bytes of all
//   32  u64 XXH64 of the index from byte 40, seeded with that of the first 32
//   40  u64 identity of the source, text instruction set, text path of the source
//       for each tensor: text name, i32 ggml type, i64 rows, i64 columns, u64 order, u64 layout, u64 offset, u64 bytes,
//       u64 XXH64 of the bytes
//   then the packed bytes, each tensor's at a multiple of 64. A text is u32 bytes and UTF-8.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "galago/dtype.h"
#include "galago/result.h"

namespace galago::formats {

inline constexpr std::uint32_t kPackFormatVersion = 1;
inline constexpr std::uint64_t kPackAlignment = 64;  // of the widest vector

// One packed matrix.
struct PackedTensor {
  std::string name;  // the checkpoint's
  DType dtype = DType::kF32;
  std::int64_t rows = 0, cols = 0;
  // Hash of what was packed: 0 for the stored tensor of that name as it is, odd for its rows in another order, even for
  // parts of it, or of several tensors of which it is the first.
  std::uint64_t order = 0;
  std::uint64_t layout = 0;  // what the packing of this type looks like: see cpu::layout_fingerprint()
  std::uint64_t offset = 0, bytes = 0;
  std::uint64_t hash = 0;
};

struct PackIndex {
  std::uint64_t identity = 0;  // of the files that were packed: inode, size, time of change, header
  std::string isa;
  std::string source;  // where they were
  std::vector<PackedTensor> tensors;
  std::uint64_t index_bytes = 0, total_bytes = 0;

  // Gives every tensor its offset; sets index_bytes and total_bytes. Fails when the sizes overflow.
  Status lay_out();
  // The encoded index, after lay_out().
  std::vector<std::byte> encode() const;
};

// Reads the index at the beginning of `file` and proves every offset and size in it against the file. The packed bytes
// are not looked at. `source` names the file in errors.
Result<PackIndex> parse_pack_index(Bytes file, std::string_view source);

// The bytes of a tensor of a proven index.
inline Bytes packed_bytes(const PackedTensor& tensor, Bytes file) { return file.subspan(tensor.offset, tensor.bytes); }

}  // namespace galago::formats
