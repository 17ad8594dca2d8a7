#include "formats/safetensors.h"

#include <gmock/gmock.h>

#include "formats/safetensors_writer.h"
#include "formats/testing/byte_builder.h"

namespace galago::formats {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

// The file with this JSON and `data_bytes` zeros after it.
std::string file_of(std::string_view json, std::size_t data_bytes) {
  return ByteBuilder().safetensors(json).zeros(data_bytes).text();
}

void expect_refused(std::string_view file, std::string_view part, ErrorCode code = ErrorCode::kCorrupt) {
  const auto parsed = parse_safetensors(as_bytes(file), "x.safetensors");
  ASSERT_FALSE(parsed.ok());
  EXPECT_EQ(parsed.error().code, code) << parsed.error().message;
  EXPECT_THAT(parsed.error().message,
              AllOf(HasSubstr("x.safetensors: "), HasSubstr(std::string(part)), Not(HasSubstr("\n"))));
}

constexpr std::string_view kTwo =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"I16","shape":[3],"data_offsets":[8,14]},)"
    R"("a":{"dtype":"F32","shape":[2,1],"data_offsets":[0,8]}}  )";

TEST(Safetensors, ReadsUnsortedHeadersWithoutCopying) {
  const std::string file = file_of(kTwo, 14);
  const auto parsed = parse_safetensors(as_bytes(file), "x");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  ASSERT_EQ(parsed->tensors.size(), 2u);
  EXPECT_EQ(parsed->tensors[0].name, "a");
  EXPECT_THAT(parsed->tensors[0].shape, ElementsAre(2, 1));
  EXPECT_EQ(parsed->tensors[1].dtype, DType::kI16);
  EXPECT_EQ(parsed->tensors[1].data.data() + 6, as_bytes(file).data() + file.size());
  EXPECT_THAT(parsed->metadata, ElementsAre(Pair("format", "pt")));
}

TEST(Safetensors, ReadsScalarsEmptyTensorsAndEmptyFiles) {
  const auto parsed = parse_safetensors(as_bytes(file_of(R"({"e":{"dtype":"F32","shape":[0,5],"data_offsets":[0,0]},)"
                                                         R"("s":{"dtype":"F64","shape":[],"data_offsets":[0,8]}})",
                                                         8)),
                                        "x");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_TRUE(parsed->tensors[0].data.empty());
  EXPECT_TRUE(parsed->tensors[1].shape.empty());
  EXPECT_TRUE(parse_safetensors(as_bytes(file_of("{}", 0)), "x").ok());
}

TEST(Safetensors, ListsTypesItCannotUse) {
  const auto parsed =
      parse_safetensors(as_bytes(file_of(R"({"f8":{"dtype":"F8_E4M3","shape":[3],"data_offsets":[0,3]},)"
                                         R"("f4":{"dtype":"F4","shape":[2],"data_offsets":[3,4]},)"
                                         R"("w":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})",
                                         5)),
                        "x");
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  EXPECT_EQ(parsed->tensors.size(), 1u);
  ASSERT_EQ(parsed->unsupported.size(), 2u);
  EXPECT_EQ(parsed->unsupported[0].type, "F8_E4M3");
  EXPECT_EQ(parsed->unsupported[1].bytes, 1u);
}

TEST(SafetensorsAttack, HeaderLengthPastTheEnd) {
  expect_refused(ByteBuilder().u64(100).raw("{}").text(), "its header claims 100 bytes, but only 2 follow");
  expect_refused(ByteBuilder().u64(UINT64_MAX).raw("{}").text(), "at most 100000000");
  expect_refused(ByteBuilder().u64(UINT64_MAX - 7).raw("{}").text(), "at most 100000000");
  expect_refused("1234567", "has 7 bytes");
}

TEST(SafetensorsAttack, HeaderOf100Megabytes) {
  expect_refused(ByteBuilder().u64(100'000'001).zeros(100'000'001).text(), "at most 100000000");
}

TEST(SafetensorsAttack, HeaderThatIsNoObject) {
  expect_refused(file_of("", 0), "does not begin with '{'");
  expect_refused(file_of("[]", 0), "does not begin with '{'");
  expect_refused(file_of("{\"a\":", 0), "JSON is not valid");
  expect_refused(file_of("{\"\xff\":{}}", 0), "JSON is not valid");
  expect_refused(file_of(R"({"a":7})", 0), "\"a\" is a number where a JSON object is expected");
  expect_refused(file_of("{\"a\":" + std::string(50000, '['), 0), "JSON is not valid");
}

TEST(SafetensorsAttack, ShapeProductOverflow) {
  for (const std::string shape : {"[4294967296,4294967296]", "[4294967296,4294967296,0]", "[9223372036854775807,2]",
                                  "[4611686018427387904]", "[4611686018427387905]"}) {
    expect_refused(file_of(R"({"w":{"dtype":"F32","shape":)" + shape + R"(,"data_offsets":[0,4]}})", 4), "overflows");
  }
}

