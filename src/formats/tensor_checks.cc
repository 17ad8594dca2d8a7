#include "formats/tensor_checks.h"

#include <algorithm>
#include <limits>
#include <vector>

#include "base/checked.h"
#include "base/error.h"
#include "formats/quote.h"

namespace galago::formats {

std::optional<std::uint64_t> element_count(std::span<const std::int64_t> shape) {
  std::uint64_t count = 1;
  // Zeros must not hide an overflow of the other dimensions: strides are computed from those too.
  bool empty = false;
  for (const std::int64_t dim : shape) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) {
      empty = true;
      continue;
    }
    const auto product = checked_mul(count, static_cast<std::uint64_t>(dim));
    if (!product) return std::nullopt;
    count = *product;
  }
  // Sizes are signed further up.
  if (count > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max())) return std::nullopt;
  return empty ? 0 : count;
}

std::optional<std::uint64_t> byte_size(DType dtype, std::span<const std::int64_t> shape) {
  const auto count = element_count(shape);
  if (!count) return std::nullopt;
  // Blocks never cross a row.
  if (is_block_format(dtype) && (shape.empty() || shape.back() % info(dtype).block_elements != 0)) return std::nullopt;
  return row_bytes(dtype, *count);
}

std::string shape_text(std::span<const std::int64_t> shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

Status refuse_duplicate_names(std::span<const StoredTensor> tensors, std::string_view source) {
  std::vector<std::string_view> names;
  names.reserve(tensors.size());
  for (const StoredTensor& tensor : tensors) names.push_back(tensor.name);
  std::ranges::sort(names);
  const auto twice = std::ranges::adjacent_find(names);
  if (twice == names.end()) return {};
  return error(ErrorCode::kCorrupt, "{}: tensor {} occurs twice", source, quote(*twice));
}

}  // namespace galago::formats
