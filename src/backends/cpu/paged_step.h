// A step's paged or static state as the kernels take it, checked: no entry of a page table leads outside of the state.
#pragma once

#include <string_view>

#include "backends/cpu/kernel_args.h"
#include "galago/result.h"
#include "ops/step.h"

namespace galago::cpu {

// Bytes of one layer's K and V of one page; V follows K, both with their scales. Together ops::page_bytes().
struct KvPageLayout {
  std::int64_t k_bytes, v_bytes;
};
KvPageLayout kv_page_layout(KvType type, std::int64_t n_kv_heads, std::int64_t k_dim, std::int64_t v_dim);

// A state's pages, and the position of each row in them.
struct OpenedPages {
  PagedKv kv;
  const std::int32_t* position;
};

enum class PagesRead : std::uint8_t { kOwn, kVisible };

// The pages of state number `state` for rows [0, n_rows). Fails when there is no such step or state, its pages are too
// small or its heads too large for its codes, or a row's sequence, position or pages are outside. `pages` says which a
// row needs: the one it is appended to, or all that it sees through `window` (0: all of its sequence).
Result<OpenedPages> open_paged(std::string_view op, const ops::StepView* step, int state, const ops::Paged& spec,
                               std::int64_t n_rows, PagesRead pages, int window);

}  // namespace galago::cpu
