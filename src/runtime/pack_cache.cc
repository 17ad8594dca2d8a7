#include "runtime/pack_cache.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdlib>

#include "backends/cpu/layout_fingerprint.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/try.h"

namespace galago::runtime {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kExtension = ".pack";
constexpr std::uint64_t kDefaultMaxBytes = std::uint64_t{16} << 30;
constexpr auto kLeftoverAge = std::chrono::hours(24);

// "8G", "500M", "123": bytes.
std::optional<std::uint64_t> parse_size(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, failed] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (failed != std::errc() || end == text.data()) return std::nullopt;
  const std::string_view unit = text.substr(static_cast<std::size_t>(end - text.data()));
  constexpr std::string_view kUnits = "KMGT";
  if (unit.empty()) return number;
  const std::size_t power = unit.size() == 1 ? kUnits.find(unit[0]) : std::string_view::npos;
  if (power == std::string_view::npos) return std::nullopt;
  return checked_mul(number, std::uint64_t{1} << (10 * (power + 1)));
}

// The file for a checkpoint: its name for people, and a hash of what it is a packing of.
fs::path pack_path(const formats::Checkpoint& checkpoint, std::string_view isa, const fs::path& folder) {
  const std::uint64_t key = hash_bytes(std::as_bytes(std::span(isa.data(), isa.size())), identity_of(checkpoint));
  std::error_code ignored;
  const fs::path model = fs::absolute(checkpoint.path(), ignored).lexically_normal();
  std::string name = (model.has_filename() ? model : model.parent_path()).stem().string();
  if (name.size() > 100) name.resize(100);
  return folder / fmt::format("{}-{}-{:016x}{}", name, isa, key, kExtension);
}

bool is_pack(const fs::path& path) { return path.extension() == kExtension; }
bool is_leftover(const fs::path& path) {
  return path.extension() == ".tmp" &&
         path.filename().string().find(std::string(kExtension) + ".") != std::string::npos;
}

std::vector<fs::directory_entry> entries_of(const fs::path& folder) {
  std::vector<fs::directory_entry> entries;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end; at.increment(failed)) {
    if (at->is_regular_file(failed)) entries.push_back(*at);
  }
  return entries;
}

void remove_leftovers_older_than(const fs::path& folder, std::chrono::hours age) {
  for (const fs::directory_entry& entry : entries_of(folder)) {
    std::error_code failed;
    const auto written = entry.last_write_time(failed);
    if (failed || !is_leftover(entry.path()) || fs::file_time_type::clock::now() - written < age) continue;
    fs::remove(entry.path(), failed);
  }
}

// Packings of the same source as it was before are of no use any more.
bool is_replaced(const fs::path& path, std::string_view source, std::string_view isa) {
  const auto file = Mapping::open(path);
  if (!file.ok()) return false;
  const auto index = formats::parse_pack_index((*file)->bytes(), path.string());
  return !index.ok() || (index->source == source && index->isa == isa);
}

Result<bool> make_room(const PackCacheOptions& options, std::uint64_t bytes, const std::string& source,
                       const std::string& isa) {
  if (bytes > options.max_bytes) {
    return error(ErrorCode::kOutOfRange, "{}: the packed weights take {} bytes; the cache may take {}",
                 options.folder.string(), bytes, options.max_bytes);
  }
  std::error_code failed;
  fs::create_directories(options.folder, failed);
  if (failed) return error(ErrorCode::kIo, "{}: cannot create it: {}", options.folder.string(), failed.message());
  remove_leftovers_older_than(options.folder, kLeftoverAge);
  struct Known {
    fs::file_time_type used;
    std::uint64_t bytes;
    fs::path path;
  };
  std::vector<Known> known;
  std::uint64_t total = bytes;
  for (const fs::directory_entry& entry : entries_of(options.folder)) {
    if (!is_pack(entry.path())) continue;
    if (is_replaced(entry.path(), source, isa)) {
      fs::remove(entry.path(), failed);
      continue;
    }
    known.push_back({entry.last_write_time(failed), entry.file_size(failed), entry.path()});
    total += known.back().bytes;
  }
  std::sort(known.begin(), known.end(), [](const Known& a, const Known& b) { return a.used < b.used; });
  for (const Known& oldest : known) {
    if (total <= options.max_bytes) break;
    if (fs::remove(oldest.path, failed)) total -= oldest.bytes;
  }
  return true;
}

