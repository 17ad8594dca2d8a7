// The pack cache and standalone files, on a tiny model that sees (a Hugging Face folder) and one that is a GGUF file.
#include "runtime/pack_cache.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/hash.h"
#include "galago/ops.h"
#include "runtime/engine.h"
#include "runtime/greedy.h"
#include "runtime/pack_verify.h"
#include "runtime/standalone_writer.h"

namespace galago::runtime {
namespace {

namespace fs = std::filesystem;

const fs::path kGguf = GALAGO_SOURCE_DIR "/tests/data/goldens/gguf/smollm2-q4_0.gguf";
const fs::path kFolder = GALAGO_SOURCE_DIR "/tests/data/goldens/multimodal/mobilevlm_v2";

GreedyRun greedy(const std::shared_ptr<const Engine>& engine) {
  auto run = run_greedily(*engine, 12);
  EXPECT_TRUE(run.ok()) << run.error().message;
  return std::move(run).value();
}

std::string content(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary | std::ios::trunc)
      .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
}

class PackCacheTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ::unsetenv("GALAGO_PACK_CACHE");
    fs::remove_all(root_);
    fs::create_directories(root_);
    fs::copy_file(kGguf, model_);
  }
  void TearDown() override { fs::remove_all(root_); }

  ModelOptions options() const {
    return {.n_threads = 2, .prefill_chunk = 32, .pack_cache = {.folder = cache_, .min_bytes = 0}};
  }
  ModelOptions uncached() const { return {.n_threads = 2, .prefill_chunk = 32, .pack_cache = {.enabled = false}}; }

  std::shared_ptr<const Engine> open() { return Engine::open(model_, options()).value(); }
  std::string report() { return open()->packing_report(); }
  std::vector<fs::path> files() const {
    std::vector<fs::path> paths;
    if (fs::exists(cache_)) {
      for (const auto& entry : fs::directory_iterator(cache_)) paths.push_back(entry.path());
    }
    return paths;
  }
  // The only file of the cache.
  fs::path file() const {
    EXPECT_EQ(files().size(), 1u);
    return files().empty() ? fs::path() : files().front();
  }

  const fs::path root_ = fs::path(::testing::TempDir()) / "galago_pack_cache";
  const fs::path cache_ = root_ / "packed", model_ = root_ / "model.gguf";
};

TEST_F(PackCacheTest, IsWrittenAtTheFirstStartAndMappedAtTheSecond) {
  const auto plain = Engine::open(model_, uncached()).value();
  EXPECT_TRUE(files().empty()) << "the cache is off";
  EXPECT_EQ(plain->packing_report(), "in memory");
  const auto first = open(), second = open();
  EXPECT_EQ(first->packing_report(), "written to " + file().string());
  EXPECT_EQ(second->packing_report(), "mapped from " + file().string());
  EXPECT_EQ(first->backends()[0]->packed_bytes(), plain->backends()[0]->packed_bytes());
  EXPECT_EQ(second->backends()[0]->packed_bytes(), plain->backends()[0]->packed_bytes());
  EXPECT_EQ(greedy(first), greedy(plain));
  EXPECT_EQ(greedy(second), greedy(plain));
}

TEST_F(PackCacheTest, KeepsFoldersAndWhatTheirVisionTowersNeed) {
  EXPECT_TRUE(Engine::open(kFolder, options()).value()->packing_report().starts_with("written to"));
  EXPECT_TRUE(Engine::open(kFolder, options()).value()->packing_report().starts_with("mapped from"));
}

// Whatever lies there is found out by its index, and made again.
TEST_F(PackCacheTest, NeverTrustsAFileThatIsNotWhatItShouldBe) {
  const GreedyRun text = greedy(open());
  const fs::path path = file();
  const std::string sound = content(path);
  std::string other_version = sound, other_key = sound, turned = sound;
  other_version[8] = 99;
  other_key[40] = static_cast<char>(other_key[40] ^ 1);
  std::reverse(turned.begin(), turned.end());
  for (const std::string& bad : {std::string(), std::string("GALAPACK"), sound.substr(0, 100),
                                 sound.substr(0, sound.size() - 1), sound + "x", other_version, other_key, turned}) {
    write(path, bad);
    const auto engine = open();
    EXPECT_EQ(engine->packing_report(), "written to " + path.string());
    EXPECT_EQ(greedy(engine), text);
    EXPECT_EQ(content(path), sound);
  }
  EXPECT_TRUE(report().starts_with("mapped from"));
}

TEST_F(PackCacheTest, NoticesThatTheSourceChanged) {
  open();
  const fs::path before = file();
  fs::last_write_time(model_, fs::file_time_type::clock::now() + std::chrono::seconds(5));
  EXPECT_EQ(list_packs(cache_).at(0).state, CachedPack::State::kStale);
  EXPECT_TRUE(report().starts_with("written to"));
  EXPECT_NE(file(), before) << "the old one is gone";
  EXPECT_EQ(list_packs(cache_).at(0).state, CachedPack::State::kFresh);
}

