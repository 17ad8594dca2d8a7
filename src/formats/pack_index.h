// The index of a file of packed weights, as the pack cache keeps them and `galago pack` puts them into a standalone
// file: what was packed, from what, for whom, and where each weight lies. All numbers are little-endian.
//
//   0   "GALAPACK", u32 format version, u32 tensors, u64 bytes of index, u64 bytes of all
//   32  u64 XXH64 of the index from byte 40, seeded with that of the first 32
//   40  u64 identity of the source, text instruction set, text path of the source
//       for each tensor: text name, i32 ggml type, i64 matrices, i64 rows, i64 columns, u64 order, u64 layout, u32
//       group, u64 offset, u64 stride, u64 bytes, u64 XXH64 of the bytes
//   then the packed bytes, each matrix's at a multiple of 64. A text is u32 bytes and UTF-8.
//
// A group is what one node of a program reads. It begins at a multiple of 64 KiB, so that it can be read by itself and
// past the system's cache. Where its tensors are stacks of as many matrices, those of one expert lie side by side:
// gate, up and down of the first, then of the second.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "galago/dtype.h"
#include "galago/result.h"

namespace galago::formats {

inline constexpr std::uint32_t kPackFormatVersion = 2;
inline constexpr std::uint64_t kPackAlignment = 64;  // of the widest vector
inline constexpr std::uint64_t kPackGroupAlignment = std::uint64_t{64} << 10;

// One packed matrix, or a stack of them.
struct PackedTensor {
  std::string name;  // the checkpoint's
  DType dtype = DType::kF32;
  std::int64_t matrices = 1;
  std::int64_t rows = 0, cols = 0;  // of one matrix
  // Hash of what was packed: 0 for the stored tensor of that name as it is, odd for its rows in another order, even for
  // parts of it, or of several tensors of which it is the first.
  std::uint64_t order = 0;
  std::uint64_t layout = 0;  // what the packing of this type looks like: see cpu::layout_fingerprint()
  std::uint32_t group = 0;
  std::uint64_t offset = 0, stride = 0;  // of the first matrix, and from one to the next
  std::uint64_t bytes = 0;               // of all matrices
  std::uint64_t hash = 0;

  std::uint64_t matrix_bytes() const { return bytes / static_cast<std::uint64_t>(matrices); }
  // Whether it is made of parts of tensors, which are needed to make it again.
  bool is_part() const { return order != 0 && order % 2 == 0; }
  // As Tensor has it: (rows, cols), or a stack (matrices, rows, cols).
  std::vector<std::int64_t> shape() const {
    return matrices == 1 ? std::vector<std::int64_t>{rows, cols} : std::vector<std::int64_t>{matrices, rows, cols};
  }
  // Where matrix `index` begins in the file.
  std::uint64_t place(std::int64_t index) const { return offset + static_cast<std::uint64_t>(index) * stride; }
};

struct PackIndex {
  std::uint64_t identity = 0;  // of the files that were packed: inode, size, time of change, header
  std::string isa;
  std::string source;  // where they were
  std::vector<PackedTensor> tensors;
  std::uint64_t index_bytes = 0, total_bytes = 0;

  // Gives every tensor its offset and stride; sets index_bytes and total_bytes. Tensors of a group follow each other.
  // Fails when the sizes overflow.
  Status lay_out();
  // The encoded index, after lay_out().
  std::vector<std::byte> encode() const;
};

// Reads the index at the beginning of `file` and proves every offset and size in it against the file. The packed bytes
// are not looked at. `source` names the file in errors.
Result<PackIndex> parse_pack_index(Bytes file, std::string_view source);

// The bytes of a matrix of a tensor of a proven index.
inline Bytes packed_bytes(const PackedTensor& tensor, std::int64_t matrix, Bytes file) {
  return file.subspan(tensor.place(matrix), tensor.matrix_bytes());
}

// Cuts `packed`, which is what the matrices of a tensor have from byte `offset` on, at their ends: calls visit(offset
// in the file, piece) until one fails.
template <class Visit>
Status for_each_piece(const PackedTensor& tensor, std::uint64_t offset, Bytes packed, Visit visit) {
  while (!packed.empty()) {
    const std::uint64_t matrix = offset / tensor.matrix_bytes(), begin = offset % tensor.matrix_bytes();
    const Bytes piece = packed.first(std::min<std::uint64_t>(packed.size(), tensor.matrix_bytes() - begin));
    if (Status status = visit(tensor.place(static_cast<std::int64_t>(matrix)) + begin, piece); !status.ok())
      return status;
    offset += piece.size();
    packed = packed.subspan(piece.size());
  }
  return {};
}

}  // namespace galago::formats
