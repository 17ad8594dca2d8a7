#include "runtime/media_cache.h"

#include "base/error.h"
#include "base/hash.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

std::uint64_t mark_of(const models::EncoderRun& run) {
  std::uint64_t mark = hash_bytes(std::as_bytes(std::span<const char>(run.entry)));
  for (const Tensor& input : run.inputs) {
    const std::string type = input.shape().to_string();
    mark = hash_bytes(std::as_bytes(std::span<const char>(type)), mark);
    mark = hash_bytes(input.bytes(), mark);
  }
  return mark;
}

Result<std::vector<float>> run_encoder(const models::EncoderRun& run, EntryExecutor& executor) {
  const int entry = executor.find(run.entry);
  if (entry < 0) return error(ErrorCode::kInternal, "the model has no entry \"{}\"", run.entry);
  std::vector<const std::byte*> inputs;
  for (const Tensor& input : run.inputs) inputs.push_back(input.bytes().data());
  GALAGO_CHECK(executor.run(entry, {}, inputs, nullptr));
  const std::span<const float> rows = executor.output(entry, 0);
  return std::vector<float>(rows.begin(), rows.end());
}

}  // namespace

Result<std::vector<EncodedMediaPtr>> MediaCache::encode(std::span<const models::EncoderRun> runs,
                                                        EntryExecutor& executor) {
  std::erase_if(known_, [](const auto& item) { return item.second.expired(); });
  std::vector<EncodedMediaPtr> encoded;
  for (const models::EncoderRun& run : runs) {
    const std::uint64_t mark = mark_of(run);
    EncodedMediaPtr media = known_[mark].lock();
    if (media == nullptr) {
      ++n_runs_;
      GALAGO_TRY(std::vector<float> rows, run_encoder(run, executor));
      media = std::make_shared<const EncodedMedia>(EncodedMedia{mark, run.rows, std::move(rows)});
      known_[mark] = media;
    }
    encoded.push_back(std::move(media));
  }
  return encoded;
}

}  // namespace galago::runtime
