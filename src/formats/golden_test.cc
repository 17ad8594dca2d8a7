// Files written and described by the reference Python packages (tests/goldens/formats), read here.
#include <gmock/gmock.h>

#include <bit>
#include <cmath>
#include <cstdlib>
#include <cstring>

#include "base/file.h"
#include "base/json.h"
#include "formats/checkpoint.h"

namespace galago::formats {
namespace {

const std::filesystem::path kData = GALAGO_SOURCE_DIR "/tests/data/formats";
const std::filesystem::path kShared = GALAGO_SOURCE_DIR "/../shared";

// CRC-32 as zlib computes it, which Python has too.
class Crc32 {
 public:
  void add(Bytes bytes) {
    for (const std::byte byte : bytes) {
      state_ ^= std::to_integer<std::uint32_t>(byte);
      for (int bit = 0; bit < 8; ++bit) state_ = (state_ >> 1) ^ ((state_ & 1) != 0 ? 0xedb88320u : 0u);
    }
  }
  void add(std::string_view text) { add(std::as_bytes(std::span(text.data(), text.size()))); }
  std::uint32_t value() const { return ~state_; }

 private:
  std::uint32_t state_ = ~0u;
};

template <class T>
T load(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof(T));
  return value;
}

double half_to_double(std::uint16_t bits) {
  const int exponent = (bits >> 10) & 31;
  const double fraction = (bits & 1023) / 1024.0;
  const double magnitude =
      exponent == 0 ? std::ldexp(fraction, -14) : std::ldexp(1 + fraction, exponent - 15);  // the goldens hold no inf
  return (bits & 0x8000) != 0 ? -magnitude : magnitude;
}

double element(const StoredTensor& tensor, std::size_t index) {
  const std::byte* at = tensor.data.data() + index * static_cast<std::size_t>(info(tensor.dtype).block_bytes);
  switch (tensor.dtype) {
    case DType::kF32: return load<float>(at);
    case DType::kF64: return load<double>(at);
    case DType::kF16: return half_to_double(load<std::uint16_t>(at));
    case DType::kBF16: return std::bit_cast<float>(static_cast<std::uint32_t>(load<std::uint16_t>(at)) << 16);
    case DType::kI8: return load<std::int8_t>(at);
    case DType::kI16: return load<std::int16_t>(at);
    case DType::kI32: return load<std::int32_t>(at);
    case DType::kI64: return static_cast<double>(load<std::int64_t>(at));
    default: return load<std::uint8_t>(at);
  }
}

void expect_tensor(const Checkpoint& checkpoint, const Json& expected) {
  const std::string name = get_string(expected, "name", "", "expected").value();
  SCOPED_TRACE(name);
  const StoredTensor* tensor = checkpoint.find(name);
  ASSERT_NE(tensor, nullptr);
  EXPECT_EQ(galago::name(tensor->dtype), get_string(expected, "dtype", "", "expected").value());
  EXPECT_EQ(tensor->shape, find(expected, "shape")->get<std::vector<std::int64_t>>());
  Crc32 crc;
  crc.add(tensor->data);
  EXPECT_EQ(crc.value(), get_int(expected, "crc32", -1, "expected").value());
  EXPECT_EQ(tensor->data.size(), static_cast<std::uint64_t>(get_int(expected, "bytes", -1, "expected").value()));
  const auto first = find(expected, "first")->get<std::vector<double>>();
  for (std::size_t i = 0; i < first.size(); ++i) EXPECT_EQ(element(*tensor, i), first[i]);
  EXPECT_NE(tensor->file, nullptr);
}

std::uint32_t checksum(const GgufMetadata& metadata, std::string_view key) {
  Crc32 crc;
  const GgufValue& value = *metadata.find(key);
  if (value.element_type == GgufType::kString) {
    const auto strings = value.type == GgufType::kArray ? metadata.get_strings(key).value()
                                                        : std::vector{metadata.get_string(key).value()};
    for (const std::string_view text : strings) {
      crc.add(text);
      crc.add(std::string_view("\0", 1));
    }
    return crc.value();
  }
  const GgufNumbers numbers = metadata.get_numbers(key).value();
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const double number = numbers.f64(i);
    crc.add(std::as_bytes(std::span(&number, 1)));
  }
  return crc.value();
}

void expect_key(const GgufMetadata& metadata, const std::string& key, const Json& expected) {
  SCOPED_TRACE(key);
  const GgufValue* value = metadata.find(key);
  ASSERT_NE(value, nullptr);
  const auto spelled = [](GgufType type) {  // u8 -> uint8
    const std::string text(to_string(type));
    const std::size_t digit = text.find_first_of("0123456789");
    if (digit == std::string::npos) return text;
    return std::string(text[0] == 'u' ? "uint" : text[0] == 'i' ? "int" : "float").append(text.substr(digit));
  };
  EXPECT_EQ(spelled(value->type), get_string(expected, "type", "", "expected").value());
  if (value->type == GgufType::kArray) {
    EXPECT_EQ(spelled(value->element_type), get_string(expected, "element", "", "expected").value());
    EXPECT_EQ(value->count, static_cast<std::uint64_t>(get_int(expected, "count", -1, "expected").value()));
  }
  EXPECT_EQ(checksum(metadata, key), get_int(expected, "crc32", -1, "expected").value());
}

void expect_all(const std::filesystem::path& root, std::string_view expected_file) {
  const std::string text = read_text(kData / expected_file).value();
  const Json expected = parse_json(text, expected_file).value();
  ASSERT_FALSE(expected.empty());
  for (const auto& [path, description] : expected.items()) {
    SCOPED_TRACE(path);
    const auto opened = Checkpoint::open(root / path);
    ASSERT_TRUE(opened.ok()) << opened.error().message;
    const Json& tensors = *find(description, "tensors");
    EXPECT_EQ((*opened)->tensors().size(), tensors.size());
    for (const Json& tensor : tensors) expect_tensor(**opened, tensor);
    const Json* keys = find(description, "keys");
    if (keys == nullptr) continue;
    EXPECT_EQ((*opened)->metadata().entries().size(), keys->size());
    for (const auto& [key, value] : keys->items()) expect_key((*opened)->metadata(), key, value);
  }
}

TEST(FormatsGolden, CommittedFilesReadAsTheReferencePackagesReadThem) { expect_all(kData, "expected.json"); }

TEST(FormatsGolden, SharedFilesReadAsTheReferencePackagesReadThem) {
  if (!std::filesystem::exists(kShared / "tokenizers")) {
    const char* ci = std::getenv("CI");
    ASSERT_FALSE(ci != nullptr && std::string_view(ci) == "true") << "../shared is missing";
    GTEST_SKIP() << "../shared, which holds larger checkpoints, is not beside this checkout";
  }
  expect_all(kShared, "expected_shared.json");
}

TEST(FormatsGolden, CommittedGgufHasBothChatTemplates) {
  const auto checkpoint = Checkpoint::open(kData / "small.gguf").value();
  EXPECT_EQ(*checkpoint->chat_template(), "d");
  EXPECT_EQ(*checkpoint->chat_template("tool_use"), "t");
  EXPECT_EQ(*checkpoint->metadata().get_u64("test.u64"), (std::uint64_t{1} << 63) + 5);
}

}  // namespace
}  // namespace galago::formats
