#include "formats/pack_index.h"

#include <gtest/gtest.h>

#include <cstring>

#include "base/hash.h"
#include "formats/pack_writer.h"
#include "formats/testing/byte_builder.h"

namespace galago::formats {
namespace {

PackIndex small_index() {
  PackIndex index{.identity = 7, .isa = "avx2", .source = "/models/m.gguf"};
  index.tensors.push_back({.name = "a", .dtype = DType::kQ4_0, .rows = 16, .cols = 32, .layout = 5, .bytes = 288});
  index.tensors.push_back({.name = "b", .dtype = DType::kF32, .rows = 3, .cols = 2, .order = 9, .bytes = 128});
  return index;
}

std::vector<std::byte> file_of(PackIndex index) {
  EXPECT_TRUE(index.lay_out().ok());
  std::vector<std::byte> file = index.encode();
  file.resize(index.total_bytes);
  return file;
}

// Puts `value` at `offset` and makes the hash right again, so that only the check behind it is left.
template <class T>
std::vector<std::byte> forged(std::vector<std::byte> file, std::size_t offset, T value) {
  std::uint64_t index_bytes = 0;
  std::memcpy(file.data() + offset, &value, sizeof(value));
  std::memcpy(&index_bytes, file.data() + 16, sizeof(index_bytes));
  if (index_bytes < 40 || index_bytes > file.size()) return file;
  const std::uint64_t hash = hash_bytes(Bytes(file).subspan(40, index_bytes - 40), hash_bytes(Bytes(file).first(32)));
  std::memcpy(file.data() + 32, &hash, sizeof(hash));
  return file;
}

std::string problem_of(const std::vector<std::byte>& file) {
  const auto index = parse_pack_index(file, "m.pack");
  return index.ok() ? "none" : index.error().message;
}

TEST(PackIndex, ReadsWhatItWrites) {
  const std::vector<std::byte> file = file_of(small_index());
  const PackIndex index = parse_pack_index(file, "m.pack").value();
  EXPECT_EQ(index.identity, 7u);
  EXPECT_EQ(index.isa, "avx2");
  EXPECT_EQ(index.source, "/models/m.gguf");
  ASSERT_EQ(index.tensors.size(), 2u);
  EXPECT_EQ(index.tensors[0].name, "a");
  EXPECT_EQ(index.tensors[0].dtype, DType::kQ4_0);
  EXPECT_EQ(index.tensors[0].layout, 5u);
  EXPECT_EQ(index.tensors[0].bytes, 288u);
  EXPECT_EQ(index.tensors[1].rows, 3);
  EXPECT_EQ(index.tensors[1].cols, 2);
  EXPECT_EQ(index.tensors[1].order, 9u);
  for (const PackedTensor& tensor : index.tensors) EXPECT_EQ(tensor.offset % kPackAlignment, 0u);
  EXPECT_EQ(packed_bytes(index.tensors[1], file).size(), 128u);
}

TEST(PackIndex, SeesEveryCutAndEveryChangedByteOfTheIndex) {
  const std::vector<std::byte> file = file_of(small_index());
  const std::uint64_t index_bytes = parse_pack_index(file, "m.pack").value().index_bytes;
  for (std::size_t size = 0; size < file.size(); ++size) {
    EXPECT_FALSE(parse_pack_index(Bytes(file).first(size), "m.pack").ok()) << size;
  }
  for (std::size_t i = 0; i < index_bytes; ++i) {
    std::vector<std::byte> changed = file;
    changed[i] ^= std::byte{0x10};
    EXPECT_FALSE(parse_pack_index(changed, "m.pack").ok()) << i;
  }
}

// With a right hash: each number that leads outside, and sizes that are none.
TEST(PackIndex, RefusesForgedNumbers) {
  const std::vector<std::byte> file = file_of(small_index());
  ASSERT_EQ(problem_of(file), "none");
  EXPECT_NE(problem_of(forged(file, 8, std::uint32_t{99})).find("format 99"), std::string::npos);
  EXPECT_NE(problem_of(forged(file, 12, std::uint32_t{1000})).find("names 1000 tensors"), std::string::npos);
  EXPECT_NE(problem_of(forged(file, 12, std::uint32_t{3})), "none");
  for (const std::size_t size_field : {std::size_t{16}, std::size_t{24}}) {
    for (const std::uint64_t size : {std::uint64_t{0}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
      EXPECT_NE(problem_of(forged(file, size_field, size)), "none") << size_field << " " << size;
    }
  }
  // The first tensor: behind identity, two texts and its name.
  const std::size_t at = 40 + 8 + 4 + 4 + 4 + 14 + 4 + 1;
  EXPECT_NE(problem_of(forged(file, at, std::int32_t{-1})).find("type -1"), std::string::npos);
  EXPECT_NE(problem_of(forged(file, at, std::int32_t{9999})).find("type 9999"), std::string::npos);
  for (const std::int64_t size : {std::int64_t{-1}, std::int64_t{0}, std::int64_t{1} << 62}) {
    EXPECT_NE(problem_of(forged(file, at + 4, size)).find("bytes"), std::string::npos) << size;   // rows
    EXPECT_NE(problem_of(forged(file, at + 12, size)).find("bytes"), std::string::npos) << size;  // columns
  }
  const std::size_t offset_at = at + 4 + 8 + 8 + 8 + 8, bytes_at = offset_at + 8;
  for (const std::uint64_t offset :
       {std::uint64_t{0}, std::uint64_t{257}, std::uint64_t{1} << 40, ~std::uint64_t{63}}) {
    EXPECT_NE(problem_of(forged(file, offset_at, offset)).find("puts \"a\""), std::string::npos) << offset;
  }
  for (const std::uint64_t bytes : {std::uint64_t{0}, std::uint64_t{1} << 40, ~std::uint64_t{0}}) {
    EXPECT_NE(problem_of(forged(file, bytes_at, bytes)), "none") << bytes;
  }
}

TEST(PackWriter, WritesSlicesAndHashes) {
  const TemporaryFolder folder("pack_writer");
  const std::filesystem::path path = folder.path() / "m.pack";
  auto writer = PackWriter::create(path, small_index()).value();
  const std::vector<std::byte> ones(144, std::byte{1});
  ASSERT_TRUE(writer.write(0, 144, ones).ok());
  ASSERT_TRUE(writer.write(0, 0, ones).ok());
  EXPECT_FALSE(writer.write(0, 145, ones).ok()) << "outside of the tensor";
  EXPECT_FALSE(std::filesystem::exists(path)) << "not before it is complete";
  const auto finished = writer.finish(2).value();
  const auto file = Mapping::open(path).value();
  const PackIndex index = parse_pack_index(file->bytes(), "m.pack").value();
  EXPECT_EQ(index.tensors[0].hash, hash_bytes(std::vector<std::byte>(288, std::byte{1})));
  EXPECT_EQ(hash_tensors(index, file->bytes(), 1), hash_tensors(finished.index, finished.file->bytes(), 2));
  EXPECT_EQ(index.tensors[1].hash, hash_tensors(index, file->bytes(), 1)[1]);
}

TEST(PackWriter, LeavesNothingBehindUnlessFinished) {
  const TemporaryFolder folder("pack_writer");
  {
    auto writer = PackWriter::create(folder.path() / "m.pack", small_index()).value();
  }
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

TEST(PackWriter, SaysWhenTheDiskCannotTakeIt) {
  const TemporaryFolder folder("pack_writer");
  PackIndex index = small_index();
  index.tensors[0].bytes = std::uint64_t{1} << 60;
  const auto writer = PackWriter::create(folder.path() / "m.pack", index);
  ASSERT_FALSE(writer.ok());
  EXPECT_NE(writer.error().message.find("reserve"), std::string::npos) << writer.error().message;
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
}

}  // namespace
}  // namespace galago::formats
