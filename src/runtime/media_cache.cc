#include "runtime/media_cache.h"

#include "base/hash.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

std::uint64_t mark_of(const models::EncoderRun& run) {
  std::uint64_t mark = hash_bytes(std::as_bytes(std::span<const char>(run.entry)));
  for (const graph::NamedTensor& input : run.inputs) {
    const std::string type = input.name + input.tensor.shape().to_string();
    mark = hash_bytes(std::as_bytes(std::span<const char>(type)), mark);
    mark = hash_bytes(input.tensor.bytes(), mark);
  }
  return mark;
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
      GALAGO_TRY(EncodedRows found, runtime::encode(executor, run));
      media = std::make_shared<const EncodedMedia>(
          EncodedMedia{mark, run.rows, std::move(found.rows), std::move(found.further)});
      known_[mark] = media;
    }
    encoded.push_back(std::move(media));
  }
  return encoded;
}

}  // namespace galago::runtime
