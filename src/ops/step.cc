#include "ops/step.h"

#include <fmt/format.h>

#include <limits>

#include "base/checked.h"
#include "ops/kv_codec.h"

namespace galago::ops {

std::string to_string(const StateSpec& spec) {
  if (const auto* paged = std::get_if<Paged>(&spec)) {
    const std::string window = paged->window > 0 ? fmt::format(", window={}", paged->window) : "";
    return fmt::format("paged(heads={}, k_dim={}, v_dim={}{})", paged->heads, paged->k_dim, paged->v_dim, window);
  }
  if (const auto* recurrent = std::get_if<Recurrent>(&spec)) {
    return fmt::format("recurrent(elements={})", recurrent->elements);
  }
  const auto& fixed = std::get<Static>(spec);
  return fmt::format("static(heads={}, k_dim={}, v_dim={}, max_tokens={})", fixed.heads, fixed.k_dim, fixed.v_dim,
                     fixed.max_tokens);
}

Paged pages_of(const Static& spec) { return {spec.heads, spec.k_dim, spec.v_dim}; }

std::uint64_t page_bytes(const Paged& spec, KvType type) {
  if (spec.heads < 0 || spec.k_dim < 0 || spec.v_dim < 0) return std::numeric_limits<std::uint64_t>::max();
  const auto k = kv_row_bytes(type, static_cast<std::uint64_t>(spec.k_dim));
  const auto v = kv_row_bytes(type, static_cast<std::uint64_t>(spec.v_dim));
  const auto head = k && v ? checked_add(*k, *v) : std::nullopt;
  const auto token = head ? checked_mul(*head, static_cast<std::uint64_t>(spec.heads)) : std::nullopt;
  const auto page = token ? checked_mul<std::uint64_t>(*token, kPageTokens) : std::nullopt;
  return page.value_or(std::numeric_limits<std::uint64_t>::max());
}

}  // namespace galago::ops
