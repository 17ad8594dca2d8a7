#include "backends/cpu/expert_groups.h"

#include <array>

#include "ops/expert_routing.h"

namespace galago::cpu {

void group_by_expert(const ExpertGroups& groups, std::int64_t n_rows) {
  const std::int64_t n = n_rows * groups.per_row;
  std::fill_n(groups.starts, groups.n_experts + 1, 0);
  for (std::int64_t i = 0; i < n; ++i) ++groups.starts[groups.experts[i] + 1];
  for (std::int64_t expert = 0; expert < groups.n_experts; ++expert) {
    groups.starts[expert + 1] += groups.starts[expert];
  }
  std::array<std::int32_t, ops::kMaxExperts> next;
  std::copy_n(groups.starts, groups.n_experts, next.begin());
  for (std::int64_t i = 0; i < n; ++i) {
    groups.choices[next[static_cast<std::size_t>(groups.experts[i])]++] = static_cast<std::int32_t>(i);
  }
}

}  // namespace galago::cpu