TEST_F(PackCacheTest, IsOfOneInstructionSet) {
  const std::string best = report();
  ::setenv("GALAGO_ISA", "scalar", 1);
  const std::string scalar = report();
  ::unsetenv("GALAGO_ISA");
  EXPECT_TRUE(scalar.starts_with("written to")) << scalar;
  EXPECT_EQ(files().size(), 2u);
  EXPECT_TRUE(report().starts_with("mapped from"));
}

TEST_F(PackCacheTest, SurvivesStartsAtTheSameTime) {
  const GreedyRun text = greedy(Engine::open(model_, uncached()).value());
  for (int round = 0; round < 3; ++round) {
    fs::remove_all(cache_);
    std::vector<GreedyRun> texts(4);
    std::vector<std::thread> threads;
    for (GreedyRun& own : texts) threads.emplace_back([&own, this] { own = greedy(open()); });
    for (std::thread& thread : threads) thread.join();
    for (const GreedyRun& own : texts) EXPECT_EQ(own, text);
    bool repacked = false;
    EXPECT_TRUE(verify_pack(list_packs(cache_).at(0), 2, repacked).ok());
    file();  // one, and no temporary
  }
}

TEST_F(PackCacheTest, PacksIntoMemoryWhereItCannotWrite) {
  write(cache_, "a file where the folder should be");
  const auto engine = open();
  EXPECT_TRUE(engine->packing_report().starts_with("in memory: ")) << engine->packing_report();
  EXPECT_EQ(greedy(engine), greedy(Engine::open(model_, uncached()).value()));
}

TEST_F(PackCacheTest, IsBounded) {
  open();
  const std::uint64_t size = fs::file_size(file());
  const fs::path first = file(), other = root_ / "other.gguf", third = root_ / "third.gguf";
  ModelOptions bounded = options();
  bounded.pack_cache.max_bytes = size - 1;
  fs::copy_file(kGguf, other);
  EXPECT_TRUE(Engine::open(other, bounded).value()->packing_report().starts_with("in memory: "));
  bounded.pack_cache.max_bytes = 2 * size + 200;  // the paths in the indexes differ in length
  EXPECT_TRUE(Engine::open(other, bounded).value()->packing_report().starts_with("written to"));
  EXPECT_EQ(files().size(), 2u);
  // The first is used, so the other one is the least recently used when there is no room for three.
  fs::last_write_time(first, fs::file_time_type::clock::now() - std::chrono::hours(2));
  for (const CachedPack& pack : list_packs(cache_)) {
    if (pack.path != first) fs::last_write_time(pack.path, fs::file_time_type::clock::now() - std::chrono::hours(1));
  }
  EXPECT_TRUE(report().starts_with("mapped from"));
  fs::copy_file(kGguf, third);
  EXPECT_TRUE(Engine::open(third, bounded).value()->packing_report().starts_with("written to"));
  EXPECT_EQ(files().size(), 2u);
  EXPECT_TRUE(fs::exists(first));
}

TEST_F(PackCacheTest, LeavesSmallModelsAlone) {
  ModelOptions small = options();
  small.pack_cache.min_bytes = std::uint64_t{1} << 40;
  EXPECT_EQ(Engine::open(model_, small).value()->packing_report(), "in memory");
  EXPECT_TRUE(files().empty());
}

TEST_F(PackCacheTest, ListsVerifiesAndFindsDamage) {
  open();
  const std::vector<CachedPack> packs = list_packs(cache_);
  ASSERT_EQ(packs.size(), 1u);
  EXPECT_EQ(packs[0].state, CachedPack::State::kFresh);
  EXPECT_EQ(packs[0].source, model_.string());
  bool repacked = false;
  EXPECT_TRUE(verify_pack(packs[0], 2, repacked).ok());
  EXPECT_TRUE(repacked);
  // One bit of the last weight: a start would not see it, verify does.
  std::string damaged = content(packs[0].path);
  damaged.back() = static_cast<char>(damaged.back() ^ 4);
  write(packs[0].path, damaged);
  EXPECT_TRUE(report().starts_with("mapped from"));
  const Status found = verify_pack(list_packs(cache_)[0], 2, repacked);
  ASSERT_FALSE(found.ok());
  EXPECT_NE(found.error().message.find("is damaged"), std::string::npos) << found.error().message;
  // With hashes that fit the damage, the source tells.
  const auto file = Mapping::open(packs[0].path).value();
  formats::PackIndex index = formats::parse_pack_index(file->bytes(), "m").value();
  index.tensors.back().hash = hash_bytes(formats::packed_bytes(index.tensors.back(), 0, file->bytes()));
  const Status differs = check_against_source(index, file->bytes(), packs[0].path, model_, uncached());
  ASSERT_FALSE(differs.ok());
  EXPECT_NE(differs.error().message.find("is not what packing the source gives"), std::string::npos)
      << differs.error().message;
  fs::remove(model_);
  EXPECT_EQ(list_packs(cache_)[0].state, CachedPack::State::kOrphan);
}

