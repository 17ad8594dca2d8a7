#include "formats/gguf.h"

#include <gmock/gmock.h>

#include "formats/testing/byte_builder.h"

namespace galago::formats {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr std::uint32_t kF32 = 0;
constexpr std::uint32_t kQ4_0 = 2;
constexpr std::uint32_t kU32 = 4;
constexpr std::uint32_t kBool = 7;
constexpr std::uint32_t kString = 8;
constexpr std::uint32_t kArray = 9;

// One key, two tensors, 96 bytes of data.
ByteBuilder small_file(std::uint32_t version = 3) {
  ByteBuilder file;
  file.gguf_header(2, 1, version).gguf_key("general.architecture", kString).string("llama");
  file.gguf_tensor("a.weight", {2, 3}, kF32, 0).gguf_tensor("b.weight", {32, 1}, kQ4_0, 32).pad_to(32);
  for (int i = 0; i < 6; ++i) file.f32(static_cast<float>(i));
  return file.pad_to(32).zeros(18).pad_to(32);
}

void expect_refused(const ByteBuilder& file, std::string_view part, ErrorCode code = ErrorCode::kCorrupt) {
  const auto parsed = parse_gguf(file.bytes(), "x.gguf");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, code) << parsed.error().message;
  EXPECT_THAT(parsed.error().message, AllOf(HasSubstr("x.gguf: "), HasSubstr(std::string(part)), Not(HasSubstr("\n"))));
}

TEST(Gguf, ReadsTensorsInPyTorchOrderWithoutCopying) {
  for (const std::uint32_t version : {2u, 3u}) {
    const ByteBuilder file = small_file(version);
    const auto parsed = parse_gguf(file.bytes(), "x.gguf");
    ASSERT_TRUE(parsed.ok()) << parsed.error().message;
    EXPECT_EQ(parsed->version, version);
    ASSERT_EQ(parsed->tensors.size(), 2u);
    EXPECT_EQ(parsed->tensors[0].name, "a.weight");
    EXPECT_THAT(parsed->tensors[0].shape, ElementsAre(3, 2));
    EXPECT_EQ(parsed->tensors[1].dtype, DType::kQ4_0);
    EXPECT_EQ(parsed->tensors[1].data.size(), 18u);
    EXPECT_EQ(parsed->tensors[0].data.data(), file.bytes().data() + parsed->data_offset);
    EXPECT_EQ(reinterpret_cast<const float*>(parsed->tensors[0].data.data())[5], 5.0f);
    EXPECT_EQ(*parsed->metadata.get_string("general.architecture"), "llama");
  }
}

TEST(Gguf, ReadsAVocabularyWithoutTensors) {
  ByteBuilder file;
  file.gguf_header(0, 1).gguf_key("tokenizer.ggml.tokens", kArray).u32(kString).u64(2).string("<s>").string("a");
  const auto parsed = parse_gguf(file.bytes(), "x.gguf");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_TRUE(parsed->tensors.empty());
}

TEST(Gguf, ReadsScalarsAndEmptyTensors) {
  ByteBuilder file;
  file.gguf_header(2, 0).gguf_tensor("scalar", {}, kF32, 0).gguf_tensor("empty", {4, 0}, kF32, 32).pad_to(32);
  const auto parsed = parse_gguf(file.f32(1).pad_to(32).bytes(), "x.gguf");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->tensors[0].data.size(), 4u);
  EXPECT_TRUE(parsed->tensors[1].data.empty());
}

TEST(Gguf, TakesAnotherAlignment) {
  ByteBuilder file;
  file.gguf_header(2, 1).gguf_key("general.alignment", kU32).u32(8);
  file.gguf_tensor("a", {1}, kF32, 0).gguf_tensor("b", {1}, kF32, 8).pad_to(8).zeros(16);
  EXPECT_TRUE(parse_gguf(file.bytes(), "x.gguf").ok());
}

// The attacks of the security notes, one test each.

