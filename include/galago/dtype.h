// The element type of a tensor: plain numbers and the ggml block formats (formats.def).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace galago {

enum class DType : std::uint8_t {
#define GALAGO_DTYPE(enumerator, name, ggml_id, block_elements, block_bytes) enumerator,
#include "galago/formats.def"
#undef GALAGO_DTYPE
};

struct DTypeInfo {
  DType dtype;
  std::string_view name;  // "f32", "q4_1", ...
  int ggml_id;            // the type's number in a GGUF file; -1: has none
  int block_elements;     // consecutive elements of a row stored together; 1 for plain types
  int block_bytes;        // bytes of one block
};

const DTypeInfo& info(DType dtype);
inline std::string_view name(DType dtype) { return info(dtype).name; }
inline bool is_block_format(DType dtype) { return info(dtype).block_elements > 1; }

std::optional<DType> dtype_from_name(std::string_view name);
std::optional<DType> dtype_from_ggml(std::uint32_t ggml_id);

// Bytes of a row of `elements`, or nothing when they are no whole number of blocks or the product overflows.
std::optional<std::uint64_t> row_bytes(DType dtype, std::uint64_t elements);

}  // namespace galago
