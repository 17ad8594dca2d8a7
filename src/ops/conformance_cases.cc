#include "ops/conformance_cases.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <utility>

#include "ops/kv_codec.h"

namespace galago::ops {
namespace {

using Sizes = std::vector<std::int64_t>;

// Around the widths of vectors (4 to 16 floats), of unrolled loops, and of models.
constexpr std::int64_t kDims[] = {1, 3, 8, 15, 17, 33, 64, 100, 257, 576};
constexpr std::int64_t kRows[] = {1, 2, 7, 33};

class Cases {
 public:
  void add(AnyOp op, std::vector<Tensor> inputs, Tolerance tolerance = Tolerance::kFloat,
           std::optional<ConformanceStep> step = std::nullopt) {
    std::string title = fmt::format("{}({})", name(op), fields_to_string(op));
    for (const Tensor& input : inputs) title += fmt::format(" {}", input.type().to_string());
    if (step) {
      const StateSpec spec = step->elements > 0 ? StateSpec(Recurrent{step->elements}) : StateSpec(step->spec);
      title += fmt::format(" {} {} rows {} of {} sequences", ops::name(step->type), to_string(spec),
                           step->sequence.size(), step->sequence.empty() ? 0 : step->sequence.back() + 1);
      if (!step->position.empty()) title += fmt::format(" up to {}", step->position.back());
    }
    cases_.push_back({std::move(title), std::move(op), std::move(inputs), tolerance, std::move(step)});
  }
  // Numbers of deviation `spread`, others at every call.
  Tensor random(const Sizes& sizes, float spread = 1.0f) {
    Tensor x = Tensor::random(Shape::of(sizes), ++seed_);
    const std::span<std::byte> bytes = x.mutable_bytes();
    auto* values = reinterpret_cast<float*>(bytes.data());
    for (std::size_t i = 0; i < bytes.size() / sizeof(float); ++i) values[i] *= spread;
    return x;
  }
  Tensor weight(DType dtype, const Sizes& sizes) { return random_weight(dtype, sizes, ++seed_); }
  // Integers in [least, least + count), in an order that repeats and jumps.
  static Tensor integers(std::int64_t n, std::int32_t least, std::int32_t count) {
    std::vector<std::int32_t> values(static_cast<std::size_t>(n));
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = least + static_cast<std::int32_t>((i * 7919 + i / 3) % static_cast<std::size_t>(count));
    }
    return Tensor::from(values, {n});
  }
  std::uint64_t next_seed() { return ++seed_; }
  std::vector<ConformanceCase> take() { return std::move(cases_); }

