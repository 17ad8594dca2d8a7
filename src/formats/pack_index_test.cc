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
  index.tensors.push_back(
      {.name = "b", .dtype = DType::kF32, .rows = 3, .cols = 2, .order = 9, .group = 1, .bytes = 128});
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
  EXPECT_EQ(packed_bytes(index.tensors[1], 0, file).size(), 128u);
}

// Groups begin at 64 KiB; the matrices of an expert lie side by side where all tensors of a group have as many.
TEST(PackIndex, LaysExpertsOutSideBySide) {
  PackIndex index;
  const auto add = [&index](std::uint32_t group, std::int64_t matrices, std::uint64_t matrix_bytes) {
    index.tensors.push_back({.name = "t",
                             .matrices = matrices,
                             .rows = 1,
                             .cols = 1,
                             .group = group,
                             .bytes = matrix_bytes * static_cast<std::uint64_t>(matrices)});
  };
  add(0, 1, 100);
  add(0, 1, 64);
  add(1, 3, 100);
  add(1, 3, 200);
  add(1, 3, 64);
  add(2, 2, 100);
  add(2, 4, 64);
  ASSERT_TRUE(index.lay_out().ok());
  const auto& t = index.tensors;
  const std::uint64_t k64 = kPackGroupAlignment;
  EXPECT_EQ(t[0].offset, k64);
  EXPECT_EQ(t[1].offset, k64 + 128);
  const std::uint64_t expert = 128 + 256 + 64;
  for (const std::int64_t e : {0, 1, 2}) {
    const std::uint64_t begin = 2 * k64 + static_cast<std::uint64_t>(e) * expert;
    EXPECT_EQ(t[2].place(e), begin);
    EXPECT_EQ(t[3].place(e), begin + 128);
    EXPECT_EQ(t[4].place(e), begin + 128 + 256);
  }
  EXPECT_EQ(t[5].place(1), 3 * k64 + 128);
  EXPECT_EQ(t[6].place(0), 3 * k64 + 256) << "as many are not there";
  EXPECT_EQ(t[6].place(3), 3 * k64 + 256 + 3 * 64);
  EXPECT_EQ(index.total_bytes, 3 * k64 + 256 + 4 * 64);
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
    EXPECT_NE(problem_of(forged(file, at + 4, size)).find("bytes"), std::string::npos) << size;   // matrices
    EXPECT_NE(problem_of(forged(file, at + 12, size)).find("bytes"), std::string::npos) << size;  // rows
    EXPECT_NE(problem_of(forged(file, at + 20, size)).find("bytes"), std::string::npos) << size;  // columns
  }
  const std::size_t offset_at = at + 4 + 5 * 8 + 4, stride_at = offset_at + 8, bytes_at = stride_at + 8;
  const std::vector<std::byte> two = forged(file, at + 4, std::int64_t{2});
  ASSERT_EQ(problem_of(two), "none");
  for (const std::uint64_t stride :
       {std::uint64_t{0}, std::uint64_t{64}, std::uint64_t{145}, std::uint64_t{1} << 40, ~std::uint64_t{63}}) {
    EXPECT_NE(problem_of(forged(two, stride_at, stride)).find("puts \"a\""), std::string::npos) << stride;
  }
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

// A slice that reaches over the end of a matrix goes to where the next one is.
TEST(PackWriter, WritesStacksMatrixByMatrix) {
  const TemporaryFolder folder("pack_writer");
  PackIndex index;
  for (const char* name : {"gate", "up"}) {
    index.tensors.push_back({.name = name, .matrices = 2, .rows = 1, .cols = 16, .bytes = 128});
  }
  auto writer = PackWriter::create(folder.path() / "m.pack", index).value();
  std::vector<std::byte> bytes(128);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = std::byte(i);
  ASSERT_TRUE(writer.write(0, 0, Bytes(bytes).first(40)).ok());
  ASSERT_TRUE(writer.write(0, 40, Bytes(bytes).subspan(40)).ok());
  const auto finished = writer.finish(1).value();
  const PackedTensor& gate = finished.index.tensors[0];
  EXPECT_EQ(gate.stride, 128u);
  for (const std::int64_t matrix : {0, 1}) {
    const Bytes found = packed_bytes(gate, matrix, finished.file->bytes());
    EXPECT_TRUE(std::ranges::equal(found, Bytes(bytes).subspan(static_cast<std::size_t>(matrix) * 64, 64))) << matrix;
  }
  EXPECT_EQ(finished.index.tensors[1].offset, gate.offset + 64);
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
