#include "text/vocabulary.h"

#include <bit>
#include <cstring>
#include <limits>
#include <random>

#include "base/error.h"

namespace galago::text {
namespace {

std::uint64_t process_seed() {
  static const std::uint64_t seed = [] {
    std::random_device device;
    return (static_cast<std::uint64_t>(device()) << 32) ^ device();
  }();
  return seed;
}

// Folds a 64 x 64 -> 128 bit product: each input bit reaches all output bits. For processors of 32 bits, whose
// compilers have no number that wide.
constexpr std::uint64_t fold_by_halves(std::uint64_t a, std::uint64_t b) {
  constexpr std::uint64_t kLow = 0xffffffffu;
  const std::uint64_t low = (a & kLow) * (b & kLow);
  const std::uint64_t left = (a >> 32) * (b & kLow);
  const std::uint64_t middle = (a & kLow) * (b >> 32) + (low >> 32) + (left & kLow);
  const std::uint64_t high = (a >> 32) * (b >> 32) + (left >> 32) + (middle >> 32);
  return high ^ (middle << 32 | (low & kLow));
}

#if defined(__SIZEOF_INT128__)
constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) {
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64);
}
static_assert(fold(~0u, ~0ull) == fold_by_halves(~0u, ~0ull) && fold(~0ull, ~0ull) == fold_by_halves(~0ull, ~0ull));
static_assert(fold(0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u) ==
              fold_by_halves(0x9e3779b97f4a7c15u, 0xbf58476d1ce4e5b9u));
#else
constexpr std::uint64_t fold(std::uint64_t a, std::uint64_t b) { return fold_by_halves(a, b); }
#endif

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15u;

}  // namespace

std::uint64_t seeded_hash(std::uint64_t value) { return fold(value ^ process_seed(), kOdd ^ std::rotl(value, 32)); }

std::uint64_t seeded_hash(std::string_view bytes) {
  std::uint64_t hash = process_seed() ^ bytes.size();
  while (bytes.size() >= 8) {
    std::uint64_t word;
    std::memcpy(&word, bytes.data(), 8);
    hash = fold(hash ^ word, kOdd ^ process_seed());
    bytes.remove_prefix(8);
  }
  std::uint64_t rest = 0;
  if (!bytes.empty()) std::memcpy(&rest, bytes.data(), bytes.size());
  return fold(hash ^ rest ^ kOdd, kOdd ^ std::rotl(process_seed(), 17));
}

Result<Vocabulary> Vocabulary::build(std::span<const std::string_view> spellings, std::span<const TokenKind> kinds,
                                     std::string_view field) {
  if (spellings.empty()) return error(ErrorCode::kCorrupt, "{}: holds no tokens", field);
  if (spellings.size() > kMaxVocabularySize) {
    return error(ErrorCode::kOutOfRange, "{}: {} tokens, at most {} are supported", field, spellings.size(),
                 kMaxVocabularySize);
  }
  std::uint64_t bytes = 0;
  for (const std::string_view spelling : spellings) bytes += spelling.size();
  if (bytes > std::numeric_limits<std::uint32_t>::max()) {
    return error(ErrorCode::kOutOfRange, "{}: the tokens' text takes {} bytes, at most 4 GiB are supported", field,
                 bytes);
  }
  Vocabulary vocabulary;
  vocabulary.arena_.reserve(bytes);
  vocabulary.offsets_.reserve(spellings.size() + 1);
  vocabulary.offsets_.push_back(0);
  vocabulary.kinds_.assign(kinds.begin(), kinds.end());
  vocabulary.index_.assign(std::bit_ceil(spellings.size() * 2), kNoToken);
  const std::size_t mask = vocabulary.index_.size() - 1;
  for (std::size_t i = 0; i < spellings.size(); ++i) {
    const std::string_view spelling = spellings[i];
    vocabulary.arena_ += spelling;
    vocabulary.offsets_.push_back(static_cast<std::uint32_t>(vocabulary.arena_.size()));
    if (spelling.empty()) {
      vocabulary.kinds_[i] = TokenKind::kHole;
      continue;
    }
    vocabulary.longest_ = std::max(vocabulary.longest_, spelling.size());
    std::size_t slot = seeded_hash(spelling) & mask;
    for (; vocabulary.index_[slot] != kNoToken; slot = (slot + 1) & mask) {
      const TokenId other = vocabulary.index_[slot];
      if (vocabulary.spelling(other) == spelling) {
        return error(ErrorCode::kCorrupt, "{}: ids {} and {} are the same token \"{}\"", field, other, i, spelling);
      }
    }
    vocabulary.index_[slot] = static_cast<TokenId>(i);
  }
  return vocabulary;
}

TokenId Vocabulary::find(std::string_view wanted) const {
  if (wanted.empty() || wanted.size() > longest_) return kNoToken;
  const std::size_t mask = index_.size() - 1;
  for (std::size_t slot = seeded_hash(wanted) & mask; index_[slot] != kNoToken; slot = (slot + 1) & mask) {
    if (spelling(index_[slot]) == wanted) return index_[slot];
  }
  return kNoToken;
}

}  // namespace galago::text