 private:
  std::vector<ConformanceCase> cases_;
  std::uint64_t seed_ = 0;
};

std::vector<DType> weight_types() {
  std::vector<DType> types = {DType::kF32, DType::kF16, DType::kBF16};
#define GALAGO_DTYPE(enumerator, name, ggml_id, block_elements, block_bytes) \
  if (block_elements > 1) types.push_back(DType::enumerator);
#include "galago/formats.def"
#undef GALAGO_DTYPE
  return types;
}

void add_elementwise(Cases* cases) {
  for (const std::int64_t dim : kDims) {
    const Tensor x = cases->random({3, dim});
    cases->add(Add{}, {x, cases->random({3, dim})}, Tolerance::kExact);
    cases->add(Add{}, {x, cases->random({dim})}, Tolerance::kExact);
    cases->add(Mul{}, {x, cases->random({3, dim})}, Tolerance::kExact);
    cases->add(Mul{}, {x, cases->random({dim})}, Tolerance::kExact);
    cases->add(Scale{0.37f}, {x}, Tolerance::kExact);
  }
  cases->add(Add{}, {cases->random({2, 3, 5}), cases->random({3, 5})}, Tolerance::kExact);
  cases->add(Add{}, {cases->random({0, 8}), cases->random({8})}, Tolerance::kExact);
  for (int kind = 0; kind <= static_cast<int>(UnaryKind::kTanh); ++kind) {
    const Unary op{static_cast<UnaryKind>(kind)};
    cases->add(op, {cases->random({3, 37})});
    cases->add(op, {cases->random({257}, 20.0f)});  // where exp, erf and tanh saturate
    cases->add(op, {cases->random({65}, 1e-3f)});   // where the linear term is all
  }
}

void add_rows(Cases* cases) {
  for (const std::int64_t dim : kDims) {
    const Tensor x = cases->random({5, dim}), weight = cases->random({dim}), bias = cases->random({dim});
    cases->add(RmsNorm{1e-5f, false}, {x, weight});
    cases->add(RmsNorm{1e-6f, true}, {x, weight});
    cases->add(L2Normalize{}, {x});
    cases->add(Softmax{}, {cases->random({5, dim}, 4.0f)});
    if (dim < 3) continue;  // the mean of one or two values leaves nothing but rounding
    cases->add(LayerNorm{}, {x, weight});
    cases->add(LayerNorm{}, {x, weight, bias});
  }
  cases->add(LayerNorm{}, {cases->random({2, 3, 64}), cases->random({64}), cases->random({64})});
  cases->add(RmsNorm{}, {cases->random({2, 3, 64}), cases->random({64})});
  cases->add(RmsNorm{1e-6f, false}, {Tensor::zeros({2, 33}), cases->random({33})});
  cases->add(L2Normalize{}, {Tensor::zeros({2, 33})});
  cases->add(Softmax{}, {cases->random({2, 1000}, 60.0f)});
  cases->add(RmsNorm{}, {Tensor::zeros({0, 64}), cases->random({64})});
}

void add_products(Cases* cases) {
  for (const DType dtype : weight_types()) {
    const std::int64_t block = info(dtype).block_elements;
    const std::vector<std::int64_t> depths =
        block == 1 ? std::vector<std::int64_t>{1, 7, 33, 100, 576} : std::vector<std::int64_t>{block, 3 * block};
    for (const std::int64_t depth : depths) {
      for (const std::int64_t rows : kRows) {
        const std::int64_t out = rows == 1 ? 67 : rows == 7 ? 1 : 33;
        cases->add(Linear{}, {cases->random({rows, depth}), cases->weight(dtype, {out, depth})}, Tolerance::kWeight);
      }
    }
    const Tensor weight = cases->weight(dtype, {19, 2 * block});
    cases->add(Linear{}, {cases->random({3, 2 * block}), weight, cases->random({19})}, Tolerance::kWeight);
    cases->add(Embedding{}, {Cases::integers(9, 0, 19), weight}, Tolerance::kExact);
    // The rows of llama's q and k are permuted in GGUF files.
    const auto order = std::make_shared<const std::vector<std::int32_t>>(
        std::vector<std::int32_t>{0, 2, 4, 6, 1, 3, 5, 7, 18, 17, 16, 15, 8, 9, 10, 11});
    cases->add(Linear{}, {cases->random({2, 2 * block}), weight.with_rows(order)}, Tolerance::kWeight);
  }
  cases->add(Linear{}, {cases->random({2, 3, 64}), cases->weight(DType::kF32, {5, 64})}, Tolerance::kWeight);
  cases->add(Linear{}, {cases->random({0, 64}), cases->weight(DType::kF32, {5, 64})}, Tolerance::kWeight);
  cases->add(MatMul{}, {cases->random({1, 512}), cases->random({1, 512})});
  cases->add(MatMul{}, {cases->random({5, 33}), cases->random({17, 33})});
  cases->add(MatMul{}, {cases->random({33, 7}), cases->random({3, 7})});
}

// Experts of odd sizes and of every type; rows that share experts, and experts without rows. Where a gate's result is
// clamped its error is not: so gates are of about unit size there, as models have them.
void add_mixtures(Cases* cases) {
  for (const DType dtype : weight_types()) {
    const std::int64_t block = info(dtype).block_elements, hidden = block == 1 ? 33 : block;
    const Tensor gate = cases->weight(dtype, {5, 37, hidden}), up = cases->weight(dtype, {5, 37, hidden});
    const Tensor down = cases->weight(DType::kF16, {5, hidden, 37});
    for (const std::int64_t rows : {1, 7}) {
      cases->add(Moe{.routing = {.experts_per_token = 2}},
                 {cases->random({rows, hidden}), cases->random({rows, 5}), gate, up, down}, Tolerance::kWeight);
    }
    const Tensor wide = cases->weight(DType::kQ8_0, {4, 2 * block, 32}),
                 narrow = cases->weight(dtype, {4, 32, 2 * block});
    cases->add(Moe{.routing = {.experts_per_token = 3, .normalize = true}},
               {cases->random({9, 32}), cases->random({9, 4}), wide, wide, narrow}, Tolerance::kWeight);
  }
  const Tensor gate = cases->weight(DType::kQ4_0, {16, 96, 64}), up = cases->weight(DType::kQ8_0, {16, 96, 64});
  const Tensor down = cases->weight(DType::kQ4_1, {16, 64, 96}), bias = cases->random({16});
  const Tensor gate_bias = cases->random({16, 96}), up_bias = cases->random({16, 96}),
               down_bias = cases->random({16, 64});
  for (const std::int64_t rows : {0, 1, 3, 70, 300}) {
    const Tensor x = cases->random({rows, 64}, 0.125f), logits = cases->random({rows, 16});
    cases->add(Moe{.routing = {ExpertScore::kSigmoid, 4, true, 2.5f, 4, 2, 2}, .has_selection_bias = true},
               {x, logits, gate, up, down, bias}, Tolerance::kWeight);
    cases->add(Moe{.routing = {.score = ExpertScore::kSoftmaxOfChosen, .experts_per_token = 3},
                   .activation = UnaryKind::kQuickGelu,
                   .limit = 0.5f,
                   .up_offset = 1.0f,
                   .has_biases = true},
               {x, logits, gate, up, down, gate_bias, up_bias, down_bias}, Tolerance::kWeight);
  }
  // An activation without a kernel, all experts, and experts in another order.
  const Tensor x = cases->random({3, 64}, 0.125f), logits = cases->random({3, 16});
  cases->add(Moe{.routing = {.experts_per_token = 16}, .activation = UnaryKind::kGelu}, {x, logits, gate, up, down},
             Tolerance::kWeight);
  cases->add(Moe{.activation = UnaryKind::kRelu2}, {x, logits, gate, up, down}, Tolerance::kWeight);
  const auto order = std::make_shared<const std::vector<std::int32_t>>(
      std::vector<std::int32_t>{3, 1, 2, 0, 7, 6, 5, 4, 8, 9, 11, 10, 15, 14, 12, 13});
  cases->add(Moe{.routing = {.experts_per_token = 5}},
             {x, logits, gate.with_rows(order), up.with_rows(order), down.with_rows(order)}, Tolerance::kWeight);
}

void add_moves(Cases* cases) {
  for (const std::int64_t dim : {std::int64_t{1}, std::int64_t{33}, std::int64_t{576}}) {
    const Tensor x = cases->random({11, dim});
    cases->add(GatherRows{}, {x, Cases::integers(5, 0, 11)}, Tolerance::kExact);
    cases->add(Splice{}, {x, cases->random({4, dim}), Cases::integers(11, -3, 7)}, Tolerance::kExact);
    cases->add(Reshape{{dim, 11}}, {x}, Tolerance::kExact);
    cases->add(Permute{{1, 0}}, {x}, Tolerance::kExact);
    cases->add(Concat{0}, {x, cases->random({1, dim}), x}, Tolerance::kExact);
    cases->add(Concat{1}, {x, cases->random({11, 3}), x}, Tolerance::kExact);
    cases->add(Slice{0, 3, 5}, {x}, Tolerance::kExact);
    cases->add(Slice{1, dim / 3, dim / 2}, {x}, Tolerance::kExact);
  }
  cases->add(Splice{}, {cases->random({3, 8}), Tensor::zeros({0, 8}), Cases::integers(3, -1, 1)}, Tolerance::kExact);
  const Tensor cube = cases->random({3, 5, 7});
  for (const Sizes& axes : {Sizes{0, 2, 1}, Sizes{1, 0, 2}, Sizes{1, 2, 0}, Sizes{2, 0, 1}, Sizes{2, 1, 0}}) {
    cases->add(Permute{axes}, {cube}, Tolerance::kExact);
  }
  cases->add(Slice{1, 1, 3}, {cube}, Tolerance::kExact);
  cases->add(Concat{1}, {cube, cube}, Tolerance::kExact);
  cases->add(Reshape{{15, 7}}, {Cases::integers(105, -5, 100)}, Tolerance::kExact);
  cases->add(Concat{0}, {Cases::integers(3, 0, 9), Cases::integers(4, 5, 9)}, Tolerance::kExact);
}

Tensor inverse_frequencies(std::int64_t n_pairs) {
  std::vector<float> values(static_cast<std::size_t>(n_pairs));
  for (std::size_t i = 0; i < values.size(); ++i) {
    values[i] = static_cast<float>(std::pow(1e4, -static_cast<double>(i) / static_cast<double>(n_pairs)));
  }
  return Tensor::from(values, {n_pairs});
}

void add_rope(Cases* cases) {
  const auto positions = [](std::int64_t axes, std::int64_t tokens) {
    const Tensor flat = Cases::integers(axes * tokens, 0, 131072);
    return Tensor::from(flat.ints(), {axes, tokens});
  };
  for (const std::int64_t head_dim : {2, 6, 34, 64, 80, 128}) {
    for (const bool interleaved : {false, true}) {
      const Tensor x = cases->random({9, 3, head_dim});
      cases->add(Rope{.interleaved = interleaved}, {x, positions(1, 9), inverse_frequencies(head_dim / 2)});
      if (head_dim < 6) continue;
      const std::int64_t pairs = head_dim / 3;
      cases->add(Rope{interleaved, 1.21f, {}}, {x, positions(1, 9), inverse_frequencies(pairs)});
      const Sizes sections = {pairs / 2, 0, pairs - pairs / 2};
      cases->add(Rope{interleaved, 1.0f, sections}, {x, positions(3, 9), inverse_frequencies(pairs)});
    }
  }
}

// A step with, for each sequence, the rows [first, last). Pages are handed out backwards and in turn, so that a
// sequence's lie neither in order nor together.
ConformanceStep make_step(const Paged& spec, KvType type, const std::vector<std::pair<int, int>>& rows,
                          std::uint64_t seed) {
  ConformanceStep step{.spec = spec, .type = type, .seed = seed};
  for (const auto& [first, last] : rows) {
    const std::int32_t pages = (last + kPageTokens - 1) / kPageTokens;
    step.max_pages = std::max(step.max_pages, pages);
    step.n_pages += pages;
  }
  ++step.n_pages;  // one that belongs to nobody
  step.page_table.resize(rows.size() * static_cast<std::size_t>(step.max_pages), -1);
  std::int32_t next = step.n_pages;
  for (std::int32_t page = 0; page < step.max_pages; ++page) {
    for (std::size_t s = 0; s < rows.size(); ++s) {
      if (page * kPageTokens >= rows[s].second) continue;
      step.page_table[s * static_cast<std::size_t>(step.max_pages) + static_cast<std::size_t>(page)] = --next;
    }
  }
  for (std::size_t s = 0; s < rows.size(); ++s) {
    for (int position = rows[s].first; position < rows[s].second; ++position) {
      step.sequence.push_back(static_cast<std::int32_t>(s));
      step.position.push_back(position);
    }
  }
  return step;
}

constexpr int kAttentionVariants = 5;
constexpr unsigned kEveryVariant = (1u << kAttentionVariants) - 1;

// The variants of attention whose bits are set over one step's rows, of which those of a sequence follow each other.
void add_paged_attention(Cases* cases, const ConformanceStep& step, std::int64_t heads, unsigned variants) {
  const auto rows = static_cast<std::int64_t>(step.sequence.size());
  const Paged& spec = step.spec;
  const Tensor q = cases->random({rows, heads, spec.k_dim});
  PagedAttention plain{0, spec.heads, spec.v_dim, 1.0f / std::sqrt(static_cast<float>(spec.k_dim)), 0, 0.0f};
  if (spec.v_dim == 0) {
    plain.values_in_keys = true;
    plain.v_dim = spec.k_dim * 8 / 9;  // 512 of 576; 35 of 40 end within a block of the keys' rotation
  }
  const bool coded = step.type == KvType::kQ8 || step.type == KvType::kQ4;
  const Tolerance tolerance = coded ? Tolerance::kFloat : Tolerance::kAttention;
  const auto add = [&](int variant, const PagedAttention& op, std::vector<Tensor> inputs) {
    if ((variants >> variant & 1u) != 0) cases->add(op, std::move(inputs), tolerance, step);
  };
  add(0, plain, {q});
  PagedAttention op = plain;
  op.window = 37;
  add(1, op, {q});
  op = plain;
  op.soft_cap = 2.5f;
  op.has_sinks = true;
  add(2, op, {q, cases->random({heads})});
  op = plain;
  op.has_slopes = true;
  add(3, op, {q, cases->random({heads}, 0.1f)});
  // Rows 1 to 3 of each sequence see all of the four rows 0 to 3, as far as there are so many.
  std::vector<std::int32_t> ends;
  for (std::size_t row = 0, first = 0; row < step.sequence.size(); ++row) {
    if (step.sequence[row] != step.sequence[first]) first = row;
    std::size_t last = row;
    while (last + 1 < step.sequence.size() && last < first + 3 && step.sequence[last + 1] == step.sequence[row]) ++last;
    ends.push_back(row == first ? 0 : step.position[last] + 1);
  }
  op.has_sinks = op.has_spans = true;
  op.window = 20;
  add(4, op, {q, cases->random({heads}), Tensor::from(ends, {rows}), cases->random({heads}, 0.1f)});
}

void add_paged(Cases* cases) {
  using Batch = std::vector<std::pair<int, int>>;
  const std::vector<Batch> batches = {
      {{0, 1}},                        // the first token
      {{129, 130}},                    // decoding
      {{63, 64}, {64, 65}, {0, 1}},    // decoding three sequences, at the edges of pages
      {{0, 33}},                       // a first chunk
      {{60, 71}, {0, 5}, {200, 201}},  // chunks and decoding together
  };
  const Batch long_batch = {{511, 513}, {1100, 1101}};  // in several splits
  // The last batch and the long one meet every variant, the others one each in turn: with so many sizes and types each
  // meets all of them several times.
  int turn = 0;
  for (const KvType type : kv_types()) {
    for (const Paged& spec :
         {Paged{1, 4, 4}, Paged{3, 64, 64}, Paged{2, 80, 33}, Paged{1, 96, 96}, Paged{1, 128, 128}, Paged{1, 256, 256},
          Paged{1, 192, 128}, Paged{1, 576, 0}, Paged{1, 36, 0}, Paged{1, 40, 0}}) {
      const bool small = spec.k_dim <= 80;
      const std::int64_t group = spec.heads == 3 ? 3 : 2;
      for (const Batch& batch : batches) {
        if (!small && &batch != &batches.back() && &batch != &batches[1]) continue;
        const ConformanceStep step = make_step(spec, type, batch, cases->next_seed());
        const auto rows = static_cast<std::int64_t>(step.sequence.size());
        std::vector<Tensor> kv = {cases->random({rows, spec.heads, spec.k_dim})};
        if (spec.v_dim > 0) kv.push_back(cases->random({rows, spec.heads, spec.v_dim}));
        cases->add(KvAppend{0}, std::move(kv), Tolerance::kExact, step);
        const unsigned variants = &batch == &batches.back() ? kEveryVariant : 1u << turn++ % kAttentionVariants;
        add_paged_attention(cases, step, spec.heads * group, variants);
      }
      if (spec.heads == 3) {
        add_paged_attention(cases, make_step(spec, type, long_batch, cases->next_seed()), 9, kEveryVariant);
      }
    }
  }
}

// Steps of several sequences: fewer rows than the state holds, as many, and more.
void add_causal_conv(Cases* cases) {
  for (const std::int64_t channels : {1, 3, 17, 64, 100}) {
    for (const std::int64_t kernel : {2, 3, 4}) {
      for (const bool silu : {false, true}) {
        ConformanceStep step{.elements = CausalConv1d::state_elements(channels, kernel),
                             .n_pages = 5,
                             .max_pages = 1,
                             .page_table = {3, 1, 0, 4},
                             .seed = cases->next_seed()};
        for (const auto& [sequence, rows] : {std::pair{0, 1}, std::pair{1, 2}, std::pair{3, 9}}) {
          step.sequence.resize(step.sequence.size() + static_cast<std::size_t>(rows), sequence);
        }
        step.position.resize(step.sequence.size(), 0);
        const auto rows = static_cast<std::int64_t>(step.sequence.size());
        std::vector<Tensor> inputs = {cases->random({rows, channels}), cases->random({channels, kernel})};
        if (silu) inputs.push_back(cases->random({channels}));
        cases->add(CausalConv1d{0, silu}, std::move(inputs), Tolerance::kFloat, step);
      }
    }
  }
}

void add_dense_attention(Cases* cases) {
  struct Size {
    std::int64_t n, m, heads, kv_heads, k_dim, v_dim;
  };
  for (const Size& s : {Size{1, 1, 1, 1, 1, 1}, Size{5, 5, 2, 2, 64, 64}, Size{33, 33, 4, 2, 17, 9},
                        Size{7, 100, 3, 1, 80, 80}, Size{50, 50, 2, 2, 32, 32}}) {
    const Tensor q = cases->random({s.n, s.heads, s.k_dim}, 2.0f), k = cases->random({s.m, s.kv_heads, s.k_dim});
    const Tensor v = cases->random({s.m, s.kv_heads, s.v_dim});
    const float scale = 1.0f / std::sqrt(static_cast<float>(s.k_dim));
    const Tensor query_segment = Cases::integers(s.n, -1, 4), key_segment = Cases::integers(s.m, -1, 4);
    for (const bool causal : {false, true}) {
      cases->add(DenseAttention{scale, causal}, {q, k, v}, Tolerance::kAttention);
      cases->add(DenseAttention{scale, causal}, {q, k, v, query_segment, key_segment}, Tolerance::kAttention);
    }
  }
}

void add_pictures(Cases* cases) {
  const Tensor x = cases->random({6, 13, 17});
  for (const DType dtype : {DType::kF32, DType::kF16, DType::kBF16}) {
    cases->add(Conv2d{1, 0, 1}, {x, cases->weight(dtype, {5, 6, 3, 3})}, Tolerance::kWeight);
    cases->add(Conv2d{1, 0, 1}, {x, cases->weight(dtype, {7, 6, 1, 1}), cases->random({7})}, Tolerance::kWeight);
    cases->add(Conv2d{1, 1, 6}, {x, cases->weight(dtype, {6, 1, 3, 3}), cases->random({6})}, Tolerance::kWeight);
    cases->add(Conv2d{2, 1, 6}, {x, cases->weight(dtype, {12, 1, 3, 3})}, Tolerance::kWeight);
    cases->add(Conv2d{2, 3, 2}, {x, cases->weight(dtype, {4, 3, 5, 2}), cases->random({4})}, Tolerance::kWeight);
  }
  for (const auto& [height, width] : {std::pair{1, 1}, std::pair{3, 4}, std::pair{13, 17}, std::pair{5, 20}}) {
    cases->add(AdaptiveAvgPool2d{height, width}, {x});
  }
  cases->add(Patchify{1, 1}, {x}, Tolerance::kExact);
  cases->add(Patchify{4, 5}, {x}, Tolerance::kExact);
  cases->add(Patchify{14, 14}, {x}, Tolerance::kExact);  // larger than the picture: no patches
}

}  // namespace

std::vector<ConformanceCase> conformance_cases() {
  Cases cases;
  add_elementwise(&cases);
  add_rows(&cases);
  add_products(&cases);
  add_mixtures(&cases);
  add_moves(&cases);
  add_rope(&cases);
  add_paged(&cases);
  add_dense_attention(&cases);
  add_causal_conv(&cases);
  add_pictures(&cases);
  return cases.take();
}

}  // namespace galago::ops
