#include "runtime/pack_verify.h"

#include <cstring>
#include <optional>

#include "base/error.h"
#include "base/try.h"
#include "formats/pack_writer.h"
#include "runtime/engine.h"
#include "runtime/pack_cache.h"

namespace galago::runtime {
namespace {

Error differs(const std::filesystem::path& path, std::string_view tensor, std::string_view what) {
  return error(ErrorCode::kCorrupt, "{}: tensor {} {}", path.string(), tensor, what);
}

// Takes what packing gives, slice by slice, and compares it with what a file holds.
class ComparingStorage : public cpu::PackStorage, public cpu::PackSink {
 public:
  ComparingStorage(const formats::Checkpoint& checkpoint, const std::filesystem::path& path, Bytes file,
                   const formats::PackIndex& index)
      : naming_(checkpoint), tensors_(index), path_(path), file_(file) {}

  bool keeps(const Tensor& matrix) const override { return naming_.name_of(matrix) != nullptr; }
  std::vector<cpu::PackedPlace> find(std::span<const cpu::PackRequest> requests) override {
    return std::vector<cpu::PackedPlace>(requests.size());
  }
  std::unique_ptr<cpu::PackSink> create(std::span<const cpu::PackRequest> requests) override {
    for (const cpu::PackRequest& request : requests) {
      const formats::PackedTensor wanted = naming_.describe(request);
      const formats::PackedTensor* found = tensors_.find(wanted);
      if (found == nullptr) {
        failure_ = differs(path_, wanted.name, "is missing");
        return nullptr;
      }
      packed_.push_back(found);
    }
    return std::make_unique<Forward>(*this);
  }
  void failed(const Error& error) override { failure_ = error; }

  Status write(std::size_t request, std::uint64_t offset, Bytes packed) override {
    const formats::PackedTensor& tensor = *packed_[request];
    return formats::for_each_piece(tensor, offset, packed, [&](std::uint64_t at, Bytes piece) -> Status {
      if (std::memcmp(file_.data() + at, piece.data(), piece.size()) == 0) return {};
      return differs(path_, tensor.name, "is not what packing the source gives");
    });
  }
  Result<std::vector<cpu::PackedPlace>> finish() override {
    std::vector<cpu::PackedPlace> places;
    for (const formats::PackedTensor* tensor : packed_)
      places.push_back({file_.data() + tensor->offset, tensor->stride});
    return places;
  }

  Status status(const formats::PackIndex& index) const {
    if (failure_) return *failure_;
    if (packed_.size() == index.tensors.size()) return {};
    return error(ErrorCode::kCorrupt, "{}: holds {} packed tensors; the source has {}", path_.string(),
                 index.tensors.size(), packed_.size());
  }

 private:
  // The store owns its sink; this one belongs to who looks at its result.
  class Forward : public cpu::PackSink {
   public:
    explicit Forward(PackSink& to) : to_(to) {}
    Status write(std::size_t request, std::uint64_t offset, Bytes packed) override {
      return to_.write(request, offset, packed);
    }
    Result<std::vector<cpu::PackedPlace>> finish() override { return to_.finish(); }

   private:
    PackSink& to_;
  };

  PackNaming naming_;
  PackedTensors tensors_;
  std::filesystem::path path_;
  Bytes file_;
  std::vector<const formats::PackedTensor*> packed_;  // by request
  std::optional<Error> failure_;
};

}  // namespace

Status check_hashes(const formats::PackIndex& index, Bytes file, const std::filesystem::path& path, int n_threads) {
  const std::vector<std::uint64_t> hashes = formats::hash_tensors(index, file, n_threads);
  for (std::size_t i = 0; i < hashes.size(); ++i) {
    if (hashes[i] != index.tensors[i].hash) return differs(path, index.tensors[i].name, "is damaged");
  }
  return {};
}

Status check_against_source(const formats::PackIndex& index, Bytes file, const std::filesystem::path& path,
                            const std::filesystem::path& source, const ModelOptions& options) {
  std::shared_ptr<ComparingStorage> comparison;
  const auto make = [&](const std::shared_ptr<const formats::Checkpoint>& checkpoint,
                        const std::string&) -> Result<std::shared_ptr<cpu::PackStorage>> {
    comparison = std::make_shared<ComparingStorage>(*checkpoint, path, file, index);
    return std::shared_ptr<cpu::PackStorage>(comparison);
  };
  GALAGO_CHECK(Engine::open(source, options, make));
  return comparison->status(index);
}

Status verify_pack(const CachedPack& pack, int n_threads, bool& repacked) {
  repacked = false;
  if (pack.state == CachedPack::State::kDamaged) return Error{ErrorCode::kCorrupt, pack.problem};
  GALAGO_TRY(const auto file, Mapping::open(pack.path));
  GALAGO_TRY(const formats::PackIndex index, formats::parse_pack_index(file->bytes(), pack.path.string()));
  GALAGO_CHECK(check_hashes(index, file->bytes(), pack.path, n_threads));
  if (pack.state != CachedPack::State::kFresh) return {};
  GALAGO_CHECK(check_against_source(index, file->bytes(), pack.path, pack.source, {.n_threads = n_threads}));
  repacked = true;
  return {};
}

}  // namespace galago::runtime
