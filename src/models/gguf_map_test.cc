// Every key of a GGUF file's metadata that is read for decoders, and what becomes of it.
#include "models/gguf_map.h"

#include <gmock/gmock.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <deque>
#include <filesystem>
#include <functional>

#include "formats/gguf_writer.h"
#include "models/decoder_model.h"
#include "models/invented_model_test.h"

namespace galago::models {
namespace {

using formats::GgufWriter;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

constexpr std::int64_t kVocab = 5, kHidden = 32, kHeads = 4, kContext = 4096;

class GgufMapTest : public ::testing::Test {
 protected:
  ~GgufMapTest() override { std::filesystem::remove(path_); }

  using Add = std::function<void(GgufWriter&)>;
  // A file with the keys that all have, unless `left_out`, and what `add` adds.
  std::shared_ptr<const formats::Checkpoint> file(const Add& add = nullptr, std::string_view left_out = "") {
    GgufWriter writer;
    writer.set("general.architecture", std::string_view(architecture_));
    const auto set = [&](std::string_view key, auto value) {
      if (key != left_out) writer.set(architecture_ + "." + std::string(key), value);
    };
    set("embedding_length", std::uint32_t{kHidden});
    set("block_count", std::uint32_t{3});
    set("feed_forward_length", std::uint32_t{48});
    set("attention.head_count", std::uint32_t{kHeads});
    set("context_length", std::uint32_t{kContext});
    set("attention.layer_norm_rms_epsilon", 1e-6f);
    tensor(writer, "token_embd.weight", {kVocab, kHidden});
    if (add) add(writer);
    EXPECT_TRUE(writer.write(path_).ok());
    return formats::Checkpoint::open(path_).value();
  }

  void tensor(GgufWriter& writer, std::string name, std::vector<std::int64_t> shape, float value = 1.0f) {
    std::int64_t elements = 1;
    for (const std::int64_t size : shape) elements *= size;
    auto& data = data_.emplace_back(static_cast<std::size_t>(elements), value);
    writer.add({.name = std::move(name), .shape = std::move(shape), .data = std::as_bytes(std::span(data))});
  }

  Result<Json> read(const Add& add = nullptr, std::string_view left_out = "") {
    data_.clear();
    const auto checkpoint = file(add, left_out);
    GgufKeys keys(*checkpoint);
    auto config = decoder_config_from_gguf(keys);
    if (const Status status = keys.refuse_unread(); config.ok() && !status.ok()) return status.error();
    return config;
  }
  Json config(const Add& add = nullptr) {
    auto config = read(add);
    EXPECT_TRUE(config.ok()) << config.error().message;
    return config.ok() ? *config : Json();
  }
  template <class T>
  Json with(const char* key, T value) {
    return config([&](GgufWriter& writer) { writer.set(key, value); });
  }
  template <class T>
  std::string refusal(const char* key, T value, std::string_view instead_of = "") {
    const auto config = read([&](GgufWriter& writer) { writer.set(key, value); }, instead_of);
    return config.ok() ? "" : config.error().message;
  }
  // The frequencies of the rope that a decoder makes of the file.
  std::vector<float> frequencies(const Add& add = nullptr) {
    const Json json = config(add);
    const auto config = decoder_config(ConfigReader(json, "m.gguf"), /*sequence_length=*/0).value();
    return nn::rope_frequencies(*config.attention.rope).value().inv_freq;
  }

