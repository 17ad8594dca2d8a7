#include <gtest/gtest.h>

#include <array>
#include <map>
#include <sstream>

#include "galago/nn.h"
#include "nn/decoder.h"
#include "nn/rotary.h"
#include "nn/tap.h"

namespace galago::nn {
namespace {

struct Mlp : Module {
  Linear up = add("up_proj", Linear(4, 8)), down = add("down_proj", Linear(8, 4, /*bias=*/false));
  Tensor forward(const Tensor& x) const { return down(silu(up(x))); }
};

class Weights : public WeightSource {
 public:
  Result<std::optional<Tensor>> find(std::string_view name) const override {
    const auto found = tensors.find(std::string(name));
    return found == tensors.end() ? std::optional<Tensor>() : std::optional(found->second);
  }
  std::string description() const override { return "test.safetensors"; }
  std::map<std::string, Tensor> tensors;
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

TEST(Module, CountsATiedHeadOnce) {
  DecoderConfig config{.vocab_size = 10, .hidden_size = 4, .intermediate_size = 6, .n_layers = 1};
  config.attention = {.hidden_size = 4, .n_heads = 2, .n_kv_heads = 1, .head_dim = 2};
  config.rope.rotary_dim = 2;
  const std::int64_t untied = CausalLm(config).parameter_count();
  config.tie_word_embeddings = true;
  EXPECT_EQ(CausalLm(config).parameter_count(), untied - 10 * 4);
}

TEST(Rotary, ScalesAsLlama3Does) {
  RopeConfig config{.rotary_dim = 8, .theta = 10000.0};
  const auto plain = rope_frequencies(config);
  ASSERT_TRUE(plain.ok());
  EXPECT_FLOAT_EQ((*plain)[0], 1.0f);
  EXPECT_FLOAT_EQ((*plain)[1], 0.1f);
  config.scaling = "llama3";
  config.factor = 8;
  config.low_freq_factor = 1;
  config.high_freq_factor = 4;
  config.original_context = 256;
  const auto scaled = rope_frequencies(config);
  ASSERT_TRUE(scaled.ok());
  EXPECT_FLOAT_EQ((*scaled)[0], 1.0f) << "wavelength 6 is short against 256 / 4";
  EXPECT_FLOAT_EQ((*scaled)[3], 0.001f / 8) << "wavelength 6283 is long against 256";
  EXPECT_GT((*scaled)[1], 0.1f / 8);
  EXPECT_LT((*scaled)[1], 0.1f + 1e-6f);
  config.scaling = "wishful";
  EXPECT_EQ(rope_frequencies(config).error().code, ErrorCode::kUnsupported);
  config.rotary_dim = 7;
  EXPECT_FALSE(rope_frequencies(config).ok());
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
