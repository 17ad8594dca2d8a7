#include "galago/dtype.h"

#include <array>

#include "base/checked.h"

namespace galago {
namespace {

constexpr std::array kInfos = {
#define GALAGO_DTYPE(enumerator, name, ggml_id, block_elements, block_bytes) \
  DTypeInfo{DType::enumerator, name, ggml_id, block_elements, block_bytes},
#include "galago/formats.def"
#undef GALAGO_DTYPE
};

}  // namespace

const DTypeInfo& info(DType dtype) { return kInfos[static_cast<std::size_t>(dtype)]; }

std::optional<DType> dtype_from_name(std::string_view name) {
  for (const DTypeInfo& entry : kInfos) {
    if (entry.name == name) return entry.dtype;
  }
  return std::nullopt;
}

std::optional<DType> dtype_from_ggml(std::uint32_t ggml_id) {
  for (const DTypeInfo& entry : kInfos) {
    if (entry.ggml_id >= 0 && static_cast<std::uint32_t>(entry.ggml_id) == ggml_id) return entry.dtype;
  }
  return std::nullopt;
}

std::optional<std::uint64_t> row_bytes(DType dtype, std::uint64_t elements) {
  const DTypeInfo& type = info(dtype);
  const auto block = static_cast<std::uint64_t>(type.block_elements);
  if (elements % block != 0) return std::nullopt;
  return checked_mul<std::uint64_t>(elements / block, static_cast<std::uint64_t>(type.block_bytes));
}

}  // namespace galago
