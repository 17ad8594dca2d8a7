// Attention over paged state.
#include <fmt/format.h>

#include <algorithm>

#include "backends/cpu/lower_ops.h"
#include "backends/cpu/paged_step.h"
#include "base/error.h"
#include "base/try.h"

namespace galago::cpu {
namespace {

// What their partial results may take; some splits of one row fit in any case.
constexpr std::int64_t kPartialFloats = 1 << 18;
constexpr std::int64_t kMostSplits = 64;
// Queries (rows times the query heads of a key head) that share the loads of a page.
constexpr std::int64_t kBlockQueries = 48, kTileQueries = 128;

struct PagedAttentionScratch {
  ScratchLayout layout;
  std::int64_t partials = 0, totals = 0;
  std::int64_t partial_floats = 0;
};

PagedAttentionScratch paged_scratch(std::int64_t rows, std::int64_t heads, std::int64_t v_dim) {
  PagedAttentionScratch scratch;
  const std::int64_t split_rows = std::min(rows, kFewRows), split = split_rows * heads * (v_dim + 2);
  scratch.partial_floats = std::max(split, std::min(kPartialFloats, split * kMostSplits));
  scratch.partials = scratch.layout.add(scratch.partial_floats * static_cast<std::int64_t>(sizeof(float)));
  scratch.totals = scratch.layout.add(split_rows * heads * 2 * static_cast<std::int64_t>(sizeof(float)));
  return scratch;
}

class PagedAttentionInstruction : public Instruction {
 public:
  ops::PagedAttention op;
  std::int64_t heads = 0, k_dim = 0;
  Operand q, y, sinks, spans, slopes;
  Operand partials, totals;  // scratch
  std::int64_t partial_floats = 0;
  Size rows;
  bool in_tiles = false;  // of 16-bit numbers, with pages of plain elements

  Status run(const Run& run) const override {
    const std::int64_t n_rows = run.at(rows);
    if (n_rows == 0) return {};
    GALAGO_TRY(const AttentionPagedArgs args, open(run, n_rows));
    const std::int64_t first = first_split(args), last = last_split(args);
    if (run.n_threads > 1 && n_rows <= kFewRows && last - first > 1) return split_keys(run, args, first, last);
    const std::int64_t queries = runs_in_tiles(args) ? kTileQueries : kBlockQueries;
    const std::int64_t row_block = std::max<std::int64_t>(1, queries * op.kv_heads / heads);
    for_heads(run, n_rows, row_block, op.kv_heads,
              [&](std::int64_t row, std::int64_t end, std::int64_t head) { attend(run, args, row, end, head); });
    return {};
  }

  // Few rows that see one split of keys. Spans may lie where later instructions write, and a member that is late would
  // read them outside of a stage.
  bool run_in_team(const Run& run) const override {
    const std::int64_t n_rows = run.at(rows);
    if (n_rows == 0 || n_rows > kFewRows || spans) return Instruction::run_in_team(run);
    const auto args = open(run, n_rows);
    if (!args.ok() || last_split(*args) - first_split(*args) > 1) return Instruction::run_in_team(run);
    return run.member->share(run.first_stage, op.kv_heads,
                             [&](std::int64_t head) { attend(run, *args, 0, n_rows, head); });
  }

  std::string to_string() const override {
    return fmt::format("attention_paged{}  rows {}  heads {} x {}  kv heads {}{}{}{}{}{}  state {}",
                       in_tiles ? " in tiles" : "", rows.to_string(), heads, k_dim, op.kv_heads,
                       op.window > 0 ? fmt::format("  window {}", op.window) : "",
                       op.values_in_keys ? "  values in keys" : "", sinks ? "  sinks" : "", spans ? "  spans" : "",
                       slopes ? "  slopes" : "", op.state);
  }

 private:
  Result<AttentionPagedArgs> open(const Run& run, std::int64_t n_rows) const {
    const ops::Paged spec{op.kv_heads, static_cast<int>(k_dim), op.values_in_keys ? 0 : op.v_dim};
    AttentionPagedArgs args{};
    GALAGO_TRY(const OpenedPages pages, open_paged(ops::PagedAttention::kName, run.step, op.state, spec, n_rows,
                                                   PagesRead::kVisible, op.window));
    args.kv = pages.kv;
    args.position = pages.position;
    if (spans) GALAGO_CHECK(check_spans(*run.step, pages.position, run.ints(spans)));
    args.q = run.floats(q);
    args.q_stride = heads * k_dim;
    args.y = run.out(y);
    args.y_stride = heads * op.v_dim;
    args.sequence = run.step->sequence;
    args.key_end = run.ints(spans);
    args.sinks = run.floats(sinks);
    args.slopes = run.floats(slopes);
    args.n_heads = heads;
    args.v_dim = op.v_dim;
    args.scale = op.scale;
    args.softcap = op.soft_cap;
    args.window = op.window;
    args.last_row = n_rows;
    return args;
  }

  bool runs_in_tiles(const AttentionPagedArgs& args) const {
    return in_tiles && args.kv.type != KvType::kQ8 && args.kv.type != KvType::kQ4;
  }

