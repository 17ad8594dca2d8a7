// Arithmetic and checks on tensor headers that both containers need.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "formats/stored_tensor.h"
#include "galago/result.h"

namespace galago::formats {

// The product of the dimensions, or nothing when it overflows or one of them is negative.
std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape);

// Bytes of a tensor, or nothing when its rows are no whole blocks or the product overflows.
std::optional<std::uint64_t> byte_size(DType dtype, std::span<const std::int64_t> shape);

// "(2, 3)", as PyTorch writes it.
std::string shape_text(std::span<const std::int64_t> shape);

Status refuse_duplicate_names(std::span<const StoredTensor> tensors, std::string_view source);

}  // namespace galago::formats
