#include "runtime/state_store.h"

#include <sys/mman.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "base/checked.h"
#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

constexpr std::uint64_t kAlignment = 4096;  // each layer begins on a page of the system

}  // namespace

Result<StateStore> StateStore::create(std::span<const ops::StateSpec> specs, KvType kv, std::int32_t max_pages) {
  StateStore store;
  store.max_pages_ = max_pages;
  std::vector<std::uint64_t> offsets;
  std::uint64_t total = 0;
  for (const ops::StateSpec& spec : specs) {
    const auto* paged = std::get_if<ops::Paged>(&spec);
    if (paged == nullptr) {
      return error(ErrorCode::kUnsupported, "state of the kind {} cannot be kept yet", ops::to_string(spec));
    }
    const std::uint64_t one = ops::page_bytes(*paged, kv);
    const auto layer = checked_mul<std::uint64_t>(one, static_cast<std::uint64_t>(max_pages));
    const auto padded = layer ? checked_align(*layer, kAlignment) : std::nullopt;
    const auto sum = padded ? checked_add(total, *padded) : std::nullopt;
    if (!sum) return error(ErrorCode::kOutOfRange, "a context of {} pages overflows", max_pages);
    offsets.push_back(total);
    store.views_.push_back({nullptr, one, kv, max_pages});
    total = *sum;
  }
  if (total > 0) {
    void* memory = ::mmap(nullptr, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) {
      return error(ErrorCode::kOutOfMemory,
                   "no room for {} bytes of keys and values ({} tokens): {}; ask for a smaller context", total,
                   std::int64_t{max_pages} * ops::kPageTokens, std::strerror(errno));
    }
    store.memory_ = memory;
    store.size_ = total;
  }
  for (std::size_t i = 0; i < offsets.size(); ++i) {
    store.views_[i].data = static_cast<std::byte*>(store.memory_) + offsets[i];
  }
  store.free_.reserve(static_cast<std::size_t>(max_pages));
  for (std::int32_t page = max_pages; page-- > 0;) store.free_.push_back(page);
  return store;
}

StateStore::~StateStore() {
  if (memory_ != nullptr) ::munmap(memory_, size_);
}

StateStore::StateStore(StateStore&& other) noexcept
    : memory_(std::exchange(other.memory_, nullptr)),
      size_(std::exchange(other.size_, 0)),
      max_pages_(other.max_pages_),
      views_(std::move(other.views_)),
      free_(std::move(other.free_)) {}

StateStore& StateStore::operator=(StateStore&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(size_, other.size_);
  std::swap(max_pages_, other.max_pages_);
  std::swap(views_, other.views_);
  std::swap(free_, other.free_);
  return *this;
}

std::uint64_t StateStore::bytes_per_token() const {
  std::uint64_t bytes = 0;
  for (const ops::StateView& view : views_) bytes += view.page_bytes;
  return bytes / ops::kPageTokens;
}

Result<std::int32_t> StateStore::take_page() {
  if (free_.empty()) {
    return error(ErrorCode::kOutOfRange, "the context of {} tokens is full",
                 std::int64_t{max_pages_} * ops::kPageTokens);
  }
  const std::int32_t page = free_.back();
  free_.pop_back();
  return page;
}

Sequence::Sequence(StateStore& store) : store_(&store) { pages_.reserve(static_cast<std::size_t>(store.max_pages())); }

Sequence::~Sequence() {
  if (store_ != nullptr) truncate(0);
}

Sequence::Sequence(Sequence&& other) noexcept
    : store_(std::exchange(other.store_, nullptr)),
      pages_(std::move(other.pages_)),
      length_(other.length_),
      positions_(std::move(other.positions_)) {}

Status Sequence::reserve(std::int64_t n) {
  const std::int64_t needed = (length_ + n + ops::kPageTokens - 1) / ops::kPageTokens;
  while (static_cast<std::int64_t>(pages_.size()) < needed) {
    GALAGO_TRY(const std::int32_t page, store_->take_page());
    pages_.push_back(page);
  }
  return {};
}

void Sequence::advance(std::int64_t n, std::span<const std::int32_t> positions) {
  if (!positions.empty()) positions_.append(length_, n, positions);
  length_ += n;
}

void Sequence::truncate(std::int64_t length) {
  length_ = length;
  positions_.truncate(length);
  const auto kept = static_cast<std::size_t>((length + ops::kPageTokens - 1) / ops::kPageTokens);
  while (pages_.size() > kept) {
    store_->give_back(pages_.back());
    pages_.pop_back();
  }
}

}  // namespace galago::runtime