CachedPack examine(const fs::path& path) {
  CachedPack pack{.path = path};
  std::error_code failed;
  pack.bytes = fs::file_size(path, failed);
  pack.last_used = fs::last_write_time(path, failed);
  const auto file = Mapping::open(path);
  const auto index =
      file.ok() ? formats::parse_pack_index((*file)->bytes(), path.string()) : Result<formats::PackIndex>(file.error());
  if (!index.ok()) {
    pack.problem = index.error().message;
    return pack;
  }
  pack.isa = index->isa;
  pack.source = index->source;
  const bool foreign = std::any_of(index->tensors.begin(), index->tensors.end(), [](const auto& tensor) {
    return cpu::layout_fingerprint(tensor.dtype) != tensor.layout;
  });
  if (foreign) {
    pack.state = CachedPack::State::kForeign;
  } else if (!fs::exists(pack.source, failed)) {
    pack.state = CachedPack::State::kOrphan;
  } else {
    const auto checkpoint = formats::Checkpoint::open(pack.source);
    const bool same = checkpoint.ok() && identity_of(**checkpoint) == index->identity;
    pack.state = same ? CachedPack::State::kFresh : CachedPack::State::kStale;
  }
  return pack;
}

}  // namespace

Result<PackCacheOptions> resolve(PackCacheOptions options) {
  if (options.folder.empty()) options.folder = pack_cache_folder();
  const char* variable = std::getenv("GALAGO_PACK_CACHE");
  const std::string_view wish = variable != nullptr ? variable : "";
  std::uint64_t most = kDefaultMaxBytes;
  if (wish == "off") {
    options.enabled = false;
  } else if (!wish.empty()) {
    const auto size = parse_size(wish);
    if (!size) {
      return error(ErrorCode::kInvalidArgument, "GALAGO_PACK_CACHE={}: \"off\" or a size such as 8G is expected", wish);
    }
    most = *size;
  }
  if (options.max_bytes == 0) options.max_bytes = most;
  return options;
}

std::shared_ptr<PackFileStorage> open_pack_cache(std::shared_ptr<const formats::Checkpoint> checkpoint, std::string isa,
                                                 const PackCacheOptions& resolved, int n_threads) {
  std::error_code ignored;
  const std::string source = fs::absolute(checkpoint->path(), ignored).string();
  PackFileStorage::Options options{
      .path = pack_path(*checkpoint, isa, resolved.folder), .isa = isa, .n_threads = n_threads};
  options.make_room = [resolved, source, isa](std::uint64_t bytes, std::uint64_t packed_bytes) -> Result<bool> {
    if (packed_bytes < resolved.min_bytes) return false;
    return make_room(resolved, bytes, source, isa);
  };
  return std::make_shared<PackFileStorage>(std::move(checkpoint), std::move(options));
}

std::string finish(const PackFileStorage& cache) {
  switch (cache.outcome()) {
    case PackFileStorage::Outcome::kMapped: {
      std::error_code ignored;
      fs::last_write_time(cache.path(), fs::file_time_type::clock::now(), ignored);
      return fmt::format("mapped from {}", cache.path().string());
    }
    case PackFileStorage::Outcome::kWritten: return fmt::format("written to {}", cache.path().string());
    case PackFileStorage::Outcome::kFailed: return fmt::format("in memory: {}", cache.failure()->message);
    case PackFileStorage::Outcome::kUnused: break;
  }
  return "in memory";
}

std::string_view to_string(CachedPack::State state) {
  switch (state) {
    case CachedPack::State::kFresh: return "fresh";
    case CachedPack::State::kStale: return "stale";
    case CachedPack::State::kOrphan: return "orphan";
    case CachedPack::State::kForeign: return "foreign";
    case CachedPack::State::kDamaged: return "damaged";
  }
  return "unknown";
}

std::vector<CachedPack> list_packs(const fs::path& folder) {
  std::vector<CachedPack> packs;
  for (const fs::directory_entry& entry : entries_of(folder)) {
    if (is_pack(entry.path())) packs.push_back(examine(entry.path()));
  }
  std::sort(packs.begin(), packs.end(),
            [](const CachedPack& a, const CachedPack& b) { return a.last_used > b.last_used; });
  return packs;
}

Status remove_pack(const fs::path& path) {
  std::error_code failed;
  fs::remove(path, failed);
  if (failed) return error(ErrorCode::kIo, "{}: cannot remove it: {}", path.string(), failed.message());
  return {};
}

void remove_leftovers(const fs::path& folder) { remove_leftovers_older_than(folder, std::chrono::hours(0)); }

}  // namespace galago::runtime
