#include "ops/executor.h"

#include <gtest/gtest.h>

#include <cstring>
#include <thread>
#include <vector>

#include "galago/ops.h"

namespace galago::ops {
namespace {

// Records the names of what it is asked to run and gives `n_outputs` empty tensors of two elements.
class Recorder : public Executor {
 public:
  explicit Recorder(std::size_t outputs = 1) : n_outputs(outputs) {}
  std::vector<Tensor> run(const AnyOp& op, std::span<const Tensor>, const StepView*) override {
    seen.emplace_back(name(op));
    return std::vector<Tensor>(n_outputs, Tensor::zeros({2}));
  }
  std::size_t n_outputs;
  std::vector<std::string> seen;
};

TEST(Executor, ScopesNestAndAreOfOneThread) {
  Recorder outer, inner;
  const Tensor x = Tensor::zeros({2});
  {
    const ExecutorScope outer_scope(outer);
    silu(x);
    {
      const ExecutorScope inner_scope(inner);
      scale(x, 2);
    }
    softmax(x);
    std::thread([] { EXPECT_EQ(&current_executor(), &reference_executor()); }).join();
  }
  EXPECT_EQ(outer.seen, (std::vector<std::string>{"unary", "softmax"}));
  EXPECT_EQ(inner.seen, (std::vector<std::string>{"scale"}));
  EXPECT_EQ(&current_executor(), &reference_executor());
}

TEST(Executor, CarriesTheFirstErrorToTheEnd) {
  Recorder recorder;
  const ExecutorScope scope(recorder);
  const Tensor failed = Tensor::failed({ErrorCode::kNotFound, "tensor \"a\" is not there"});
  const Tensor y = softmax(silu(failed + Tensor::zeros({2})) * Tensor::failed({ErrorCode::kIo, "later"}));
  EXPECT_EQ(y.error().message, "tensor \"a\" is not there");
  EXPECT_EQ(y.error().code, ErrorCode::kNotFound);
  EXPECT_TRUE(recorder.seen.empty());
  EXPECT_EQ(silu(Tensor()).error().message, "an empty tensor was used");
}

TEST(Executor, ASecondOutputOfOneIsOurBug) {
  Recorder none(0);
  const ExecutorScope scope(none);
  EXPECT_EQ(silu(Tensor::zeros({2})).error().code, ErrorCode::kInternal);
}

TEST(ReferenceExecutor, RefusesTracedTensors) {
  const int trace = 0;
  const Tensor traced = Tensor::traced({DType::kF32, {Dim::symbol("tokens", 8), 2}}, &trace, 3);
  EXPECT_EQ(add(traced, Tensor::zeros({2})).error().message,
            "add: input 0 is f32 (tokens, 2) of a trace and has no numbers yet; use it inside the function that is "
            "traced");
}

TEST(ReferenceExecutor, ReadsUnalignedArraysAndRowsInAnyOrder) {
  const std::vector<float> values = {1, 2, 3, 4, 5, 6};
  auto bytes = std::make_shared<std::vector<std::byte>>(values.size() * sizeof(float) + 1);
  std::memcpy(bytes->data() + 1, values.data(), values.size() * sizeof(float));
  const Tensor x = Tensor::view(DType::kF32, {3, 2}, std::span(*bytes).subspan(1), bytes);
  EXPECT_EQ(scale(x, 2).to_string(), "f32 (3, 2) [2, 4, 6, 8, 10, 12]");
  const auto order = std::make_shared<const std::vector<std::int32_t>>(std::vector<std::int32_t>{2, 0});
  EXPECT_EQ(scale(x.with_rows(order), 1).to_string(), "f32 (2, 2) [5, 6, 1, 2]");
  EXPECT_EQ(add(Tensor::zeros({2, 2}), x.with_rows(order)).to_string(), "f32 (2, 2) [5, 6, 1, 2]");
  const Tensor cube = Tensor::view(DType::kF32, {3, 1, 2}, std::span(*bytes).subspan(1), bytes);
  EXPECT_EQ(reshape(cube.with_rows(order), {4}).to_string(), "f32 (4) [5, 6, 1, 2]");
  const Tensor one = Tensor::view(DType::kF32, {}, std::span(*bytes).subspan(1), bytes);
  EXPECT_EQ(scale(one, 3).to_string(), "f32 () [3]");
}

TEST(TensorView, DecodesRowsOfEveryRank) {
  const Tensor x = Tensor::from(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8}, {2, 2, 2});
  const auto order = std::make_shared<const std::vector<std::int32_t>>(std::vector<std::int32_t>{1, 0});
  const Tensor turned = x.with_rows(order);
  const TensorView view = view_of(turned);
  EXPECT_EQ(view.rows(), 4);
  EXPECT_EQ(view.columns(), 2);
  float row[2] = {};
  view.decode_row(1, row);
  EXPECT_EQ(row[0], 7);
  view.decode_row(2, row);
  EXPECT_EQ(row[1], 2);
}

}  // namespace
}  // namespace galago::ops