  void attend(const Run& run, AttentionPagedArgs args, std::int64_t row, std::int64_t end, std::int64_t head) const {
    args.first_row = row;
    args.last_row = end;
    args.first_kv_head = head;
    args.last_kv_head = head + 1;
    (runs_in_tiles(args) ? run.kernels.attention_paged_tiles : run.kernels.attention_paged)(args);
  }

  // What a row sees after itself must be rows of this step, one after the other: their pages were checked.
  static Status check_spans(const ops::StepView& step, const std::int32_t* position, const std::int32_t* ends) {
    std::int32_t reach = 0;
    for (std::int32_t row = step.n_rows; row-- > 0;) {
      const bool follows = row + 1 < step.n_rows && step.sequence[row + 1] == step.sequence[row] &&
                           position[row + 1] == position[row] + 1;
      if (!follows) reach = position[row] + 1;
      if (ends[row] > reach) {
        return error(ErrorCode::kOutOfRange, "{}: row {} sees up to position {}; the step has tokens before {}",
                     ops::PagedAttention::kName, row, ends[row], reach);
      }
    }
    return {};
  }

  // Of all rows together.
  std::int64_t first_split(const AttentionPagedArgs& args) const {
    if (op.window == 0) return 0;
    std::int64_t first = args.position[0];
    for (std::int64_t row = 0; row < args.last_row; ++row) {
      first = std::min<std::int64_t>(first, std::max(0, args.position[row] + 1 - op.window));
    }
    return first / kSplitTokens;
  }
  static std::int64_t last_split(const AttentionPagedArgs& args) {
    std::int64_t end = 0;
    for (std::int64_t row = 0; row < args.last_row; ++row) {
      end = std::max<std::int64_t>(end, args.position[row] + 1);
      if (args.key_end != nullptr) end = std::max<std::int64_t>(end, args.key_end[row]);
    }
    return (end + kSplitTokens - 1) / kSplitTokens;
  }

  // Every (head, split) on any thread, as many splits at a time as there is room for; then merged in order.
  Status split_keys(const Run& run, AttentionPagedArgs args, std::int64_t first, std::int64_t last) const {
    args.partials = run.out(partials);
    args.totals = run.out(totals);
    args.partial_rows = args.last_row;
    const std::int64_t step = partial_floats / (args.last_row * heads * (op.v_dim + 2));
    for (std::int64_t split = first; split < last; split += step) {
      const std::int64_t n = std::min(step, last - split);
      const auto part_of = [&](std::int64_t from, std::int64_t to, std::int64_t head, std::int64_t end_head) {
        AttentionPagedArgs part = args;
        part.first_split = from;
        part.last_split = to;
        part.first_kv_head = head;
        part.last_kv_head = end_head;
        return part;
      };
      ThreadPool::shared().parallel_for(run.n_threads, n * op.kv_heads, [&](int, std::int64_t task) {
        const std::int64_t at = split + task / op.kv_heads, head = task % op.kv_heads;
        AttentionPagedArgs part = part_of(at, at + 1, head, head + 1);
        part.partials += (at - split) * args.partial_rows * heads * (op.v_dim + 2);
        (runs_in_tiles(part) ? run.kernels.attention_split_tiles : run.kernels.attention_split)(part);
      });
      const std::int64_t floats = n * args.last_row * heads / op.kv_heads * op.v_dim;  // of one key head
      run.parallel(op.kv_heads, row_grain(floats), [&](std::int64_t head, std::int64_t end_head) {
        AttentionPagedArgs part = part_of(split, split + n, head, end_head);
        part.begins = split == first;
        part.ends = split + n == last;
        run.kernels.attention_merge(part);
      });
    }
    return {};
  }
};

}  // namespace

Status lower(Lowering& to, const Node& node, const ops::PagedAttention& op) {
  if (op.v_dim > kMaxValueDim) {
    return error(ErrorCode::kUnsupported, "{}: values of {} elements; at most {} are possible", op.kName, op.v_dim,
                 kMaxValueDim);
  }
  auto instruction = std::make_unique<PagedAttentionInstruction>();
  const Shape& q = to.shape(node.inputs[0]);
  instruction->op = op;
  instruction->heads = q.dim(1).bound();
  instruction->k_dim = q.dim(2).bound();
  instruction->q = to.operand(node.inputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->rows = to.size(q, 0, 1);
  instruction->in_tiles =
      to.arithmetic().attention_tiles && instruction->k_dim <= kMaxTileKeyDim && op.v_dim <= kMaxTileValueDim;
  if (op.has_sinks) instruction->sinks = to.operand(node.inputs[op.sinks_input()]);
  if (op.has_spans) instruction->spans = to.operand(node.inputs[op.spans_input()]);
  if (op.has_slopes) instruction->slopes = to.operand(node.inputs[op.slopes_input()]);
  const auto scratch = paged_scratch(q.dim(0).bound(), instruction->heads, op.v_dim);
  instruction->partials = to.scratch(scratch.partials);
  instruction->totals = to.scratch(scratch.totals);
  instruction->partial_floats = scratch.partial_floats;
  to.emit(std::move(instruction));
  return {};
}

std::int64_t paged_attention_scratch(const graph::Graph& graph, const Node& node) {
  const Shape& q = graph.value(node.inputs[0]).type.shape;
  return paged_scratch(q.dim(0).bound(), q.dim(1).bound(), node.as<ops::PagedAttention>()->v_dim).layout.bytes();
}

}  // namespace galago::cpu
