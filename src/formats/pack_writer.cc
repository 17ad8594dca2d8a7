#include "formats/pack_writer.h"

#include "base/arena.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/thread_pool.h"
#include "base/try.h"

namespace galago::formats {
namespace {

// The system makes a huge page when a mapping that asks for them reads an absent one, and would else make as many small
// ones as a slice needs. One thread decodes 7 % faster from huge pages.
void touch_pages(Bytes file, std::uint64_t begin, std::uint64_t end) {
  for (std::uint64_t at = begin; at < end; at = (at / kHugePageBytes + 1) * kHugePageBytes) {
    static_cast<void>(*static_cast<const volatile std::byte*>(&file[at]));
  }
}

}  // namespace

Result<PackWriter> PackWriter::create(const std::filesystem::path& path, PackIndex index) {
  GALAGO_CHECK(index.lay_out());
  GALAGO_TRY(AtomicFile file, AtomicFile::create(path));
  GALAGO_CHECK(file.reserve(index.total_bytes));
  GALAGO_TRY(auto pages, Mapping::open(file.temporary()));
  Mapping::prefer_huge_pages(pages->bytes());
  return PackWriter(std::move(file), std::move(index), std::move(pages));
}

Status PackWriter::write(std::size_t tensor, std::uint64_t offset, Bytes packed) const {
  const PackedTensor& place = index_.tensors[tensor];
  if (offset > place.bytes || packed.size() > place.bytes - offset) {
    return error(ErrorCode::kInternal, "{}: {} bytes at {} of a packing of {}", place.name, packed.size(), offset,
                 place.bytes);
  }
  return for_each_piece(place, offset, packed, [this](std::uint64_t at, Bytes piece) {
    touch_pages(pages_->bytes(), at, at + piece.size());
    return file_.write_at(at, piece);
  });
}

Result<PackWriter::Finished> PackWriter::finish(int n_threads) {
  pages_.reset();  // its pages would count twice
  GALAGO_TRY(const std::shared_ptr<const Mapping> written, Mapping::open(file_.temporary()));
  Mapping::prefer_huge_pages(written->bytes());
  const std::vector<std::uint64_t> hashes = hash_tensors(index_, written->bytes(), n_threads);
  for (std::size_t i = 0; i < hashes.size(); ++i) index_.tensors[i].hash = hashes[i];
  GALAGO_CHECK(file_.write_at(0, index_.encode()));
  GALAGO_CHECK(file_.commit());
  return Finished{std::move(index_), written};
}

std::vector<std::uint64_t> hash_tensors(const PackIndex& index, Bytes file, int n_threads) {
  std::vector<std::uint64_t> hashes(index.tensors.size());
  const auto hash = [&](int, std::int64_t i) {
    const auto tensor = static_cast<std::size_t>(i);
    const PackedTensor& packed = index.tensors[tensor];
    for (std::int64_t matrix = 0; matrix < packed.matrices; ++matrix) {
      hashes[tensor] = hash_bytes(packed_bytes(packed, matrix, file), hashes[tensor]);
    }
  };
  // Another model may be answering meanwhile.
  ThreadPool::shared().parallel_for(n_threads, static_cast<std::int64_t>(hashes.size()), hash,
                                    ThreadPool::Priority::kBackground);
  return hashes;
}

}  // namespace galago::formats
