#include <gtest/gtest.h>

#include <array>
#include <sstream>

#include "galago/nn.h"
#include "nn/tap.h"
#include "nn/weights_test.h"

namespace galago::nn {
namespace {

struct Mlp : Module {
  Linear up = add("up_proj", Linear(4, 8)), down = add("down_proj", Linear(8, 4, /*bias=*/false));
  Tensor forward(const Tensor& x) const { return down(silu(up(x))); }
};

TEST(Module, PrintsItsTreeWithCounts) {
  const Mlp mlp;
  std::ostringstream out;
  out << mlp;
  EXPECT_EQ(mlp.parameter_count(), 4 * 8 + 8 + 8 * 4);
  EXPECT_NE(out.str().find("Mlp"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("up_proj: Linear(4 -> 8, bias)"), std::string::npos) << out.str();
  EXPECT_NE(out.str().find("72"), std::string::npos) << out.str();
}

TEST(Module, RunsEagerlyAndCarriesTheFirstError) {
  const Mlp mlp;
  EXPECT_EQ(mlp.forward(Tensor::random({3, 4})).shape(), Shape({3, 4}));
  const Tensor wrong = mlp.forward(Tensor::random({3, 5}));
  ASSERT_FALSE(wrong.ok());
  EXPECT_NE(wrong.error().message.find("linear"), std::string::npos) << wrong.error().message;
}

TEST(Module, LoadsByNameAndNamesWhatIsWrong) {
  Mlp mlp;
  Weights weights;
  weights.tensors["mlp.up_proj.weight"] = Tensor::random({8, 4}, 1);
  weights.tensors["mlp.up_proj.bias"] = Tensor::random({8}, 2);
  EXPECT_EQ(mlp.load(weights, "mlp").error().message,
            "test.safetensors: the tensor \"mlp.down_proj.weight\" (4, 8) is missing");
  weights.tensors["mlp.down_proj.weight"] = Tensor::random({8, 4}, 3);
  EXPECT_EQ(
      mlp.load(weights, "mlp").error().message,
      "test.safetensors: the tensor \"mlp.down_proj.weight\" has the shape (8, 4); the model's configuration asks "
      "for (4, 8)");
  weights.tensors["mlp.down_proj.weight"] = Tensor::random({4, 8}, 3);
  ASSERT_TRUE(mlp.load(weights, "mlp").ok());
  EXPECT_EQ(mlp.up.matrix().tensor().bytes().data(), weights.tensors["mlp.up_proj.weight"].bytes().data())
      << "weights are not copied";
}

TEST(Tap, KeepsTheFirstOfEachNameAndNothingOutside) {
  const Tensor x = Tensor::zeros({1}), y = Tensor::zeros({2});
  tap("outside", x);
  const TapScope outer;
  tap("stage", x);
  tap("stage", y);
  {
    const TapScope inner;
    tap("inner", y);
    EXPECT_EQ(inner.taps().size(), 1u);
  }
  ASSERT_EQ(outer.taps().size(), 1u);
  EXPECT_EQ(outer.taps()[0].second.identity(), x.identity());
}

}  // namespace
}  // namespace galago::nn
