// Stacks of experts in a file of packed weights: written, mapped again, and what lies beside what.
#include "runtime/pack_file_storage.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <deque>

#include "backends/cpu/weight_store.h"
#include "formats/gguf_writer.h"

namespace galago::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::int64_t kExperts = 3, kRows = 24, kCols = 64;

class PackFileStorageTest : public ::testing::Test {
 protected:
  PackFileStorageTest() {
    fs::create_directories(folder_);
    formats::GgufWriter writer;
    writer.set("general.architecture", "test");
    add(writer, "gate", {kExperts, kRows, kCols});
    add(writer, "up", {kExperts, kRows, kCols});
    for (std::int64_t e = 0; e < kExperts; ++e) add(writer, "down." + std::to_string(e), {kCols, kRows});
    add(writer, "qk", {2 * kRows, kCols});
    EXPECT_TRUE(writer.write(folder_ / "m.gguf").ok());
    checkpoint_ = formats::Checkpoint::open(folder_ / "m.gguf").value();
  }
  ~PackFileStorageTest() override { fs::remove_all(folder_); }

  void add(formats::GgufWriter& writer, std::string name, std::vector<std::int64_t> shape) {
    std::size_t elements = 1;
    for (const std::int64_t size : shape) elements *= static_cast<std::size_t>(size);
    auto& values = data_.emplace_back(elements);
    for (std::size_t i = 0; i < elements; ++i) values[i] = static_cast<float>(1000 * data_.size() + i);
    writer.add({.name = std::move(name), .shape = std::move(shape), .data = std::as_bytes(std::span(values))});
  }
  Tensor stored(std::string_view name) const {
    const formats::StoredTensor& found = *checkpoint_->find(name);
    return Tensor::view(found.dtype, Shape::of(found.shape), found.data, found.file).with_name(found.name);
  }
  // The node of a mixture, whose down is published expert by expert, and one of q and k, which are fused.
  std::vector<cpu::PackGroup> groups() const {
    std::vector<Tensor> down;
    for (std::int64_t e = 0; e < kExperts; ++e) down.push_back(stored("down." + std::to_string(e)));
    const Tensor qk = stored("qk");
    return {{stored("gate"), stored("up"), Tensor::stacked(down)}, {qk.slice(0, kRows), qk.slice(kRows, kRows)}};
  }
  std::shared_ptr<PackFileStorage> storage() const {
    return std::make_shared<PackFileStorage>(checkpoint_,
                                             PackFileStorage::Options{.path = folder_ / "m.pack", .isa = "any"});
  }

  fs::path folder_ = fs::path(::testing::TempDir()) / ("galago_pack_file_" + std::to_string(::getpid()));
  std::deque<std::vector<float>> data_;
  std::shared_ptr<const formats::Checkpoint> checkpoint_;
};

TEST_F(PackFileStorageTest, WritesAndMapsStacksAndPieces) {
  using Outcome = PackFileStorage::Outcome;
  cpu::WeightStore in_memory(1, {}, {}, nullptr);
  ASSERT_TRUE(in_memory.pack(groups()).ok());
  for (const Outcome outcome : {Outcome::kWritten, Outcome::kMapped}) {
    const auto kept = storage();
    cpu::WeightStore store(2, {}, {}, kept);
    ASSERT_TRUE(store.pack(groups()).ok());
    ASSERT_EQ(kept->outcome(), outcome);
    for (const cpu::PackGroup& group : groups()) {
      for (const Tensor& tensor : group) {
        for (std::int64_t e = 0; e < (tensor.shape().rank() == 3 ? kExperts : 1); ++e) {
          const cpu::WeightView found = store.view(tensor, e).value(), expected = in_memory.view(tensor, e).value();
          const auto bytes = static_cast<std::size_t>(cpu::tile_count(found.rows) * found.tile_bytes);
          EXPECT_TRUE(std::equal(found.data, found.data + bytes, expected.data)) << tensor.name() << " " << e;
          EXPECT_TRUE(found.data >= kept->file()->bytes().data()) << "in the file";
        }
      }
    }
  }
}

TEST_F(PackFileStorageTest, PutsTheMatricesOfAnExpertSideBySide) {
  const auto kept = storage();
  cpu::WeightStore store(1, {}, {}, kept);
  const auto all = groups();
  ASSERT_TRUE(store.pack(all).ok());
  const std::byte* const file = kept->file()->bytes().data();
  const auto at = [&](const Tensor& tensor, std::int64_t e) { return store.view(tensor, e).value().data - file; };
  const auto bytes = [](const Tensor& tensor) {
    return static_cast<std::ptrdiff_t>(cpu::packed_bytes(tensor.dtype(), tensor.size(-2), tensor.size(-1)));
  };
  const Tensor &gate = all[0][0], &up = all[0][1], &down = all[0][2];
  EXPECT_EQ(at(gate, 0) % static_cast<std::ptrdiff_t>(formats::kPackGroupAlignment), 0);
  EXPECT_EQ(at(all[1][0], 0) % static_cast<std::ptrdiff_t>(formats::kPackGroupAlignment), 0);
  for (std::int64_t e = 0; e < kExperts; ++e) {
    EXPECT_EQ(at(up, e), at(gate, e) + bytes(gate)) << e;
    EXPECT_EQ(at(down, e), at(up, e) + bytes(up)) << e;
    if (e == 0) continue;
    EXPECT_EQ(at(gate, e), at(down, e - 1) + bytes(down)) << e;
  }
}

// q and k are parts of one tensor, whose name both have; they are never taken for one another.
TEST_F(PackFileStorageTest, TellsPiecesOfOneTensorApart) {
  const PackNaming naming(*checkpoint_);
  const auto all = groups();
  const auto q = naming.describe({all[1][0]}), k = naming.describe({all[1][1]}),
             whole = naming.describe({stored("qk")});
  EXPECT_EQ(q.name, "qk");
  EXPECT_EQ(k.name, "qk");
  EXPECT_NE(q.order, k.order);
  EXPECT_TRUE(q.is_part() && k.is_part());
  EXPECT_FALSE(whole.is_part());
  EXPECT_EQ(naming.describe({all[0][2]}).name, "down.0");
  EXPECT_TRUE(naming.describe({all[0][2]}).is_part());
  EXPECT_EQ(naming.describe({stored("gate")}).matrices, kExperts);
  EXPECT_EQ(naming.name_of(Tensor::stacked({stored("qk"), Tensor::zeros({2 * kRows, kCols})})), nullptr)
      << "half of it is not of the checkpoint";
}

}  // namespace
}  // namespace galago::runtime