TEST(GgufAttack, ForeignFiles) {
  expect_refused(ByteBuilder().raw("PK\x03\x04").zeros(64), "is not a GGUF file");
  expect_refused(ByteBuilder(), "cut off");
  expect_refused(ByteBuilder().gguf_header(0, 0, 1), "version 1", ErrorCode::kUnsupported);
  expect_refused(ByteBuilder().gguf_header(0, 0, 4), "version 4", ErrorCode::kUnsupported);
  expect_refused(ByteBuilder().raw("GGUF").raw({"\0\0\0\3", 4}).zeros(16), "big-endian", ErrorCode::kUnsupported);
}

TEST(GgufAttack, TensorCountOverflow) {
  for (const std::uint64_t count : {std::uint64_t{10}, std::uint64_t{1} << 32, UINT64_MAX / 24 + 1, UINT64_MAX}) {
    expect_refused(ByteBuilder().gguf_header(count, 0).zeros(64), "tensors, more than");
  }
}

TEST(GgufAttack, KeyCountOverflow) {
  for (const std::uint64_t count : {std::uint64_t{10}, std::uint64_t{1} << 32, UINT64_MAX / 13 + 1, UINT64_MAX}) {
    expect_refused(ByteBuilder().gguf_header(0, count).zeros(64), "metadata keys, more than");
  }
}

TEST(GgufAttack, KeyLongerThanTheFile) {
  expect_refused(ByteBuilder().gguf_header(0, 1).u64(UINT64_MAX).zeros(32), "18446744073709551615 bytes");
  expect_refused(ByteBuilder().gguf_header(0, 1).u64(1000).zeros(32), "1000 bytes");
  expect_refused(ByteBuilder().gguf_header(0, 1).string("").u32(kU32).u32(1), "metadata key 0 has 0 bytes");
  expect_refused(ByteBuilder().gguf_header(0, 1).string(std::string(5000, 'k')).u32(kU32).u32(1), "5000 bytes");
}

TEST(GgufAttack, StringLongerThanTheFile) {
  expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("k", kString).u64(UINT64_MAX - 7).zeros(32), "\"k\"");
  ByteBuilder array;
  array.gguf_header(0, 1).gguf_key("k", kArray).u32(kString).u64(2).string("good").u64(1 << 20).zeros(8);
  expect_refused(array, "\"k\" at byte");
}

TEST(GgufAttack, ArrayLongerThanTheFile) {
  for (const std::uint64_t count : {std::uint64_t{17}, std::uint64_t{1} << 62, UINT64_MAX}) {
    expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("k", kArray).u32(kU32).u64(count).zeros(64),
                   "does not fit");
    expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("k", kArray).u32(kString).u64(count).zeros(64),
                   "does not fit");
  }
}

TEST(GgufAttack, ArraysNestedWithoutEnd) {
  ByteBuilder file;
  file.gguf_header(0, 1).gguf_key("k", kArray);
  for (int i = 0; i < 100000; ++i) file.u32(kArray).u64(1);
  expect_refused(file, "nested more than", ErrorCode::kOutOfRange);
}

TEST(GgufAttack, UnknownValueType) {
  expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("k", 13).zeros(32), "value type 13 does not exist");
  expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("k", kArray).u32(77).u64(0), "value type 77 does not exist");
}

TEST(GgufAttack, BoolThatIsNeitherTrueNorFalse) {
  expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("k", kBool).u8(2).zeros(8), "a bool of 2");
  expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("k", kArray).u32(kBool).u64(2).u8(1).u8(255), "bool of 255");
}

TEST(GgufAttack, RepeatedKey) {
  expect_refused(ByteBuilder().gguf_header(0, 2).gguf_key("k", kU32).u32(1).gguf_key("k", kU32).u32(2),
                 "metadata key \"k\" occurs twice");
}

TEST(GgufAttack, RepeatedTensor) {
  ByteBuilder file;
  file.gguf_header(2, 0).gguf_tensor("w", {1}, kF32, 0).gguf_tensor("w", {1}, kF32, 32).pad_to(32).zeros(64);
  expect_refused(file, "tensor \"w\" occurs twice");
}

