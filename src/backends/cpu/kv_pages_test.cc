#include "backends/cpu/kv_pages_test.h"

#include <cstring>

#include "backends/cpu/kernel_table.h"
#include "backends/cpu/paged_step.h"
#include "ops/kv_codec.h"
#include "quant/half.h"

namespace galago::cpu {
namespace {

float half_at(const std::byte* at) {
  std::uint16_t half = 0;
  std::memcpy(&half, at, 2);
  return quant::f16_to_f32(half);
}

float plain_at(const std::byte* part, KvType type, std::int64_t index) {
  if (type == KvType::kF16) return half_at(part + 2 * index);
  if (type == KvType::kBF16) {
    std::uint16_t half = 0;
    std::memcpy(&half, part + 2 * index, 2);
    return quant::bf16_to_f32(half);
  }
  float value = 0;
  std::memcpy(&value, part + 4 * index, 4);
  return value;
}

std::int64_t padded(std::int64_t dim, std::int64_t unit) { return (dim + unit - 1) / unit * unit; }

// The scale of group `group` of a token, behind the codes of all heads.
float scale_at(const std::byte* part, std::int64_t code_bytes, std::int64_t groups, const ops::Paged& spec,
               std::int64_t head, std::int64_t group, std::int64_t token) {
  return half_at(part + spec.heads * code_bytes + 2 * ((head * groups + group) * kPageTokens + token));
}

int nibble(std::byte pair, bool high) { return static_cast<int>(high ? pair >> 4 : pair & std::byte{15}) - 8; }

// Recurrent state has one layout.
std::vector<float> elements_of(const std::vector<std::byte>& state) {
  std::vector<float> numbers(state.size() / sizeof(float));
  std::memcpy(numbers.data(), state.data(), state.size());
  return numbers;
}

// Calls visit(page, is_value, head, token) in the order of the state's numbers.
template <class F>
void for_rows(const ops::ConformanceStep& step, const F& visit) {
  for (std::int32_t page = 0; page < step.n_pages; ++page) {
    for (const bool is_value : {false, true}) {
      for (int head = 0; head < step.spec.heads; ++head) {
        for (int token = 0; token < kPageTokens; ++token) visit(page, is_value, head, token);
      }
    }
  }
}

}  // namespace

float cpu_key(const std::byte* keys, KvType type, const ops::Paged& spec, std::int64_t head, std::int64_t token,
              std::int64_t d) {
  if (type == KvType::kQ8) {
    const std::int64_t bytes = padded(spec.k_dim, 16) * kPageTokens;
    const std::byte code = keys[head * bytes + (d / 4 * kPageTokens + token) * 4 + d % 4];
    return scale_at(keys, bytes, 1, spec, head, 0, token) * static_cast<float>(static_cast<std::int8_t>(code));
  }
  if (type == KvType::kQ4) {
    const std::int64_t pad = padded(spec.k_dim, 32), bytes = pad / 2 * kPageTokens;
    const std::byte pair = keys[head * bytes + (d / 8 * kPageTokens + token) * 4 + d % 4];
    return scale_at(keys, bytes, pad / 32, spec, head, d / 32, token) * static_cast<float>(nibble(pair, d % 8 >= 4));
  }
  return plain_at(keys, type, (head * spec.k_dim + d) * kPageTokens + token);
}

float cpu_value(const std::byte* values, KvType type, const ops::Paged& spec, std::int64_t head, std::int64_t token,
                std::int64_t d) {
  if (type == KvType::kQ8) {
    const std::int64_t pad = padded(spec.v_dim, 16), bytes = pad * kPageTokens;
    const std::byte code = values[head * bytes + (token / 4 * pad + d) * 4 + token % 4];
    return scale_at(values, bytes, 1, spec, head, 0, token) * static_cast<float>(static_cast<std::int8_t>(code));
  }
  if (type == KvType::kQ4) {
    const std::int64_t pad = padded(spec.v_dim, 32), bytes = pad / 2 * kPageTokens;
    const std::byte pair = values[head * bytes + ((token / 4 * (pad / 32) + d / 32) * 16 + d % 16) * 4 + token % 4];
    return scale_at(values, bytes, pad / 32, spec, head, d / 32, token) *
           static_cast<float>(nibble(pair, d % 32 >= 16));
  }
  return plain_at(values, type, (head * kPageTokens + token) * spec.v_dim + d);
}

std::vector<float> reference_state(const ops::ConformanceStep& step, const std::vector<std::byte>& state) {
  if (step.elements > 0) return elements_of(state);
  std::vector<float> numbers;
  const std::byte* at = state.data();
  for_rows(step, [&](std::int32_t, bool is_value, std::int64_t, std::int64_t) {
    const int dim = is_value ? step.spec.v_dim : step.spec.k_dim;
    numbers.resize(numbers.size() + static_cast<std::size_t>(dim));
    ops::decode_kv_row(step.type, at, numbers.data() + numbers.size() - dim, dim);
    at += ops::kv_row_bytes(step.type, static_cast<std::uint64_t>(dim)).value();
  });
  return numbers;
}

std::vector<float> cpu_state(const ops::ConformanceStep& step, const std::vector<std::byte>& state) {
  if (step.elements > 0) return elements_of(state);
  const ops::Paged& spec = step.spec;
  const KvPageLayout layout = kv_page_layout(step.type, spec.heads, spec.k_dim, spec.v_dim);
  std::vector<float> numbers;
  for_rows(step, [&](std::int32_t page, bool is_value, std::int64_t head, std::int64_t token) {
    const std::byte* at = state.data() + page * (layout.k_bytes + layout.v_bytes) + (is_value ? layout.k_bytes : 0);
    const int dim = is_value ? spec.v_dim : spec.k_dim;
    for (int d = 0; d < dim; ++d) {
      numbers.push_back((is_value ? cpu_value : cpu_key)(at, step.type, spec, head, token, d));
    }
    if (ops::has_codes(step.type)) ops::rotate_kv_row(numbers.data() + numbers.size() - dim, dim);
  });
  return numbers;
}

// By appending what the reference holds, token by token: what was rounded once is rounded to itself.
std::vector<std::byte> cpu_pages(const ops::ConformanceStep& step, const std::vector<std::byte>& state) {
  if (step.elements > 0) return state;
  const ops::Paged& spec = step.spec;
  const KvPageLayout layout = kv_page_layout(step.type, spec.heads, spec.k_dim, spec.v_dim);
  std::vector<std::byte> pages(state.size());
  const std::vector<float> numbers = reference_state(step, state);
  const auto k_width = static_cast<std::size_t>(spec.heads * spec.k_dim);
  const auto v_width = static_cast<std::size_t>(spec.heads * spec.v_dim);
  std::vector<float> k(k_width), v(v_width);
  const std::int32_t sequence = 0, table = 0;
  for (std::int32_t page = 0; page < step.n_pages; ++page) {
    const PagedKv kv{pages.data() + page * (layout.k_bytes + layout.v_bytes),
                     0,
                     0,
                     layout.k_bytes,
                     step.type,
                     spec.heads,
                     spec.k_dim,
                     spec.v_dim,
                     &table,
                     1};
    const float* first = numbers.data() + static_cast<std::size_t>(page) * (k_width + v_width) * kPageTokens;
    for (std::int32_t token = 0; token < kPageTokens; ++token) {
      for (int head = 0; head < spec.heads; ++head) {
        const float* key = first + (head * kPageTokens + token) * spec.k_dim;
        const float* value = first + k_width * kPageTokens + (head * kPageTokens + token) * spec.v_dim;
        std::copy_n(key, spec.k_dim, k.data() + head * spec.k_dim);
        std::copy_n(value, spec.v_dim, v.data() + head * spec.v_dim);
      }
      available_kernels().front()->kv_append({kv, k.data(), 0, v.data(), 0, &sequence, &token, 0, 1, 0, kv.n_kv_heads});
    }
  }
  return pages;
}

}  // namespace galago::cpu