TEST_F(PackCacheTest, ReadsItsVariable) {
  const auto resolved = [](const char* value) {
    ::setenv("GALAGO_PACK_CACHE", value, 1);
    const auto options = resolve({});
    ::unsetenv("GALAGO_PACK_CACHE");
    return options;
  };
  EXPECT_FALSE(resolved("off").value().enabled);
  EXPECT_TRUE(resolved("").value().enabled);
  EXPECT_EQ(resolved("").value().max_bytes, std::uint64_t{16} << 30);
  EXPECT_EQ(resolved("500M").value().max_bytes, std::uint64_t{500} << 20);
  EXPECT_EQ(resolved("123").value().max_bytes, 123u);
  for (const char* bad : {"on", "8GB", "G", "-1", "99999999999999999999", "18446744073709551615T"}) {
    EXPECT_FALSE(resolved(bad).ok()) << bad;
  }
}

TEST_F(PackCacheTest, WritesStandaloneFilesThatNeedNoOther) {
  const fs::path out = root_ / "out.gguf";
  for (const fs::path& in : {model_, kFolder}) {
    const auto report = write_standalone(in, out, uncached());
    ASSERT_TRUE(report.ok()) << report.error().message;
    EXPECT_GT(report->packed_tensors, 0u);
    EXPECT_EQ(report->compared_tokens, 24);
    EXPECT_EQ(content(out).find("GALAPACK") % formats::kPackGroupAlignment, 0u);
    EXPECT_EQ(report->file_bytes, fs::file_size(out));
    const auto original = Engine::open(in, uncached()).value(), packed = Engine::open(out, options()).value();
    EXPECT_EQ(packed->packing_report(), "as the file has them");
    EXPECT_EQ(packed->checkpoint().format(), original->checkpoint().format());
    EXPECT_EQ(packed->checkpoint().chat_templates().value().size(),
              original->checkpoint().chat_templates().value().size());
    EXPECT_EQ(packed->description().n_parameters, original->description().n_parameters);
    EXPECT_EQ(greedy(packed), greedy(original));
    EXPECT_TRUE(files().empty()) << "they need no cache";
    const auto again = write_standalone(out, root_ / "again.gguf", uncached());
    ASSERT_FALSE(again.ok());
    EXPECT_NE(again.error().message.find("is packed already"), std::string::npos);
  }
  std::size_t entries = 0;
  for ([[maybe_unused]] const auto& entry : fs::directory_iterator(root_)) ++entries;
  EXPECT_EQ(entries, 2u) << "the model and the packed file, no temporaries";
}

// As from a program that lays the type out otherwise.
TEST_F(PackCacheTest, RefusesStandaloneFilesOfAnotherLayout) {
  const fs::path out = root_ / "out.gguf";
  ASSERT_TRUE(write_standalone(model_, out, uncached()).ok());
  std::string bytes = content(out);
  const std::size_t at = bytes.find("GALAPACK");
  ASSERT_NE(at, std::string::npos);
  const Bytes part = std::as_bytes(std::span(bytes)).subspan(at);
  formats::PackIndex index =
      formats::parse_pack_index(Engine::open(out, uncached()).value()->checkpoint().packed()->bytes, "m").value();
  for (formats::PackedTensor& tensor : index.tensors) tensor.layout ^= 2;
  const std::vector<std::byte> forged = index.encode();
  ASSERT_LE(forged.size(), part.size());
  std::memcpy(bytes.data() + at, forged.data(), forged.size());
  write(out, bytes);
  const auto refused = Engine::open(out, uncached());
  ASSERT_FALSE(refused.ok());
  EXPECT_EQ(refused.error().code, ErrorCode::kUnsupported);
  EXPECT_NE(refused.error().message.find("in a layout that"), std::string::npos) << refused.error().message;
}

TEST_F(PackCacheTest, RunsPackedWeightsOnlyInPrograms) {
  const fs::path out = root_ / "out.gguf";
  ASSERT_TRUE(write_standalone(model_, out, uncached()).ok());
  const auto checkpoint = formats::Checkpoint::open(out).value();
  const auto packed = std::ranges::find_if(checkpoint->tensors(), [](const auto& t) { return !t.packed.empty(); });
  ASSERT_NE(packed, checkpoint->tensors().end());
  const Tensor weight = Tensor::packed(packed->dtype, Shape::of(packed->shape), packed->packed, packed->file);
  ASSERT_TRUE(weight.ok());
  EXPECT_TRUE(weight.bytes().empty());
  const Tensor eager = linear(Tensor::zeros(Shape{1, packed->shape[1]}), weight);
  ASSERT_FALSE(eager.ok());
  EXPECT_NE(eager.error().message.find("is packed for programs"), std::string::npos) << eager.error().message;
}

}  // namespace
}  // namespace galago::runtime
