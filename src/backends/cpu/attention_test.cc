// KV pages and both attentions, against double precision over all visible keys at once.
#include <algorithm>
#include <ostream>

#include "backends/cpu/kernel_fixture_test.h"
#include "backends/cpu/paged_step.h"
#include "ops/kv_codec.h"
#include "quant/half.h"

namespace galago::cpu {
namespace {

struct Heads {
  std::int64_t n_heads, n_kv_heads, k_dim, v_dim;
  bool values_in_keys = false;
};

// softmax(scale * q k^T [, capped]) v of one query over keys [begin, end) of the row-major k and v of one head.
std::vector<double> reference(const float* q, const float* k, std::int64_t k_stride, const float* v,
                              std::int64_t v_stride, std::int64_t begin, std::int64_t end, const std::uint8_t* mask,
                              Heads h, float scale, float softcap) {
  std::vector<double> weights(static_cast<std::size_t>(end), 0.0), y(static_cast<std::size_t>(h.v_dim), 0.0);
  double largest = -1e300, sum = 0.0;
  for (std::int64_t key = begin; key < end; ++key) {
    double s = 0.0;
    for (std::int64_t d = 0; d < h.k_dim; ++d) s += static_cast<double>(q[d]) * k[key * k_stride + d];
    s *= scale;
    if (softcap > 0.0f) s = softcap * std::tanh(s / softcap);
    weights[key] = s;
    if (mask == nullptr || mask[key] != 0) largest = std::max(largest, s);
  }
  for (std::int64_t key = begin; key < end; ++key) {
    weights[key] = mask != nullptr && mask[key] == 0 ? 0.0 : std::exp(weights[key] - largest);
    sum += weights[key];
  }
  for (std::int64_t key = begin; key < end && sum > 0.0; ++key) {
    for (std::int64_t d = 0; d < h.v_dim; ++d) y[d] += weights[key] / sum * v[key * v_stride + d];
  }
  return y;
}

// `values` as rows of `dim` in a cache of `type` are read.
void round_to(KvType type, std::int64_t dim, std::vector<float>* values) {
  std::vector<std::byte> row(ops::kv_row_bytes(type, static_cast<std::uint64_t>(dim)).value());
  for (float* at = values->data(); at < values->data() + values->size(); at += dim) {
    ops::encode_kv_row(type, at, row.data(), dim);
    ops::decode_kv_row(type, row.data(), at, dim);
  }
}

// Two sequences whose tokens are spread over shuffled pages; unused memory is NaN, which no result may touch.
struct Cache {
  Heads heads;
  std::vector<std::int64_t> lengths;
  std::vector<std::vector<float>> k, v;  // per sequence, as the pages hold them
  std::vector<std::byte> memory;
  std::vector<std::int32_t> table;
  PagedKv kv{};
};

Cache make_cache(const KernelTable& kernels, Heads h, KvType type, std::vector<std::int64_t> lengths) {
  Cache c{h, std::move(lengths), {}, {}, {}, {}, {}};
  constexpr std::int64_t kMaxPages = 20;
  const std::int64_t stored_v_dim = h.values_in_keys ? 0 : h.v_dim;
  const KvPageLayout layout = kv_page_layout(type, h.n_kv_heads, h.k_dim, stored_v_dim);
  c.memory.assign(static_cast<std::size_t>(layout.k_bytes + layout.v_bytes) * 2 * kMaxPages, std::byte{0xff});
  c.table.resize(2 * kMaxPages);
  for (std::int32_t i = 0; i < 2 * kMaxPages; ++i) c.table[i] = (i * 7 + 3) % (2 * kMaxPages);
  c.kv = {c.memory.data(),
          layout.k_bytes + layout.v_bytes,
          0,
          layout.k_bytes,
          type,
          h.n_kv_heads,
          h.k_dim,
          stored_v_dim,
          c.table.data(),
          kMaxPages};
  for (std::size_t s = 0; s < c.lengths.size(); ++s) {
    const std::int64_t rows = c.lengths[s];
    c.k.push_back(
        random_values(static_cast<std::size_t>(rows * h.n_kv_heads * h.k_dim), static_cast<unsigned>(s) * 2 + 1));
    c.v.push_back(
        random_values(static_cast<std::size_t>(rows * h.n_kv_heads * h.v_dim), static_cast<unsigned>(s) * 2 + 2));
    std::vector<std::int32_t> sequence(static_cast<std::size_t>(rows), static_cast<std::int32_t>(s)),
        position(sequence);
    for (std::int64_t i = 0; i < rows; ++i) position[i] = static_cast<std::int32_t>(i);
    KvAppendArgs a{c.kv,
                   c.k[s].data(),
                   h.n_kv_heads * h.k_dim,
                   c.v[s].data(),
                   h.n_kv_heads * h.v_dim,
                   sequence.data(),
                   position.data(),
                   0,
                   rows / 2,
                   0,
                   h.n_kv_heads};
    kernels.kv_append(a);
    a.first_row = rows / 2, a.last_row = rows;
    for (a.first_kv_head = 0; a.first_kv_head < h.n_kv_heads; ++a.first_kv_head) {
      a.last_kv_head = a.first_kv_head + 1;
      kernels.kv_append(a);
    }
    round_to(type, h.k_dim, &c.k[s]);
    if (!h.values_in_keys) round_to(type, h.v_dim, &c.v[s]);
    for (std::int64_t i = 0; h.values_in_keys && i < rows * h.n_kv_heads; ++i) {
      std::copy_n(c.k[s].data() + i * h.k_dim, h.v_dim, c.v[s].data() + i * h.v_dim);
    }
  }
  return c;
}

// The last `rows` tokens of each sequence as queries, one sequence after the other.
struct Queries {
  std::vector<float> q;
  std::vector<std::int32_t> sequence, position;
};

Queries last_tokens(const Cache& c, std::int64_t rows) {
  Queries result;
  for (std::size_t s = 0; s < c.lengths.size(); ++s) {
    for (std::int64_t i = std::max<std::int64_t>(0, c.lengths[s] - rows); i < c.lengths[s]; ++i) {
      result.sequence.push_back(static_cast<std::int32_t>(s));
      result.position.push_back(static_cast<std::int32_t>(i));
    }
  }
  result.q = random_values(result.sequence.size() * static_cast<std::size_t>(c.heads.n_heads * c.heads.k_dim), 9);
  return result;
}

AttentionPagedArgs paged_args(const Cache& c, const Queries& queries, std::vector<float>* y, std::int64_t window,
                              float softcap) {
  const Heads& h = c.heads;
  AttentionPagedArgs a{};
  a.kv = c.kv;
  a.q = queries.q.data(), a.q_stride = h.n_heads * h.k_dim;
  a.y = y->data(), a.y_stride = h.n_heads * h.v_dim;
  a.sequence = queries.sequence.data(), a.position = queries.position.data();
  a.n_heads = h.n_heads, a.v_dim = h.v_dim, a.scale = 0.3f, a.softcap = softcap, a.window = window;
  a.last_row = static_cast<std::int64_t>(queries.sequence.size()), a.last_kv_head = h.n_kv_heads;
  return a;
}

constexpr Heads kHeads[] = {{3, 3, 64, 64}, {9, 3, 64, 64}, {4, 1, 80, 80},   {2, 1, 20, 36},  {7, 1, 128, 128},
                            {2, 2, 5, 3},   {1, 1, 96, 96}, {2, 1, 256, 256}, {2, 1, 192, 128}};
// Values that are whole blocks of the keys' rotation, and some that end within one.
constexpr Heads kHeadsOfKeysAlone[] = {{2, 1, 72, 64, true}, {2, 2, 40, 35, true}, {3, 1, 160, 96, true}};

// Instruction sets, and once more in tiles those that bring some.
struct AttentionKernels {
  KernelTable table;
  bool in_tiles;
};

std::string name_of(const AttentionKernels& kernels) {
  return kernels.table.isa + std::string(kernels.in_tiles ? "_in_tiles" : "");
}
void PrintTo(const AttentionKernels& kernels, std::ostream* out) { *out << name_of(kernels); }

std::vector<AttentionKernels> attention_kernels() {
  std::vector<AttentionKernels> all;
  for (const KernelTable* table : testable_kernels()) {
    const auto same = [table](const AttentionKernels& other) {
      return other.in_tiles && other.table.attention_paged == table->attention_paged_tiles;
    };
    const bool known = std::any_of(all.begin(), all.end(), same);
    all.push_back({*table, false});
    if (table->attention_paged_tiles == nullptr || known) continue;
    AttentionKernels& tiles = all.emplace_back(*table, true);
    tiles.table.attention_paged = table->attention_paged_tiles;
    tiles.table.attention_split = table->attention_split_tiles;
    tiles.table.attention_dense = table->attention_dense_tiles;
  }
  return all;
}

class Attention : public testing::TestWithParam<AttentionKernels> {
 protected:
  const KernelTable& kernels() const { return GetParam().table; }
  std::vector<KvType> types() const {
    if (GetParam().in_tiles) return {KvType::kF32, KvType::kF16, KvType::kBF16};
    return {ops::kv_types().begin(), ops::kv_types().end()};
  }
  // Products with codes round queries and weights to 15 bits, those in tiles everything to 12, or to the 8 of bf16.
  double bound(KvType type) const {
    if (GetParam().in_tiles) return kernels().bf16_tiles == Bf16Tiles::kNone ? 1e-6 : 1e-4;
    return type == KvType::kQ8 || type == KvType::kQ4 ? 3e-8 : 1e-10;
  }
};

TEST_P(Attention, PagedMatchesDouble) {
  std::vector<Heads> all(std::begin(kHeads), std::end(kHeads));
  all.insert(all.end(), std::begin(kHeadsOfKeysAlone), std::end(kHeadsOfKeysAlone));
  for (const Heads h : all) {
    for (const KvType type : types()) {
      for (const auto& [window, softcap] : {std::pair<int, float>{0, 0.0f}, {50, 0.0f}, {1, 2.0f}, {130, 3.0f}}) {
        // The other types differ in how a page is read, not in the softmax.
        if (type != KvType::kF32 && window != 50) continue;
        const Cache c = make_cache(kernels(), h, type, {200, 67});
        const Queries queries = last_tokens(c, type == KvType::kF32 ? 70 : 35);
        const std::size_t rows = queries.sequence.size();
        std::vector<float> y(rows * h.n_heads * h.v_dim, std::nanf(""));
        std::vector<double> expected;
        kernels().attention_paged(paged_args(c, queries, &y, window, softcap));
        for (std::size_t r = 0; r < rows; ++r) {
          for (std::int64_t head = 0; head < h.n_heads; ++head) {
            const std::int64_t kv_head = head / (h.n_heads / h.n_kv_heads), end = queries.position[r] + 1;
            const auto one =
                reference(queries.q.data() + (r * h.n_heads + head) * h.k_dim,
                          c.k[queries.sequence[r]].data() + kv_head * h.k_dim, h.n_kv_heads * h.k_dim,
                          c.v[queries.sequence[r]].data() + kv_head * h.v_dim, h.n_kv_heads * h.v_dim,
                          window > 0 ? std::max<std::int64_t>(0, end - window) : 0, end, nullptr, h, 0.3f, softcap);
            expected.insert(expected.end(), one.begin(), one.end());
          }
        }
        EXPECT_LE(nmse(y, expected), bound(type)) << h.n_heads << "/" << h.n_kv_heads << " heads of " << h.k_dim
                                                  << " window " << window << " " << ops::name(type);
      }
    }
  }
}

// The same rows by attention_split and attention_merge, `n` splits at a time.
void attend_in_splits(const KernelTable& kernels, AttentionPagedArgs a, std::int64_t n, std::int64_t last_split) {
  const std::int64_t slots = a.last_row * a.n_heads;
  std::vector<float> partials(static_cast<std::size_t>(n * slots * (a.v_dim + 2)), std::nanf(""));
  std::vector<float> totals(static_cast<std::size_t>(2 * slots), std::nanf(""));
  a.partials = partials.data(), a.totals = totals.data(), a.partial_rows = a.last_row;
  for (std::int64_t split = 0; split < last_split; split += n) {
    a.first_split = split, a.last_split = std::min(split + n, last_split);
    a.begins = split == 0, a.ends = a.last_split == last_split;
    kernels.attention_split(a);
    kernels.attention_merge(a);
  }
}

TEST_P(Attention, PagedRowsAreIndependentBitForBit) {
  for (const Heads h : {Heads{6, 2, 64, 64}, Heads{5, 1, 40, 24}, kHeadsOfKeysAlone[1]}) {
    for (const KvType type : types()) {
      const Cache c = make_cache(kernels(), h, type, {1100, 67});
      const Queries queries = last_tokens(c, 20);
      const auto rows = static_cast<std::int64_t>(queries.sequence.size());
      const std::vector<float> sinks = random_values(static_cast<std::size_t>(h.n_heads), 4);
      for (const std::int64_t window : {0, 33, 600}) {
        std::vector<float> whole(static_cast<std::size_t>(rows * h.n_heads * h.v_dim)), parts(whole.size());
        AttentionPagedArgs a = paged_args(c, queries, &whole, window, 0.0f);
        a.sinks = window == 33 ? nullptr : sinks.data();
        kernels().attention_paged(a);
        a.y = parts.data();
        for (const std::int64_t step : {1, 3, 17}) {
          std::fill(parts.begin(), parts.end(), std::nanf(""));
          for (std::int64_t row = 0; row < rows; row += step) {
            for (std::int64_t head = 0; head < h.n_kv_heads; ++head) {
              a.first_row = row, a.last_row = std::min(row + step, rows);
              a.first_kv_head = head, a.last_kv_head = head + 1;
              kernels().attention_paged(a);
            }
          }
          EXPECT_TRUE(same_bits(whole.data(), parts.data(), whole.size()))
              << "step " << step << " window " << window << " " << ops::name(type);
        }
        a.first_row = 0, a.first_kv_head = 0;
        for (const std::int64_t n : {1, 2, 3}) {
          std::fill(parts.begin(), parts.end(), std::nanf(""));
          attend_in_splits(kernels(), a, n, 3);
          EXPECT_TRUE(same_bits(whole.data(), parts.data(), whole.size()))
              << n << " splits at once, window " << window << " " << ops::name(type);
        }
      }
    }
  }
}

// What no row sees yet, or what a page held before, cannot touch a result: here all of it is NaN.
TEST_P(Attention, PagesMayHoldAnythingBeyondTheKeys) {
  const Heads h{3, 1, 64, 64};
  for (const KvType type : types()) {
    const Cache c = make_cache(kernels(), h, type, {70});
    const Queries queries = last_tokens(c, 7);
    std::vector<float> y(7 * 3 * 64), alone(y.size());
    kernels().attention_paged(paged_args(c, queries, &y, 0, 0.0f));
    for (const float value : y) ASSERT_TRUE(std::isfinite(value)) << ops::name(type);
    const Cache shorter = make_cache(kernels(), h, type, {64});
    AttentionPagedArgs a = paged_args(shorter, queries, &alone, 0, 0.0f);
    a.last_row = 1;  // token 63, the last of a full page
    kernels().attention_paged(a);
    EXPECT_TRUE(same_bits(y.data(), alone.data(), 3 * 64)) << ops::name(type);
  }
}

// A span that sees its own end, as images in Gemma 3 do.
TEST_P(Attention, PagedKeyEndOverridesTheCausalMask) {
  const Heads h{2, 1, 32, 32};
  const Cache c = make_cache(kernels(), h, KvType::kF32, {100});
  const Queries queries = last_tokens(c, 10);
  const std::vector<std::int32_t> key_end(10, 100);
  std::vector<float> y(10 * 2 * 32);
  AttentionPagedArgs a = paged_args(c, queries, &y, 0, 0.0f);
  a.key_end = key_end.data();
  kernels().attention_paged(a);
  const auto expected =
      reference(queries.q.data(), c.k[0].data(), 32, c.v[0].data(), 32, 0, 100, nullptr, h, 0.3f, 0.0f);
  EXPECT_LE(nmse(std::vector<float>(y.begin(), y.begin() + 32), expected), bound(KvType::kF32));
}

AttentionDenseArgs dense_args(Heads h, const std::vector<float>& q, const std::vector<float>& k,
                              const std::vector<float>& v, std::vector<float>* y,
                              const std::vector<std::int32_t>& segments) {
  AttentionDenseArgs a{};
  a.q = q.data(), a.q_stride = h.n_heads * h.k_dim;
  a.k = k.data(), a.k_stride = h.n_kv_heads * h.k_dim;
  a.v = v.data(), a.v_stride = h.n_kv_heads * h.v_dim;
  a.y = y->data(), a.y_stride = h.n_heads * h.v_dim;
  a.segments = segments.data(), a.n_segments = static_cast<std::int64_t>(segments.size()) - 1;
  a.n_heads = h.n_heads, a.n_kv_heads = h.n_kv_heads, a.k_dim = h.k_dim, a.v_dim = h.v_dim;
  a.scale = 0.3f;
  a.last_row = segments.back(), a.last_kv_head = h.n_kv_heads;
  return a;
}

TEST_P(Attention, DenseMatchesDoubleAndIsIndependentOfChunks) {
  const std::vector<std::int32_t> segments = {0, 77, 78, 78, 220};
  constexpr std::int64_t kRows = 220;
  std::vector<std::uint8_t> mask(kRows, 1);
  for (const std::int64_t row : {0, 3, 64, 77, 100, 219}) mask[row] = 0;
  for (const Heads h : kHeads) {
    const auto q = random_values(static_cast<std::size_t>(kRows * h.n_heads * h.k_dim), 1);
    const auto k = random_values(static_cast<std::size_t>(kRows * h.n_kv_heads * h.k_dim), 2);
    const auto v = random_values(static_cast<std::size_t>(kRows * h.n_kv_heads * h.v_dim), 3);
    for (const bool causal : {false, true}) {
      for (const bool masked : {false, true}) {
        std::vector<float> y(static_cast<std::size_t>(kRows * h.n_heads * h.v_dim), std::nanf("")), parts = y;
        AttentionDenseArgs a = dense_args(h, q, k, v, &y, segments);
        a.causal = causal;
        if (masked) a.key_mask = mask.data();
        kernels().attention_dense(a);
        std::vector<double> expected;
        for (std::int64_t row = 0; row < kRows; ++row) {
          const std::int64_t first = row < 77 ? 0 : row < 78 ? 77 : 78, last = row < 77 ? 77 : row < 78 ? 78 : 220;
          for (std::int64_t head = 0; head < h.n_heads; ++head) {
            const std::int64_t kv_head = head / (h.n_heads / h.n_kv_heads);
            const auto one = reference(
                q.data() + (row * h.n_heads + head) * h.k_dim, k.data() + (first * h.n_kv_heads + kv_head) * h.k_dim,
                a.k_stride, v.data() + (first * h.n_kv_heads + kv_head) * h.v_dim, a.v_stride, 0,
                causal ? row - first + 1 : last - first, masked ? mask.data() + first : nullptr, h, 0.3f, 0.0f);
            expected.insert(expected.end(), one.begin(), one.end());
          }
        }
        EXPECT_LE(nmse(y, expected), bound(KvType::kF32)) << "causal " << causal << " masked " << masked;
        a.y = parts.data();
        for (std::int64_t row = 0; row < kRows; row += 23) {
          a.first_row = row, a.last_row = std::min<std::int64_t>(row + 23, kRows);
          kernels().attention_dense(a);
        }
        EXPECT_TRUE(same_bits(y.data(), parts.data(), y.size()));
      }
    }
  }
}

// What a row cannot see cannot touch it, were it infinite.
TEST_P(Attention, InvisibleValuesDoNotLeak) {
  const Heads h{4, 1, 16, 16};
  const std::vector<std::int32_t> segments = {0, 8};
  const auto q = random_values(8 * 64, 1), k = random_values(8 * 16, 2);
  auto v = random_values(8 * 16, 3);
  std::vector<float> y(8 * 64), other(8 * 64);
  AttentionDenseArgs a = dense_args(h, q, k, v, &y, segments);
  a.causal = true;
  kernels().attention_dense(a);
  std::fill(v.begin() + 5 * 16, v.end(), std::numeric_limits<float>::infinity());
  a.y = other.data();
  kernels().attention_dense(a);
  EXPECT_TRUE(same_bits(y.data(), other.data(), 5 * 64));
  for (std::size_t i = 5 * 64; i < other.size(); ++i) ASSERT_TRUE(std::isinf(other[i])) << i;
}

INSTANTIATE_TEST_SUITE_P(Isa, Attention, testing::ValuesIn(attention_kernels()),
                         [](const auto& parameter) { return name_of(parameter.param); });

// Every value of f16, through the pages.
TEST_P(Attention, HalvesConvertExactly) {
  std::vector<float> values;
  for (std::uint32_t bits = 0; bits < 0x7c00; ++bits) {
    const float exact = quant::f16_to_f32(static_cast<std::uint16_t>(bits));
    const float next = quant::f16_to_f32(static_cast<std::uint16_t>(bits + 1));
    values.insert(values.end(),
                  {exact, -exact, std::isinf(next) ? 65519.0f : 0.5f * (exact + next), std::nextafter(exact, 1e9f)});
  }
  const auto count = static_cast<std::int64_t>(values.size());
  const KvPageLayout layout = kv_page_layout(KvType::kF16, 1, count, count);
  std::vector<std::byte> memory(static_cast<std::size_t>(layout.k_bytes + layout.v_bytes));
  const std::int32_t zero = 0;
  const PagedKv kv{memory.data(), 0, 0, layout.k_bytes, KvType::kF16, 1, count, count, &zero, 1};
  kernels().kv_append({kv, values.data(), count, values.data(), count, &zero, &zero, 0, 1, 0, 1});
  const auto* stored = reinterpret_cast<const std::uint16_t*>(memory.data() + layout.k_bytes);
  for (std::int64_t i = 0; i < count; ++i) ASSERT_EQ(stored[i], quant::f32_to_f16(values[i])) << values[i];
}

}  // namespace
}  // namespace galago::cpu