  std::string architecture_ = "llama";
  std::filesystem::path path_ =
      std::filesystem::path(::testing::TempDir()) / ("galago_gguf_map_" + std::to_string(::getpid()) + ".gguf");
  std::deque<std::vector<float>> data_;
};

TEST_F(GgufMapTest, ReadsSizes) {
  const Json plain = config();
  EXPECT_EQ(plain["hidden_size"], kHidden);
  EXPECT_EQ(plain["num_hidden_layers"], 3);
  EXPECT_EQ(plain["intermediate_size"], 48);
  EXPECT_EQ(plain["num_attention_heads"], kHeads);
  EXPECT_EQ(plain["num_key_value_heads"], kHeads) << "as many as there are of queries";
  EXPECT_EQ(plain["max_position_embeddings"], kContext);
  EXPECT_FLOAT_EQ(plain["rms_norm_eps"].get<float>(), 1e-6f);
  EXPECT_EQ(plain["vocab_size"], kVocab);
  EXPECT_EQ(plain["rope_theta"], 10000.0);
  for (const char* absent : {"head_dim", "rotary_dim", "rope_scaling", "rope_divisors"}) {
    EXPECT_FALSE(plain.contains(absent)) << absent;
  }
  EXPECT_EQ(with("llama.attention.head_count_kv", std::uint32_t{2})["num_key_value_heads"], 2);
  EXPECT_EQ(with("llama.attention.key_length", std::uint32_t{16})["head_dim"], 16);
  EXPECT_EQ(with("llama.rope.dimension_count", std::uint32_t{4})["rotary_dim"], 4);
  EXPECT_EQ(with("llama.rope.freq_base", 500000.0f)["rope_theta"], 500000.0);
}

TEST_F(GgufMapTest, NeedsWhatItCannotGuess) {
  for (const char* key :
       {"embedding_length", "block_count", "feed_forward_length", "attention.head_count", "context_length"}) {
    const auto config = read(nullptr, key);
    ASSERT_FALSE(config.ok()) << key;
    EXPECT_THAT(config.error().message, HasSubstr(std::string("llama.") + key));
    EXPECT_THAT(config.error().message, HasSubstr(path_.string()));
  }
  EXPECT_FLOAT_EQ(read(nullptr, "attention.layer_norm_rms_epsilon").value()["rms_norm_eps"].get<float>(), 1e-5f);
}

TEST_F(GgufMapTest, TakesOneNumberForAllLayers) {
  const auto heads = [this](std::vector<std::uint32_t> numbers) {
    return read(
        [&](GgufWriter& writer) {
          writer.set_array("llama.attention.head_count", std::span<const std::uint32_t>(numbers));
        },
        "attention.head_count");
  };
  EXPECT_EQ(heads({8, 8, 8}).value()["num_attention_heads"], 8);
  EXPECT_THAT(heads({8, 8, 4}).error().message,
              HasSubstr("llama.attention.head_count differs between layers (8 and 4)"));
  EXPECT_THAT(heads({}).error().message, HasSubstr("is an empty array"));
}

TEST_F(GgufMapTest, LearnsBiasesAndTyingFromTensors) {
  const Json plain = config();
  EXPECT_EQ(plain["tie_word_embeddings"], true);
  for (const char* key : {"attention_bias", "qkv_bias", "mlp_bias"}) EXPECT_EQ(plain[key], false) << key;
  const auto with_tensor = [this](const char* name) {
    return config([&](GgufWriter& writer) { tensor(writer, name, {kVocab, kHidden}); });
  };
  EXPECT_EQ(with_tensor("output.weight")["tie_word_embeddings"], false);
  EXPECT_EQ(with_tensor("blk.0.attn_output.bias")["attention_bias"], true);
  EXPECT_EQ(with_tensor("blk.0.attn_q.bias")["qkv_bias"], true);
  EXPECT_EQ(with_tensor("blk.0.ffn_down.bias")["mlp_bias"], true);
}

// llama.cpp divides positions, so frequencies, by the factor, whichever of its names it has and without a type, too.
TEST_F(GgufMapTest, ScalesRopeLinearly) {
  const std::vector<float> plain = frequencies();
  const auto expect_divided = [&](const Add& add, float factor) {
    const std::vector<float> found = frequencies(add);
    ASSERT_EQ(found.size(), plain.size());
    for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_FLOAT_EQ(found[i], plain[i] / factor) << i;
  };
  expect_divided([](GgufWriter& w) { w.set("llama.rope.scaling.factor", 4.0f); }, 4.0f);
  expect_divided([](GgufWriter& w) { w.set("llama.rope.scale_linear", 4.0f); }, 4.0f);
  expect_divided([](GgufWriter& w) { w.set("llama.rope.scaling.factor", 0.0f); }, 1.0f);
  const auto typed = [](const char* type, float factor) {
    return [=](GgufWriter& w) {
      w.set("llama.rope.scaling.type", type);
      w.set("llama.rope.scaling.factor", factor);
    };
  };
  expect_divided(typed("linear", 4.0f), 4.0f);
  expect_divided(typed("linear", 0.5f), 0.5f);
  expect_divided(typed("none", 4.0f), 1.0f);
}

TEST_F(GgufMapTest, DividesFrequenciesByFactors) {
  const std::vector<float> plain = frequencies();
  const std::vector<float> found = frequencies([this](GgufWriter& w) { tensor(w, "rope_freqs.weight", {4}, 8.0f); });
  for (std::size_t i = 0; i < plain.size(); ++i) EXPECT_FLOAT_EQ(found[i], plain[i] / 8.0f) << i;
  const auto narrow = read([](GgufWriter& w) {
    static const std::array<std::byte, 8> bytes{};
    w.add({.name = "rope_freqs.weight", .dtype = DType::kF16, .shape = {4}, .data = bytes});
  });
  EXPECT_THAT(narrow.error().message, HasSubstr("rope_freqs.weight is f16; f32 is expected"));
}

TEST_F(GgufMapTest, ReadsYarn) {
  const Json plain = config([](GgufWriter& w) {
    w.set("llama.rope.scaling.type", "yarn");
    w.set("llama.rope.scaling.factor", 8.0f);
  })["rope_scaling"];
  EXPECT_EQ(plain["rope_type"], "yarn");
  EXPECT_EQ(plain["factor"], 8.0);
  EXPECT_EQ(plain["original_max_position_embeddings"], kContext);
  EXPECT_EQ(plain["beta_fast"], 32.0);
  EXPECT_EQ(plain["beta_slow"], 1.0);
  EXPECT_FALSE(plain.contains("attention_factor"));
  const Json all = config([](GgufWriter& w) {
    w.set("llama.rope.scaling.type", "yarn");
    w.set("llama.rope.scaling.factor", 8.0f);
    w.set("llama.rope.scaling.original_context_length", std::uint32_t{1024});
    w.set("llama.rope.scaling.attn_factor", 0.5f);
    w.set("llama.rope.scaling.yarn_beta_fast", 16.0f);
    w.set("llama.rope.scaling.yarn_beta_slow", 2.0f);
  })["rope_scaling"];
  EXPECT_EQ(all["original_max_position_embeddings"], 1024);
  EXPECT_EQ(all["beta_fast"], 16.0);
  EXPECT_EQ(all["beta_slow"], 2.0);
  EXPECT_DOUBLE_EQ(all["attention_factor"].get<double>(), 0.5 * (1.0 + 0.1 * std::log(8.0)));
}

TEST_F(GgufMapTest, ReadsFactorsOfLongRope) {
  const Json scaling = config([this](GgufWriter& w) {
    w.set("llama.rope.scaling.type", "longrope");
    w.set("llama.rope.scaling.attn_factor", 1.25f);
    w.set("llama.rope.scaling.original_context_length", std::uint32_t{1024});
    tensor(w, "rope_factors_long.weight", {2}, 3.0f);
    tensor(w, "rope_factors_short.weight", {2}, 2.0f);
  })["rope_scaling"];
  EXPECT_EQ(scaling["rope_type"], "longrope");
  EXPECT_EQ(scaling["attention_factor"], 1.25);
  EXPECT_EQ(scaling["original_max_position_embeddings"], 1024);
  EXPECT_THAT(scaling["long_factor"], ElementsAre(3.0, 3.0));
  EXPECT_THAT(scaling["short_factor"], ElementsAre(2.0, 2.0));
}

TEST_F(GgufMapTest, RefusesWhatMakesNoSense) {
  EXPECT_THAT(refusal("llama.rope.scaling.type", "spiral"), HasSubstr("rope.scaling.type is \"spiral\""));
  EXPECT_THAT(refusal("llama.rope.scaling.factor", -1.0f), HasSubstr("rope.scaling.factor is -1"));
  EXPECT_THAT(refusal("llama.rope.freq_base", std::nanf("")), HasSubstr("llama.rope.freq_base is nan"));
  EXPECT_THAT(refusal("llama.attention.layer_norm_rms_epsilon", std::nanf(""), "attention.layer_norm_rms_epsilon"),
              HasSubstr("a finite number is expected"));
  const auto lengths = read([](GgufWriter& w) {
    w.set("llama.attention.key_length", std::uint32_t{16});
    w.set("llama.attention.value_length", std::uint32_t{8});
  });
  EXPECT_THAT(lengths.error().message, HasSubstr("attention.value_length is 8 and attention.key_length 16"));
}

TEST_F(GgufMapTest, RefusesKeysThatChangeNumbersAndAreNotRead) {
  EXPECT_EQ(refusal("llama.attention.sliding_window", std::uint32_t{512}),
            path_.string() +
                ": llama.attention.sliding_window is 512, which changes what the model computes and is not "
                "read for this architecture; 0 would change nothing");
  EXPECT_EQ(refusal("llama.attention.sliding_window", std::uint32_t{0}), "");
  EXPECT_THAT(refusal("llama.attention.causal", false), HasSubstr("llama.attention.causal is 0"));
  EXPECT_EQ(refusal("llama.attention.causal", true), "");
  EXPECT_THAT(refusal("llama.logit_scale", 0.5f), HasSubstr("llama.logit_scale is 0.5"));
  EXPECT_EQ(refusal("llama.logit_scale", 1.0f), "");
  EXPECT_THAT(refusal("llama.final_logit_softcapping", 30.0f), HasSubstr("30"));
  EXPECT_THAT(refusal("llama.expert_count", std::uint32_t{8}), HasSubstr("llama.expert_count is 8"));
  EXPECT_EQ(refusal("gemma.logit_scale", 0.5f), "") << "another architecture's";
}

// Phi-3's own addition to what all decoders have.
TEST_F(GgufMapTest, Phi3ReadsItsWindow) {
  architecture_ = "phi3";
  const auto window_of = [this](std::optional<std::uint32_t> window) {
    data_.clear();
    const auto checkpoint = file([&](GgufWriter& writer) {
      if (window) writer.set("phi3.attention.sliding_window", *window);
    });
    GgufKeys keys(*checkpoint);
    const auto config = architecture_of("phi3")->gguf_config(keys);
    EXPECT_TRUE(config.ok()) << config.error().message;
    EXPECT_TRUE(keys.refuse_unread().ok()) << "it was read";
    return config->contains("sliding_window") ? (*config)["sliding_window"] : Json();
  };
  EXPECT_EQ(window_of(2047), 2047);
  EXPECT_EQ(window_of(0), Json()) << "0 is none";
  EXPECT_EQ(window_of({}), Json());
}

}  // namespace
}  // namespace galago::models
