// The CPU's pages of keys and values beside the reference's, for tests: an independent reading of the layouts that
// kernel_args.h describes.
#pragma once

#include <vector>

#include "backends/cpu/kernel_args.h"
#include "ops/conformance_cases.h"

namespace galago::cpu {

// All keys and values of a state as numbers: (page, heads, tokens, k_dim), then V likewise, page by page.
std::vector<float> reference_state(const ops::ConformanceStep& step, const std::vector<std::byte>& state);
std::vector<float> cpu_state(const ops::ConformanceStep& step, const std::vector<std::byte>& state);
// The reference's state in the CPU's layout.
std::vector<std::byte> cpu_pages(const ops::ConformanceStep& step, const std::vector<std::byte>& state);

// Element `d` of the key or value of one token and head, in the keys or values of a page; of q8 and q4, rotated.
float cpu_key(const std::byte* keys, KvType type, const ops::Paged& spec, std::int64_t head, std::int64_t token,
              std::int64_t d);
float cpu_value(const std::byte* values, KvType type, const ops::Paged& spec, std::int64_t head, std::int64_t token,
                std::int64_t d);

}  // namespace galago::cpu