TEST(GgufAttack, AlignmentThatIsNoPowerOfTwo) {
  for (const std::uint32_t alignment : {0u, 3u, 0x80000001u, UINT32_MAX}) {
    expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("general.alignment", kU32).u32(alignment), "power of two");
  }
  expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("general.alignment", kString).string("32"),
                 "where an integer is expected");
}

TEST(GgufAttack, PaddingBeyondTheFile) {
  ByteBuilder file;
  file.gguf_header(1, 1).gguf_key("general.alignment", kU32).u32(1u << 30).gguf_tensor("w", {1}, kF32, 0).zeros(64);
  expect_refused(file, "past the end");
}

TEST(GgufAttack, DimensionsProductOverflow) {
  const std::uint64_t big = std::uint64_t{1} << 32;
  for (const auto& dims : std::vector<std::vector<std::uint64_t>>{
           {big, big}, {big, big, 0}, {0, big, big}, {INT64_MAX, 2}, {std::uint64_t{1} << 62, 1, 1, 1}}) {
    expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", dims, kF32, 0).pad_to(32).zeros(64), "overflows");
  }
  // Elements times bytes wraps to a small number.
  expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", {(big << 30) + 1}, kF32, 0).pad_to(32).zeros(64),
                 "overflows");
}

TEST(GgufAttack, DimensionBeyondSigned) {
  expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", {UINT64_MAX}, kF32, 0).zeros(64), "too large");
  expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", {std::uint64_t{1} << 63, 0}, kF32, 0).zeros(64),
                 "too large");
}

TEST(GgufAttack, TooManyDimensions) {
  expect_refused(ByteBuilder().gguf_header(1, 0).string("w").u32(UINT32_MAX).zeros(64), "4294967295 dimensions");
  expect_refused(ByteBuilder().gguf_header(1, 0).string("w").u32(9).zeros(128), "9 dimensions");
}

TEST(GgufAttack, RowsThatAreNoWholeBlocks) {
  // 33 rows of 31: the product is a multiple of nothing, and 2 x 16 = 32 is one block only by accident.
  expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", {16, 2}, kQ4_0, 0).pad_to(32).zeros(64),
                 "whole blocks");
  expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", {}, kQ4_0, 0).pad_to(32).zeros(64), "whole blocks");
}

TEST(GgufAttack, OffsetOverflow) {
  for (const std::uint64_t offset : {UINT64_MAX - 31, std::uint64_t{1} << 63, std::uint64_t{96}}) {
    expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", {2}, kF32, offset).pad_to(32).zeros(64),
                   "past the end");
  }
  expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", {2}, kF32, 4).pad_to(32).zeros(64),
                 "no multiple of the alignment");
}

TEST(GgufAttack, DataPastTheEnd) {
  expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", {17}, kF32, 0).pad_to(32).zeros(64),
                 "tensor \"w\" (68 bytes at offset 0) runs past the end of the data (64 bytes)");
}

TEST(GgufAttack, OverlappingTensors) {
  ByteBuilder file;
  file.gguf_header(2, 0).gguf_tensor("a", {16}, kF32, 0).gguf_tensor("b", {2}, kF32, 32).pad_to(32).zeros(64);
  expect_refused(file, "tensors \"a\" and \"b\" overlap");
}

TEST(GgufAttack, UnknownTensorType) {
  for (const std::uint32_t type : {4u, 36u, 1000u, UINT32_MAX}) {
    expect_refused(ByteBuilder().gguf_header(1, 0).gguf_tensor("w", {32}, type, 0).pad_to(32).zeros(64),
                   "tensor \"w\" has ggml type " + std::to_string(type), ErrorCode::kUnsupported);
  }
}

