#include "runtime/pack_file_storage.h"

#include <algorithm>

#include "base/error.h"
#include "base/logging.h"
#include "base/try.h"

namespace galago::runtime {

class PackFileStorage::Sink : public cpu::PackSink {
 public:
  Sink(PackFileStorage& storage, formats::PackWriter writer) : storage_(storage), writer_(std::move(writer)) {}

  Status write(std::size_t request, std::uint64_t offset, Bytes packed) override {
    return writer_.write(request, offset, packed);
  }

  Result<std::vector<cpu::PackedPlace>> finish() override {
    GALAGO_TRY(auto finished, writer_.finish(storage_.options_.n_threads));
    storage_.index_ = std::move(finished.index);
    storage_.file_ = std::move(finished.file);
    storage_.written_ = true;
    std::vector<cpu::PackedPlace> places;
    for (const formats::PackedTensor& tensor : storage_.index_.tensors) {
      places.push_back({storage_.file_->bytes().data() + tensor.offset, tensor.stride});
    }
    return places;
  }

 private:
  PackFileStorage& storage_;
  formats::PackWriter writer_;
};

PackFileStorage::PackFileStorage(std::shared_ptr<const formats::Checkpoint> checkpoint, Options options)
    : checkpoint_(std::move(checkpoint)),
      options_(std::move(options)),
      naming_(*checkpoint_),
      identity_(identity_of(*checkpoint_)) {}

// The file when it is there, sound and made of this checkpoint for this instruction set.
Status PackFileStorage::open() {
  GALAGO_TRY(auto file, Mapping::open(options_.path));
  GALAGO_TRY(index_, formats::parse_pack_index(file->bytes(), options_.path.string()));
  if (index_.identity != identity_ || index_.isa != options_.isa) {
    return error(ErrorCode::kCorrupt, "{}: was packed from other files or for another instruction set",
                 options_.path.string());
  }
  Mapping::prefer_huge_pages(file->bytes());
  file_ = std::move(file);
  return {};
}

std::vector<cpu::PackedPlace> PackFileStorage::find(std::span<const cpu::PackRequest> requests) {
  const bool first = !std::exchange(asked_, true);
  if (first) {
    const Status opened = open();
    if (!opened.ok() && opened.error().code != ErrorCode::kNotFound) {
      log(LogLevel::kInfo, "{}; it is made again", opened.error().message);
    }
  }
  std::vector<cpu::PackedPlace> places(requests.size());
  if (file_ != nullptr) {
    const PackedTensors tensors(index_);
    for (std::size_t i = 0; i < requests.size(); ++i) {
      const formats::PackedTensor* found = tensors.find(naming_.describe(requests[i]));
      if (found != nullptr) places[i] = {file_->bytes().data() + found->offset, found->stride};
    }
  }
  const bool complete = std::ranges::none_of(places, [](const auto& place) { return place.data == nullptr; });
  if (!complete && first) {
    file_.reset();
    std::ranges::fill(places, cpu::PackedPlace());
    may_write_ = true;
  }
  return places;
}

std::unique_ptr<cpu::PackSink> PackFileStorage::create(std::span<const cpu::PackRequest> requests) {
  if (!std::exchange(may_write_, false)) return nullptr;
  formats::PackIndex index{.identity = identity_, .isa = options_.isa};
  std::error_code ignored;
  index.source = std::filesystem::absolute(checkpoint_->path(), ignored).string();
  std::uint64_t packed_bytes = 0;
  for (const cpu::PackRequest& request : requests) {
    index.tensors.push_back(naming_.describe(request));
    packed_bytes += request.bytes;
  }
  const auto begin = [&]() -> Result<std::unique_ptr<cpu::PackSink>> {
    GALAGO_CHECK(index.lay_out());
    if (options_.make_room) {
      GALAGO_TRY(const bool wanted, options_.make_room(index.total_bytes, packed_bytes));
      if (!wanted) return std::unique_ptr<cpu::PackSink>();
    }
    GALAGO_TRY(auto writer, formats::PackWriter::create(options_.path, std::move(index)));
    return std::unique_ptr<cpu::PackSink>(std::make_unique<Sink>(*this, std::move(writer)));
  };
  auto sink = begin();
  if (sink.ok()) return std::move(sink).value();
  failure_ = std::move(sink).error();
  return nullptr;
}

PackFileStorage::Outcome PackFileStorage::outcome() const {
  if (failure_) return Outcome::kFailed;
  if (file_ == nullptr) return Outcome::kUnused;
  return written_ ? Outcome::kWritten : Outcome::kMapped;
}

}  // namespace galago::runtime
