#include "ops/step.h"

#include <fmt/format.h>

#include <limits>

#include "base/checked.h"

namespace galago::ops {

std::string to_string(const StateSpec& spec) {
  if (const auto* paged = std::get_if<Paged>(&spec)) {
    return fmt::format("paged(heads={}, k_dim={}, v_dim={})", paged->heads, paged->k_dim, paged->v_dim);
  }
  if (const auto* recurrent = std::get_if<Recurrent>(&spec)) {
    return fmt::format("recurrent(elements={})", recurrent->elements);
  }
  const auto& fixed = std::get<Static>(spec);
  return fmt::format("static(heads={}, k_dim={}, v_dim={}, max_tokens={})", fixed.heads, fixed.k_dim, fixed.v_dim,
                     fixed.max_tokens);
}

std::uint64_t page_bytes(const Paged& spec, DType dtype) {
  if (spec.heads < 0 || spec.k_dim < 0 || spec.v_dim < 0) return std::numeric_limits<std::uint64_t>::max();
  const auto width = static_cast<std::uint64_t>(spec.k_dim) + static_cast<std::uint64_t>(spec.v_dim);
  // At most 2^31 * 2^32: no overflow before the last product.
  const auto token = row_bytes(dtype, static_cast<std::uint64_t>(spec.heads) * width);
  const auto page = token ? checked_mul<std::uint64_t>(*token, kPageTokens) : std::nullopt;
  return page.value_or(std::numeric_limits<std::uint64_t>::max());
}

}  // namespace galago::ops