TEST(GgufAttack, NamesThatBreakTheLine) {
  ByteBuilder file;
  file.gguf_header(1, 0).gguf_tensor("w\n\x1b[31m\"", {32}, 99, 0).pad_to(32).zeros(64);
  expect_refused(file, R"("w\x0a\x1b[31m\"")", ErrorCode::kUnsupported);
  expect_refused(ByteBuilder().gguf_header(1, 0).string(std::string(100000, 'x')).zeros(64), "100000 bytes");
}

TEST(GgufAttack, ScoresAndTypesShorterThanTheVocabulary) {
  const auto vocabulary = [] {
    ByteBuilder file;
    file.gguf_header(0, 2).gguf_key("tokenizer.ggml.tokens", kArray).u32(kString).u64(2).string("a").string("b");
    return file;
  };
  expect_refused(vocabulary().gguf_key("tokenizer.ggml.scores", kArray).u32(6).u64(1).f32(0),
                 "\"tokenizer.ggml.scores\" has 1 elements, but \"tokenizer.ggml.tokens\" has 2");
  expect_refused(vocabulary().gguf_key("tokenizer.ggml.token_type", kArray).u32(5).u64(3).zeros(12), "has 3 elements");
}

TEST(GgufAttack, ArrayElementTypesConfused) {
  const auto vocabulary = [] {
    ByteBuilder file;
    file.gguf_header(0, 2).gguf_key("tokenizer.ggml.tokens", kArray).u32(kString).u64(1).string("a");
    return file;
  };
  expect_refused(vocabulary().gguf_key("tokenizer.ggml.scores", kArray).u32(5).u64(1).u32(0), "not an array of floats");
  expect_refused(vocabulary().gguf_key("tokenizer.ggml.scores", 6).f32(0), "not an array of floats");
  expect_refused(vocabulary().gguf_key("tokenizer.ggml.token_type", kArray).u32(6).u64(1).f32(0),
                 "not an array of integers");
  expect_refused(vocabulary().gguf_key("tokenizer.ggml.token_type", kArray).u32(kString).u64(1).string("1"),
                 "not an array of integers");
  expect_refused(ByteBuilder().gguf_header(0, 1).gguf_key("tokenizer.ggml.tokens", kArray).u32(kU32).u64(1).u32(1),
                 "not an array of strings");
}

TEST(GgufAttack, ProjectorSizesUnchecked) {
  const auto tower = [](std::uint32_t image, std::uint32_t patch) {
    ByteBuilder file;
    file.gguf_header(0, 2).gguf_key("clip.vision.image_size", kU32).u32(image);
    return file.gguf_key("clip.vision.patch_size", kU32).u32(patch);
  };
  EXPECT_TRUE(parse_gguf(tower(336, 14).bytes(), "x.gguf").ok());
  expect_refused(tower(336, 0), "0 < patch size");
  expect_refused(tower(14, 336), "patch size <= image size");
  expect_refused(tower(UINT32_MAX, 14), "image size <= 65536");
}

TEST(Gguf, EveryTruncationIsRefused) {
  const ByteBuilder file = small_file();
  const std::size_t needed = file.text().size() - 14;  // the last tensor's padding may be missing
  for (std::size_t size = 0; size < file.text().size(); ++size) {
    // A copy of exactly this size, so that a sanitizer sees a read past it.
    const std::vector<std::byte> cut(file.bytes().begin(), file.bytes().begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_EQ(parse_gguf(cut, "x.gguf").ok(), size >= needed) << size << " bytes";
  }
}

TEST(Gguf, EveryCorruptByteIsSurvived) {
  const ByteBuilder file = small_file();
  std::size_t refused = 0;
  for (std::size_t at = 0; at < file.text().size(); ++at) {
    for (int flip = 1; flip < 256; ++flip) {
      std::vector<std::byte> bytes(file.bytes().begin(), file.bytes().end());
      bytes[at] ^= static_cast<std::byte>(flip);
      const auto parsed = parse_gguf(bytes, "x.gguf");
      if (!parsed.ok()) {
        ++refused;
        EXPECT_EQ(parsed.error().message.find('\n'), std::string::npos);
        continue;
      }
      for (const StoredTensor& tensor : parsed->tensors) {  // whatever is accepted lies inside
        if (tensor.data.empty()) continue;
        ASSERT_GE(tensor.data.data(), bytes.data());
        ASSERT_LE(tensor.data.data() + tensor.data.size(), bytes.data() + bytes.size());
      }
    }
  }
  EXPECT_GT(refused, 10000u);
}

}  // namespace
}  // namespace galago::formats
