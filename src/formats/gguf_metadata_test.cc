#include "formats/gguf_metadata.h"

#include <gmock/gmock.h>

#include <limits>

#include "formats/gguf.h"
#include "formats/gguf_writer.h"
#include "formats/testing/byte_builder.h"

namespace galago::formats {
namespace {

using ::testing::ElementsAre;

class GgufMetadataTest : public ::testing::Test {
 protected:
  GgufMetadataTest() {
    writer_.set("u8", std::uint8_t{200});
    writer_.set("i8", std::int8_t{-100});
    writer_.set("u16", std::uint16_t{60000});
    writer_.set("i16", std::int16_t{-30000});
    writer_.set("u32", std::uint32_t{4000000000});
    writer_.set("i32", std::int32_t{-2000000000});
    writer_.set("f32", 1.5f);
    writer_.set("true", true);
    writer_.set("false", false);
    writer_.set("text", "h\xc3\xa9");
    writer_.set("u64", std::uint64_t{UINT64_MAX});
    writer_.set("i64", std::int64_t{INT64_MIN});
    writer_.set("f64", 0.1);
    writer_.set_array<float>("floats", std::vector<float>{1, -2.5f});
    writer_.set_array<std::int32_t>("ints", std::vector<std::int32_t>{1, -2, 3});
    writer_.set_array<std::uint32_t>("none", {});
    const std::vector<std::string_view> words = {"", "a", "bc"};
    writer_.set_strings("words", words);
    bytes_ = writer_.to_bytes().value();
    metadata_ = parse_gguf(bytes_, "x.gguf").value().metadata;
  }
  GgufWriter writer_;
  std::vector<std::byte> bytes_;
  GgufMetadata metadata_;
};

TEST_F(GgufMetadataTest, ReadsEveryScalarType) {
  EXPECT_EQ(*metadata_.get_u64("u8"), 200u);
  EXPECT_EQ(*metadata_.get_i64("i8"), -100);
  EXPECT_EQ(*metadata_.get_u64("u16"), 60000u);
  EXPECT_EQ(*metadata_.get_i64("i16"), -30000);
  EXPECT_EQ(*metadata_.get_u64("u32"), 4000000000u);
  EXPECT_EQ(*metadata_.get_i64("i32"), -2000000000);
  EXPECT_EQ(*metadata_.get_f64("f32"), 1.5);
  EXPECT_TRUE(*metadata_.get_bool("true"));
  EXPECT_FALSE(*metadata_.get_bool("false"));
  EXPECT_EQ(*metadata_.get_string("text"), "h\xc3\xa9");
  EXPECT_EQ(*metadata_.get_u64("u64"), UINT64_MAX);
  EXPECT_EQ(*metadata_.get_i64("i64"), INT64_MIN);
  EXPECT_EQ(*metadata_.get_f64("f64"), 0.1);
  EXPECT_EQ(metadata_.entries().size(), 17u);
  EXPECT_EQ(metadata_.entries()[0].key, "u8");
}

TEST_F(GgufMetadataTest, ReadsArraysInPlace) {
  EXPECT_THAT(*metadata_.get_strings("words"), ElementsAre("", "a", "bc"));
  EXPECT_THAT(metadata_.get_numbers("floats")->to_f32(), ElementsAre(1.0f, -2.5f));
  EXPECT_THAT(metadata_.get_numbers("ints")->to_i64(), ElementsAre(1, -2, 3));
  EXPECT_THAT(metadata_.get_numbers("u16")->to_i64(), ElementsAre(60000));
  EXPECT_TRUE(metadata_.get_numbers("none")->empty());
  EXPECT_TRUE(metadata_.get_strings("none")->empty()) << "an empty array may have any element type";
  const std::string_view word = metadata_.get_strings("words")->back();
  EXPECT_GE(static_cast<const void*>(word.data()), static_cast<const void*>(bytes_.data()));
  EXPECT_LT(static_cast<const void*>(word.data()), static_cast<const void*>(bytes_.data() + bytes_.size()));
}

TEST_F(GgufMetadataTest, NamesTheKeyOfAWrongType) {
  EXPECT_EQ(metadata_.get_u64("text").error().message,
            "x.gguf: metadata key \"text\" is string where an integer is expected");
  EXPECT_EQ(metadata_.get_string("floats").error().message,
            "x.gguf: metadata key \"floats\" is array of 2 f32 where a string is expected");
  EXPECT_EQ(metadata_.get_strings("ints").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(metadata_.get_numbers("words").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(metadata_.get_f64("true").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(metadata_.get_u64("f32").error().code, ErrorCode::kCorrupt);
  EXPECT_EQ(metadata_.get_bool("u8").error().code, ErrorCode::kCorrupt);
}

TEST_F(GgufMetadataTest, RefusesNumbersThatDoNotFit) {
  EXPECT_EQ(metadata_.get_u64("i8").error().code, ErrorCode::kOutOfRange);
  EXPECT_EQ(metadata_.get_i64("u64").error().code, ErrorCode::kOutOfRange);
}

TEST_F(GgufMetadataTest, TellsMissingFromWrong) {
  EXPECT_EQ(metadata_.get_u64("absent").error().code, ErrorCode::kNotFound);
  EXPECT_EQ(*metadata_.get_u64("absent", 7), 7u);
  EXPECT_EQ(*metadata_.get_string("absent", "x"), "x");
  EXPECT_TRUE(*metadata_.get_bool("absent", true));
  EXPECT_FALSE(metadata_.get_u64("text", 7).ok()) << "a fallback is for missing keys, not for wrong ones";
}

TEST(GgufNumbersTest, NoBitPatternIsUndefined) {
  ByteBuilder bytes;
  bytes.f32(std::numeric_limits<float>::quiet_NaN()).f32(1e30f).f32(-1e30f).f32(-2.9f);
  EXPECT_THAT(GgufNumbers(GgufType::kF32, bytes.bytes()).to_i64(), ElementsAre(0, INT64_MAX, INT64_MIN, -2));
}

TEST(GgufValueTest, NestedArraysUnfoldLevelByLevel) {
  ByteBuilder file;  // [["a"], [[1, 2], []]], as far as types can say it
  file.gguf_header(0, 1).gguf_key("k", 9).u32(9).u64(2);
  file.u32(8).u64(1).string("a").u32(9).u64(2).u32(4).u64(2).u32(1).u32(2).u32(4).u64(0);
  const GgufFile parsed = parse_gguf(file.bytes(), "x.gguf").value();
  const std::vector<GgufValue> outer = parsed.metadata.find("k")->elements();
  ASSERT_EQ(outer.size(), 2u);
  EXPECT_EQ(outer[0].elements().at(0).as_string(), "a");
  const std::vector<GgufValue> inner = outer[1].elements();
  ASSERT_EQ(inner.size(), 2u);
  EXPECT_THAT(GgufNumbers(inner[0].element_type, inner[0].bytes).to_i64(), ElementsAre(1, 2));
  EXPECT_EQ(inner[1].count, 0u);

  GgufWriter writer;
  writer.copy("k", *parsed.metadata.find("k"));
  const auto again = writer.to_bytes().value();
  const GgufFile copied = parse_gguf(again, "y.gguf").value();
  EXPECT_EQ(copied.metadata.find("k")->elements()[0].elements().at(0).as_string(), "a");
}

}  // namespace
}  // namespace galago::formats
