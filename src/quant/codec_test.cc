// Every element type against the Python package gguf, bit by bit: tests/goldens/generate_quant.py wrote the files.
#include "quant/codec.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "base/file.h"

namespace galago::quant {
namespace {

const std::string kData = GALAGO_SOURCE_DIR "/tests/data/quant/";

std::vector<DType> all_types() {
  return {
#define GALAGO_DTYPE(enumerator, name, ggml_id, block_elements, block_bytes) DType::enumerator,
#include "galago/formats.def"
#undef GALAGO_DTYPE
  };
}

std::vector<float> read_floats(const std::string& path) {
  const auto bytes = read_text(path);
  EXPECT_TRUE(bytes.ok()) << path;
  if (!bytes.ok()) return {};
  std::vector<float> values(bytes->size() / sizeof(float));
  std::memcpy(values.data(), bytes->data(), values.size() * sizeof(float));
  return values;
}

bool has_quantizer(DType dtype) {
  const auto summary = read_text(kData + "summary.json");
  EXPECT_TRUE(summary.ok());
  return summary.ok() &&
         summary->substr(0, summary->find(']')).find('"' + std::string(name(dtype)) + '"') != std::string::npos;
}

std::size_t bytes_of(DType dtype, std::size_t elements) {
  return static_cast<std::size_t>(row_bytes(dtype, elements).value());
}

class CodecTest : public ::testing::TestWithParam<DType> {
 protected:
  const DType dtype_ = GetParam();
  const Codec& codec_ = codec(dtype_);
  const std::size_t block_ = static_cast<std::size_t>(info(dtype_).block_elements);
};

TEST_P(CodecTest, DecodesAsThePackage) {
  ASSERT_EQ(codec_.dtype, dtype_);
  const std::string base = kData + std::string(name(dtype_));
  const auto blocks = read_text(base + ".blocks");
  const std::vector<float> expected = read_floats(base + ".values");
  ASSERT_TRUE(blocks.ok()) << base;
  ASSERT_GE(expected.size(), 64u);
  ASSERT_EQ(blocks->size(), bytes_of(dtype_, expected.size()));
  for (std::size_t offset = 0; offset < 2; ++offset) {  // aligned, and as a mapped file may lie
    std::vector<std::byte> source(blocks->size() + offset);
    std::memcpy(source.data() + offset, blocks->data(), blocks->size());
    std::vector<float> values(expected.size(), std::nanf(""));
    codec_.decode_row(source.data() + offset, values.data(), static_cast<std::int64_t>(values.size()));
    for (std::size_t i = 0; i < values.size(); ++i) {
      ASSERT_EQ(std::bit_cast<std::uint32_t>(values[i]), std::bit_cast<std::uint32_t>(expected[i]))
          << "element " << i << ": " << values[i] << ", expected " << expected[i];
    }
  }
}

TEST_P(CodecTest, EncodesAsThePackage) {
  ASSERT_EQ(codec_.encode_row != nullptr, has_quantizer(dtype_));
  if (codec_.encode_row == nullptr) return;
  const std::vector<float> inputs = read_floats(kData + "inputs.f32");
  const auto blocks = read_text(kData + std::string(name(dtype_)) + ".blocks");
  ASSERT_TRUE(blocks.ok());
  const std::size_t size = bytes_of(dtype_, inputs.size()), block_bytes = bytes_of(dtype_, block_);
  ASSERT_GE(blocks->size(), size);
  std::vector<std::byte> encoded(size + 1);
  codec_.encode_row(inputs.data(), encoded.data() + 1, static_cast<std::int64_t>(inputs.size()));
  for (std::size_t i = 0; i < size; ++i) {
    ASSERT_EQ(std::to_integer<int>(encoded[i + 1]), static_cast<unsigned char>((*blocks)[i]))
        << "block " << i / block_bytes << ", byte " << i % block_bytes;
  }
}

// Whatever a file holds decodes, and into its own place only. The sanitizers' builds make this sharp.
TEST_P(CodecTest, DecodesEveryPattern) {
  constexpr float kGuard = 12345.0f;
  const std::size_t block_bytes = bytes_of(dtype_, block_);
  std::vector<std::byte> block(block_bytes);
  std::vector<float> values(block_ + 1, kGuard);
  const auto decode = [&] { codec_.decode_row(block.data(), values.data(), static_cast<std::int64_t>(block_)); };
  for (int byte = 0; byte < 256; ++byte) {  // scales of 0x7c7c, 0x7fff, 0xffff are NaN, too
    std::fill(block.begin(), block.end(), static_cast<std::byte>(byte));
    decode();
  }
  std::mt19937 random(7);
  for (int round = 0; round < 2000; ++round) {
    for (std::byte& byte : block) byte = static_cast<std::byte>(random());
    decode();
  }
  EXPECT_EQ(values.back(), kGuard);
}

TEST_P(CodecTest, EncodesWhatIsNotFinite) {
  if (codec_.encode_row == nullptr) return;
  const float infinity = std::numeric_limits<float>::infinity();
  const float largest = std::numeric_limits<float>::max(), tiny = std::numeric_limits<float>::denorm_min();
  std::vector<std::byte> block(bytes_of(dtype_, block_));
  for (const float strange : {std::nanf(""), infinity, -infinity, largest, -largest, tiny, -tiny, 1e-38f}) {
    for (const float rest : {0.0f, 1.0f, strange, -strange}) {
      std::vector<float> values(block_, rest), decoded(block_);
      values[block_ / 2] = strange;
      codec_.encode_row(values.data(), block.data(), static_cast<std::int64_t>(block_));
      codec_.decode_row(block.data(), decoded.data(), static_cast<std::int64_t>(block_));
      if (!(std::fabs(strange) <= 1e-38f && std::fabs(rest) <= 1e-38f)) continue;
      for (const float value : decoded) EXPECT_LE(std::fabs(value), 1e-37f);  // scales underflow, and to nothing large
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllTypes, CodecTest, ::testing::ValuesIn(all_types()),
                         [](const auto& test) { return std::string(name(test.param)); });

// A scale that is NaN or infinite says so in the values.
TEST(CodecScaleTest, PropagatesWhatIsNotFinite) {
  std::byte block[18] = {};
  std::fill(block + 2, block + 18, std::byte{0xff});
  float values[32];
  const std::uint16_t infinity = 0x7c00, nan = 0x7e00;
  std::memcpy(block, &infinity, 2);
  codec(DType::kQ4_0).decode_row(block, values, 32);
  for (const float value : values) EXPECT_EQ(value, std::numeric_limits<float>::infinity());
  std::memcpy(block, &nan, 2);
  codec(DType::kQ4_0).decode_row(block, values, 32);
  for (const float value : values) EXPECT_TRUE(std::isnan(value));
}

}  // namespace
}  // namespace galago::quant
