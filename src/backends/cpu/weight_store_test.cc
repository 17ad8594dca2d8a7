// Weights that lie in several places are packed as if they lay in one, and never joined.
#include "backends/cpu/weight_store.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <mutex>
#include <numeric>

#include "galago/ops.h"
#include "ops/conformance_cases.h"
#include "ops/moe.h"

namespace galago::cpu {
namespace {

constexpr DType kTypes[] = {DType::kF32, DType::kBF16, DType::kQ4_0, DType::kQ4_K, DType::kIQ4_NL};

// A copy of matrix `index` of a stack, elsewhere in memory.
Tensor matrix_of(const Tensor& stack, std::int64_t index) {
  const Tensor one = stack.slice(index, 1).with_shape({stack.size(1), stack.size(2)});
  Tensor copy = Tensor::zeros(one.shape(), one.dtype());
  std::memcpy(copy.mutable_bytes().data(), one.bytes().data(), one.bytes().size());
  return copy;
}

Tensor singly(const Tensor& stack) {
  std::vector<Tensor> parts;
  for (std::int64_t i = 0; i < stack.size(0); ++i) parts.push_back(matrix_of(stack, i));
  return Tensor::stacked(std::move(parts));
}

std::vector<std::byte> packed(const WeightStore& store, const Tensor& matrix, std::int64_t expert = 0) {
  const WeightView view = store.view(matrix, expert).value();
  EXPECT_NE(view.kind, WeightKind::kRows);
  return {view.data, view.data + tile_count(view.rows) * view.tile_bytes};
}

// Groups of one.
std::vector<PackGroup> each(const std::vector<Tensor>& matrices) {
  std::vector<PackGroup> groups;
  for (const Tensor& matrix : matrices) groups.push_back({matrix});
  return groups;
}

struct Released {
  std::mutex mutex;
  std::vector<std::span<const std::byte>> spans;
  ReleaseSource take() {
    return [this](std::span<const std::byte> bytes) {
      const std::scoped_lock lock(mutex);
      spans.push_back(bytes);
    };
  }
  std::size_t bytes() const {
    return std::accumulate(spans.begin(), spans.end(), std::size_t{0},
                           [](std::size_t sum, auto s) { return sum + s.size(); });
  }
};

TEST(WeightStore, PacksExpertsPublishedSinglyAsTheirStack) {
  constexpr std::int64_t kSingle = 5;
  for (const DType dtype : kTypes) {
    const Tensor stack = ops::random_weight(dtype, {kSingle, 33, 256}, 1), parts = singly(stack);
    ASSERT_TRUE(parts.ok()) << parts.error().message;
    Released released;
    WeightStore store(2, {}, released.take(), nullptr);
    ASSERT_TRUE(store.pack(each({stack})).ok());
    released.spans.clear();
    ASSERT_TRUE(store.pack(each({parts, parts})).ok());
    EXPECT_EQ(store.packed_bytes(), 2 * tiled_bytes(stack)) << "each once";
    for (std::int64_t e = 0; e < kSingle; ++e) {
      EXPECT_EQ(packed(store, parts, e), packed(store, stack, e)) << name(dtype) << " " << e;
    }
    // What is read is what the experts have, and all of it is let go.
    EXPECT_EQ(released.bytes(), stack.bytes().size()) << name(dtype);
    for (const auto span : released.spans) {
      EXPECT_TRUE(std::ranges::any_of(parts.parts(), [span](const Tensor& part) {
        return part.data() <= span.data() && span.data() + span.size() <= part.data() + part.bytes().size();
      })) << name(dtype);
    }
  }
}

TEST(WeightStore, PacksPiecesOfAFusedMatrixAsMatricesOfTheirOwn) {
  for (const DType dtype : kTypes) {
    const Tensor fused = ops::random_weight(dtype, {64, 256}, 2);
    const Tensor q = fused.slice(0, 32), k = fused.slice(32, 16), v = fused.slice(48, 16);
    WeightStore store(1, {}, {}, nullptr);
    ASSERT_TRUE(store.pack(each({fused, q, k, v})).ok());
    std::vector<std::byte> joined = packed(store, q);
    for (const Tensor& part : {k, v}) {
      const auto more = packed(store, part);
      joined.insert(joined.end(), more.begin(), more.end());
    }
    EXPECT_EQ(joined, packed(store, fused)) << name(dtype) << ": whole tiles, one matrix after the other";
  }
}

// Gate and up in turns share all their bytes, and are told apart.
TEST(WeightStore, PacksRowsTakenInTurns) {
  const Tensor fused = ops::random_weight(DType::kQ8_0, {64, 64}, 3);
  const auto turns = [&fused](std::int32_t first) {
    auto order = std::make_shared<std::vector<std::int32_t>>();
    for (std::int32_t row = first; row < 64; row += 2) order->push_back(row);
    return Tensor::stacked({fused.with_rows(order)});
  };
  const Tensor gate = turns(0), up = turns(1);
  EXPECT_EQ(gate.data(), up.data());
  WeightStore store(2, {}, {}, nullptr);
  ASSERT_TRUE(store.pack(each({gate, up})).ok());
  EXPECT_NE(packed(store, gate), packed(store, up));
  Tensor copy = Tensor::zeros({32, 64}, DType::kQ8_0);
  for (std::int64_t row = 0; row < 32; ++row) {
    const std::size_t bytes = copy.bytes().size() / 32;
    std::memcpy(copy.mutable_bytes().data() + static_cast<std::size_t>(row) * bytes, fused.row(2 * row + 1), bytes);
  }
  ASSERT_TRUE(store.pack(each({copy})).ok());
  EXPECT_EQ(packed(store, up), packed(store, copy));
}

// Each row as often as it is packed, and into one row's scratch.
class CountedRows : public RowReader {
 public:
  explicit CountedRows(Tensor source) : source_(std::move(source)), reads_(static_cast<std::size_t>(source_.size(0))) {}
  void read(std::int64_t row, std::byte* out) const override {
    ++reads_[static_cast<std::size_t>(row)];
    std::memcpy(out, source_.row(row), source_.bytes().size() / reads_.size());
  }
  std::vector<std::span<const std::byte>> sources() const override { return {source_.bytes()}; }
  std::string_view kind() const override { return "counted"; }
  const std::vector<int>& reads() const { return reads_; }

