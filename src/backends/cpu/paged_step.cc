#include "backends/cpu/paged_step.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "ops/kv_codec.h"
#include "ops/paged_state.h"

namespace galago::cpu {
namespace {

static_assert(kPageTokens == ops::kPageTokens);

Status check_pages(std::string_view op, const ops::StepView& step, const ops::GroupView& group,
                   const ops::StateView& state, PagesRead pages, int window) {
  std::int32_t sequence = -1;
  std::int64_t first_checked = 0, end_checked = 0;  // pages of `sequence`
  for (std::int32_t row = 0; row < step.n_rows; ++row) {
    GALAGO_CHECK(ops::check_row(op, step, group, row));
    const std::int64_t position = group.position[row], last = position / kPageTokens;
    const std::int64_t first_token = window > 0 ? std::max<std::int64_t>(0, position + 1 - window) : 0;
    const std::int64_t first = pages == PagesRead::kOwn ? last : first_token / kPageTokens;
    if (step.sequence[row] != sequence || first < first_checked || first > end_checked) {
      sequence = step.sequence[row];
      first_checked = end_checked = first;
    }
    for (; end_checked <= last; ++end_checked) {
      const std::int32_t page = group.pages[std::int64_t{sequence} * group.max_pages + end_checked];
      if (page < 0 || page >= state.n_pages) {
        return error(ErrorCode::kOutOfRange, "{}: tokens from {} of sequence {} lie in page {}; the state has {} pages",
                     op, end_checked * kPageTokens, sequence, page, state.n_pages);
      }
    }
  }
  return {};
}

}  // namespace

KvPageLayout kv_page_layout(KvType type, std::int64_t n_kv_heads, std::int64_t k_dim, std::int64_t v_dim) {
  // Only of specs whose page_bytes() does not overflow.
  const auto bytes = [&](std::int64_t dim) {
    const auto row = ops::kv_row_bytes(type, static_cast<std::uint64_t>(dim)).value_or(0);
    return static_cast<std::int64_t>(row) * n_kv_heads * kPageTokens;
  };
  return {bytes(k_dim), bytes(v_dim)};
}

Result<OpenedPages> open_paged(std::string_view op, const ops::StepView* step, int state, const ops::Paged& spec,
                               std::int64_t n_rows, PagesRead pages, int window) {
  GALAGO_TRY(const ops::StateView* const found, ops::find_state(op, step, state));
  const ops::StateView& view = *found;
  if (step->n_rows != n_rows) {
    return error(ErrorCode::kInvalidArgument, "{}: {} rows in a step of {}", op, n_rows, step->n_rows);
  }
  const bool coded = ops::has_codes(view.type);
  if (coded && std::max(spec.k_dim, spec.v_dim) > kMaxCodedHeadDim) {
    return error(ErrorCode::kUnsupported, "{}: heads of {} elements in {}; at most {} are possible, or f16", op,
                 std::max(spec.k_dim, spec.v_dim), ops::name(view.type), kMaxCodedHeadDim);
  }
  const std::uint64_t needed = ops::page_bytes(spec, view.type);
  if (view.page_bytes < needed || (view.data == nullptr && view.n_pages > 0)) {
    return error(ErrorCode::kInvalidArgument, "{}: state {} has pages of {} bytes; {} need {}", op, state,
                 view.data == nullptr ? 0 : view.page_bytes, to_string(spec), needed);
  }
  const ops::GroupView& group = step->groups[static_cast<std::size_t>(view.group)];
  GALAGO_CHECK(check_pages(op, *step, group, view, pages, window));
  PagedKv kv{};
  kv.base = view.data;
  kv.page_bytes = static_cast<std::int64_t>(view.page_bytes);
  kv.type = view.type;
  kv.k_offset = 0;
  kv.v_offset = kv_page_layout(kv.type, spec.heads, spec.k_dim, spec.v_dim).k_bytes;
  kv.n_kv_heads = spec.heads;
  kv.k_dim = spec.k_dim;
  kv.v_dim = spec.v_dim;
  kv.page_table = group.pages;
  kv.page_table_stride = group.max_pages;
  return OpenedPages{kv, group.position};
}

}  // namespace galago::cpu