TEST(SafetensorsAttack, ShapeOfStrangeThings) {
  for (const std::string shape : {"[-1]", "[1.5]", "[\"1\"]", "[18446744073709551615]", "[null]", "[[1]]"}) {
    expect_refused(file_of(R"({"w":{"dtype":"U8","shape":)" + shape + R"(,"data_offsets":[0,1]}})", 1), "shape holds");
  }
  expect_refused(file_of(R"({"w":{"dtype":"U8","shape":1,"data_offsets":[0,1]}})", 1), "shape is not an array");
  std::string many = "1";
  for (int i = 0; i < 100; ++i) many += ",1";
  expect_refused(file_of(R"({"w":{"dtype":"U8","shape":[)" + many + R"(],"data_offsets":[0,1]}})", 1), "dimensions");
}

TEST(SafetensorsAttack, OffsetsThatDisagreeWithShape) {
  expect_refused(file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 4),
                 "needs 8 bytes, but data_offsets gives it 4");
  expect_refused(file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":[0,12]}})", 12), "gives it 12");
  expect_refused(file_of(R"({"w":{"dtype":"F4","shape":[3],"data_offsets":[0,1]}})", 1), "whole number of bytes");
}

TEST(SafetensorsAttack, OffsetsPastTheEnd) {
  for (const std::string offsets : {"[0,8]", "[18446744073709551608,18446744073709551615]", "[8,4]"}) {
    expect_refused(file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":)" + offsets + "}}", 4), "bytes of data");
  }
  for (const std::string offsets : {"[-4,4]", "[0]", "[0,8,16]", "[0,8.0]", "8", "[0,18446744073709551616]"}) {
    expect_refused(file_of(R"({"w":{"dtype":"F32","shape":[2],"data_offsets":)" + offsets + "}}", 8), "");
  }
}

TEST(SafetensorsAttack, OverlappingTensors) {
  expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                         R"("b":{"dtype":"U8","shape":[8],"data_offsets":[4,12]}})",
                         12),
                 "overlap");
  expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[8],"data_offsets":[0,8]},)"
                         R"("b":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}})",
                         8),
                 "overlap");
}

TEST(SafetensorsAttack, GapsThatCouldHideData) {
  expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[4,5]}})", 5), "leave a gap");
  expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}})", 5), "end after 1");
  expect_refused(file_of("{}", 1), "end after 0");
}

TEST(SafetensorsAttack, RepeatedKeys) {
  constexpr std::string_view kTensor = R"("a":{"dtype":"U8","shape":[0],"data_offsets":[0,0]})";
  expect_refused(file_of("{" + std::string(kTensor) + "," + std::string(kTensor) + "}", 0), "has the key \"a\" twice");
  expect_refused(file_of(R"({"\u0061":{},"a":{}})", 0), "has the key \"a\" twice");
  expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[0],"shape":[1],"data_offsets":[0,0]}})", 0),
                 "\"a\" has the key \"shape\" twice");
  expect_refused(file_of(R"({"__metadata__":{"k":"1","k":"2"}})", 0), "has the key \"k\" twice");
}

TEST(SafetensorsAttack, FieldsOfOtherTypes) {
  expect_refused(file_of(R"({"a":{"dtype":"U8","shape":[0]}})", 0), "lacks one of");
  expect_refused(file_of(R"({"a":{"dtype":7,"shape":[0],"data_offsets":[0,0]}})", 0), "dtype is not a string");
  expect_refused(file_of(R"({"a":{"dtype":"Q9","shape":[0],"data_offsets":[0,0]}})", 0), "unknown dtype \"Q9\"",
                 ErrorCode::kUnsupported);
  expect_refused(file_of(R"({"__metadata__":{"k":1}})", 0), "only strings are allowed");
  expect_refused(file_of(R"({"__metadata__":[]})", 0), "where a JSON object is expected");
}

TEST(SafetensorsAttack, NamesThatBreakTheLine) { expect_refused(file_of(R"({"a\n\u001b":7})", 0), R"("a\x0a\x1b")"); }

TEST(Safetensors, EveryTruncationIsRefused) {
  const std::string file = file_of(kTwo, 14);
  for (std::size_t size = 0; size < file.size(); ++size) {
    const std::vector<char> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(size));
    EXPECT_FALSE(parse_safetensors(std::as_bytes(std::span(cut)), "x").ok()) << size << " bytes";
  }
}

TEST(Safetensors, EveryCorruptByteIsSurvived) {
  const std::string file = file_of(kTwo, 14);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < file.size(); ++at) {
    for (int flip = 1; flip < 256; ++flip) {
      std::string bytes = file;
      bytes[at] = static_cast<char>(bytes[at] ^ flip);
      const auto parsed = parse_safetensors(as_bytes(bytes), "x");
      if (!parsed.ok()) {
        ++refused;
        continue;
      }
      for (const StoredTensor& tensor : parsed->tensors) {
        ASSERT_GE(tensor.data.data(), as_bytes(bytes).data());
        ASSERT_LE(tensor.data.data() + tensor.data.size(), as_bytes(bytes).data() + bytes.size());
      }
    }
  }
  EXPECT_GT(refused, 10000u);
}

