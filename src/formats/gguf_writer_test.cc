#include "formats/gguf_writer.h"

#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "formats/gguf.h"
#include "formats/testing/byte_builder.h"

namespace galago::formats {
namespace {

using ::testing::HasSubstr;

const std::vector<float> kNumbers = {1, 2, 3, 4, 5, 6};
const StoredTensor kTensor{"w", DType::kF32, {2, 3}, std::as_bytes(std::span(kNumbers)), nullptr};

TEST(GgufWriter, WritesWhatIsReadBack) {
  const std::vector<std::byte> blocks(36, std::byte{7});
  GgufWriter writer;
  writer.set("general.alignment", std::uint32_t{64});
  writer.add(kTensor);
  writer.add({"q", DType::kQ4_0, {2, 32}, blocks, nullptr});
  const auto bytes = writer.to_bytes().value();
  EXPECT_EQ(bytes.size() % 64, 0u);
  const GgufFile file = parse_gguf(bytes, "x").value();
  EXPECT_EQ(file.tensors[0].shape, kTensor.shape);
  EXPECT_TRUE(std::ranges::equal(file.tensors[0].data, kTensor.data));
  EXPECT_TRUE(std::ranges::equal(file.tensors[1].data, blocks));
  EXPECT_EQ(file.alignment, 64u);

  const TemporaryFolder folder("writer");
  ASSERT_TRUE(writer.write(folder.path() / "x.gguf").ok());
  const auto mapping = Mapping::open(folder.path() / "x.gguf").value();
  EXPECT_TRUE(std::ranges::equal(mapping->bytes(), bytes));
  EXPECT_EQ(folder.entries(), 1u);
}

TEST(GgufWriter, RefusesWhatNoReaderTakes) {
  const auto error_of = [](auto fill) {
    GgufWriter writer;
    fill(writer);
    const auto bytes = writer.to_bytes();
    return bytes.ok() ? std::string("written") : bytes.error().message;
  };
  EXPECT_THAT(error_of([](GgufWriter& w) { w.add(kTensor), w.add(kTensor); }), HasSubstr("occurs twice"));
  EXPECT_THAT(error_of([](GgufWriter& w) { w.set("k", 1.0), w.set("k", 2.0); }), HasSubstr("written twice"));
  EXPECT_THAT(error_of([](GgufWriter& w) { w.set("general.alignment", std::uint32_t{3}); }), HasSubstr("power of two"));
  EXPECT_THAT(error_of([](GgufWriter& w) {
                StoredTensor wrong = kTensor;
                wrong.shape = {2, 2};
                w.add(wrong);
              }),
              HasSubstr("shape (2, 2) is written with 24 bytes"));
  EXPECT_THAT(error_of([](GgufWriter& w) { w.add({"b", DType::kU8, {24}, kTensor.data, nullptr}); }),
              HasSubstr("type u8, which GGUF cannot hold"));
}

TEST(GgufWriter, AFullDiskLeavesNothing) {
  const TemporaryFolder folder("full");
  const std::filesystem::path path = folder.path() / "x.gguf";
  GgufWriter writer;
  writer.add(kTensor);
  ASSERT_TRUE(writer.write(path).ok());

  // A limit on file sizes stands in for the full disk: writes stop in the middle with an error.
  const auto old_handler = std::signal(SIGXFSZ, SIG_IGN);
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit tight = before;
  tight.rlim_cur = 100000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &tight), 0);
  const std::vector<std::byte> large(1 << 20);
  writer.add({"large", DType::kI8, {1 << 20}, large, nullptr});
  const Status written = writer.write(path);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  std::signal(SIGXFSZ, old_handler);

  ASSERT_FALSE(written.ok());
  EXPECT_EQ(written.error().code, ErrorCode::kIo);
  EXPECT_THAT(written.error().message, HasSubstr("x.gguf: cannot write it"));
  EXPECT_EQ(folder.entries(), 1u) << "a temporary was left behind";
  EXPECT_EQ(parse_gguf(Mapping::open(path).value()->bytes(), "x").value().tensors.size(), 1u)
      << "the old file is whole";
}

TEST(GgufWriter, SaysWhereItCannotWrite) {
  EXPECT_THAT(GgufWriter().write("/proc/none/x.gguf").error().message, HasSubstr("/proc/none/x.gguf: cannot create"));
}

}  // namespace
}  // namespace galago::formats