 private:
  Tensor source_;
  mutable std::vector<int> reads_;
};

TEST(WeightStore, ReadsMadeRowsOnce) {
  const Tensor stored = ops::random_weight(DType::kBF16, {40, 64}, 4);
  const auto rows = std::make_shared<CountedRows>(stored);
  const Tensor made = Tensor::made(DType::kBF16, {40, 64}, rows);
  Released released;
  WeightStore store(2, {}, released.take(), nullptr);
  ASSERT_TRUE(store.pack(each({stored})).ok());
  released.spans.clear();
  ASSERT_TRUE(store.pack(each({made})).ok());
  EXPECT_EQ(packed(store, made), packed(store, stored));
  EXPECT_EQ(rows->reads(), std::vector<int>(40, 1));
  EXPECT_EQ(released.bytes(), stored.bytes().size());
}

// Keeps the requests that it is asked for.
class Asked : public PackStorage {
 public:
  bool keeps(const Tensor&) const override { return true; }
  std::vector<PackedPlace> find(std::span<const PackRequest> requests) override {
    return std::vector<PackedPlace>(requests.size());
  }
  std::unique_ptr<PackSink> create(std::span<const PackRequest> requests) override {
    for (const PackRequest& request : requests) groups.push_back(request.group);
    return nullptr;
  }
  void failed(const Error&) override {}
  std::vector<std::uint32_t> groups;
};

TEST(WeightStore, TellsAStorageWhatBelongsTogether) {
  const auto matrix = [](std::uint64_t seed) { return ops::random_weight(DType::kQ8_0, {16, 32}, seed); };
  const Tensor a = matrix(1), b = matrix(2), c = matrix(3);
  const auto storage = std::make_shared<Asked>();
  WeightStore store(1, {}, {}, storage);
  const PackGroup groups[] = {{a, b}, {b, a}, {Tensor::zeros({4, 4}, DType::kI32)}, {b, c}};
  ASSERT_TRUE(store.pack(groups).ok());
  EXPECT_EQ(storage->groups, (std::vector<std::uint32_t>{0, 0, 1}));
}

// The references read the same rows.
TEST(WeightStore, LeavesReferencesTheSameResults) {
  const Tensor stack = ops::random_weight(DType::kQ4_0, {4, 64, 64}, 5), x = Tensor::random({6, 64}, 6);
  const Tensor logits = Tensor::random({6, 4}, 7), parts = singly(stack);
  const ops::Moe op{.routing = {.experts_per_token = 2, .normalize = true}};
  const Tensor expected = ops::moe(x, logits, stack, stack, stack, op),
               found = ops::moe(x, logits, parts, parts, parts, op);
  ASSERT_TRUE(expected.ok() && found.ok()) << found.error().message;
  EXPECT_TRUE(std::ranges::equal(expected.floats(), found.floats()));
  const Tensor table = ops::random_weight(DType::kQ4_0, {8, 64}, 8);
  const std::int32_t ids[] = {7, 0, 4, 3};
  const Tensor looked_up =
      embedding(Tensor::from(ids, {4}), Tensor::concatenated({table.slice(0, 4), table.slice(4, 4)}));
  EXPECT_TRUE(std::ranges::equal(looked_up.floats(), embedding(Tensor::from(ids, {4}), table).floats()));
}

}  // namespace
}  // namespace galago::cpu