class SafetensorsIndexTest : public ::testing::Test {
 protected:
  std::string error_of(std::string_view index) {
    const auto opened = open_safetensors_index(folder_.write("model.safetensors.index.json", index));
    return opened.ok() ? "opened" : opened.error().message;
  }
  void write_shard(std::string_view name, const std::vector<std::string>& tensors) {
    static const std::vector<std::int32_t> kData = {1, 2};
    std::vector<StoredTensor> stored;
    for (const std::string& tensor : tensors) {
      stored.push_back({tensor, DType::kI32, {2}, std::as_bytes(std::span(kData)), nullptr});
    }
    ASSERT_TRUE(write_safetensors(folder_.path() / name, stored).ok());
  }
  TemporaryFolder folder_{"index"};
};

TEST_F(SafetensorsIndexTest, OpensAllShards) {
  write_shard("m-1.safetensors", {"a", "twice"});
  write_shard("m-2.safetensors", {"b", "twice"});
  const auto opened = open_safetensors_index(
      folder_.write("model.safetensors.index.json",
                    R"({"weight_map":{"b":"m-2.safetensors","a":"m-1.safetensors","twice":"m-2.safetensors"}})"));
  ASSERT_TRUE(opened.ok()) << opened.error().message;
  ASSERT_EQ(opened->tensors.size(), 3u);
  EXPECT_EQ(opened->tensors[0].name, "a");
  EXPECT_EQ(opened->tensors[2].name, "twice");
  EXPECT_EQ(opened->tensors[2].file, opened->files[1]) << "a doubled tensor comes from the shard that the index names";
}

TEST_F(SafetensorsIndexTest, ShardsThatLeadOutOfTheFolderAreRefused) {
  for (const std::string shard :
       {"../m.safetensors", "/etc/passwd", "a/b.safetensors", "..", "", ".", "a\\\\b", "c:m", "a\\u0000b"}) {
    EXPECT_THAT(error_of(R"({"weight_map":{"a":")" + shard + R"("}})"), HasSubstr("only names of files beside"))
        << shard;
  }
}

TEST_F(SafetensorsIndexTest, AnIndexThatContradictsItsShardsIsRefused) {
  write_shard("m-1.safetensors", {"a"});
  write_shard("m-2.safetensors", {"a", "b"});
  EXPECT_THAT(error_of(R"({"weight_map":{"x":"m-1.safetensors"}})"), HasSubstr("tensor \"x\" is not in"));
  EXPECT_THAT(error_of(R"({"weight_map":{"a":"m-3.safetensors"}})"), HasSubstr("m-3.safetensors: cannot open it"));
  EXPECT_THAT(error_of(R"({"weight_map":{"a":"m-1.safetensors","a":"m-2.safetensors"}})"),
              HasSubstr("key \"a\" twice"));
  EXPECT_THAT(error_of(R"({"weight_map":{"a":7}})"), HasSubstr("a file name is expected"));
  EXPECT_THAT(error_of(R"({"weight_map":[]})"), HasSubstr("where a JSON object is expected"));
  EXPECT_THAT(error_of(R"({"metadata":{}})"), HasSubstr("lacks \"weight_map\""));
  write_shard("m-3.safetensors", {"c", "b"});
  EXPECT_THAT(error_of(R"({"weight_map":{"a":"m-2.safetensors","c":"m-3.safetensors"}})"), HasSubstr("in two shards"));
}

TEST(SafetensorsWriter, WritesWhatIsReadBack) {
  const std::vector<double> wide = {1, 2};
  const std::vector<std::uint8_t> narrow = {1, 2, 3};
  const std::vector<StoredTensor> tensors = {
      {"narrow \"\n", DType::kU8, {3}, std::as_bytes(std::span(narrow)), nullptr},
      {"wide", DType::kF64, {2, 1}, std::as_bytes(std::span(wide)), nullptr}};
  const auto bytes = safetensors_bytes(tensors, {{"by", "a test"}}).value();
  const SafetensorsFile file = parse_safetensors(bytes, "x").value();
  EXPECT_EQ(file.tensors[0].name, "wide") << "the widest first, so that all are aligned";
  EXPECT_EQ((file.tensors[0].data.data() - bytes.data()) % 8, 0);
  EXPECT_EQ(file.tensors[1].name, "narrow \"\n");
  EXPECT_TRUE(std::ranges::equal(file.tensors[1].data, tensors[0].data));
  EXPECT_THAT(file.metadata, ElementsAre(Pair("by", "a test")));

  const std::vector<StoredTensor> repeated = {tensors[0], tensors[0]};
  EXPECT_FALSE(safetensors_bytes(repeated).ok());
  const std::vector<std::byte> block(18);
  const std::vector<StoredTensor> blocks = {{"q", DType::kQ4_0, {32}, block, nullptr}};
  EXPECT_EQ(safetensors_bytes(blocks).error().code, ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace galago::formats
