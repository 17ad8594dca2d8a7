#include "formats/pack_index.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <span>

#include "base/checked.h"
#include "base/error.h"
#include "base/hash.h"
#include "base/try.h"
#include "formats/gguf_cursor.h"
#include "formats/quote.h"

namespace galago::formats {
namespace {

constexpr std::string_view kMagic = "GALAPACK";
constexpr std::size_t kHashOffset = 32, kFixedBytes = 40;
constexpr std::uint64_t kLeastTensorBytes = 4 + 4 + 4 + 9 * 8;  // in the index, with an empty name
constexpr std::uint32_t kLongestText = 1 << 16;

template <class T>
void put(std::vector<std::byte>& out, T number) {
  const std::size_t end = out.size();
  out.resize(end + sizeof(T));
  std::memcpy(out.data() + end, &number, sizeof(T));
}

void put(std::vector<std::byte>& out, std::string_view text) {
  put(out, static_cast<std::uint32_t>(text.size()));
  const std::size_t end = out.size();
  out.resize(end + text.size());
  if (!text.empty()) std::memcpy(out.data() + end, text.data(), text.size());
}

std::uint64_t hash_index(Bytes index) {
  return hash_bytes(index.subspan(kFixedBytes), hash_bytes(index.first(kHashOffset)));
}

class PackIndexReader {
 public:
  PackIndexReader(Bytes file, std::string_view source) : file_(file), source_(source) {}

  Result<PackIndex> read() {
    GALAGO_TRY(const std::uint32_t n_tensors, read_beginning());
    GgufCursor cursor(file_.first(index_.index_bytes), source_);
    cursor.set_field("index of packed weights");
    for (std::size_t skipped = 0; skipped < kFixedBytes; skipped += 8) GALAGO_CHECK(cursor.number<std::uint64_t>());
    GALAGO_TRY(index_.identity, cursor.number<std::uint64_t>());
    GALAGO_TRY(index_.isa, text(cursor));
    GALAGO_TRY(index_.source, text(cursor));
    if (n_tensors > cursor.left() / kLeastTensorBytes) return broken("names {} tensors", n_tensors);
    index_.tensors.reserve(n_tensors);
    for (std::uint32_t i = 0; i < n_tensors; ++i) {
      GALAGO_TRY(PackedTensor tensor, read_tensor(cursor));
      GALAGO_CHECK(check(tensor));
      index_.tensors.push_back(std::move(tensor));
    }
    return std::move(index_);
  }

 private:
  template <class... Args>
  Error broken(fmt::format_string<Args...> format, Args&&... args) const {
    return error(ErrorCode::kCorrupt, "{}: the index of packed weights {}; the file is damaged", source_,
                 fmt::format(format, std::forward<Args>(args)...));
  }

  template <class T>
  T at(std::size_t offset) const {
    T number;
    std::memcpy(&number, file_.data() + offset, sizeof(T));
    return number;
  }

  // The fixed part and the hash; the number of tensors.
  Result<std::uint32_t> read_beginning() {
    if (file_.size() < kFixedBytes || std::memcmp(file_.data(), kMagic.data(), kMagic.size()) != 0) {
      return error(ErrorCode::kCorrupt, "{}: holds no packed weights (\"{}\" is missing)", source_, kMagic);
    }
    if (const auto version = at<std::uint32_t>(8); version != kPackFormatVersion) {
      return error(ErrorCode::kUnsupported, "{}: packed weights of format {}; this program reads {}", source_, version,
                   kPackFormatVersion);
    }
    index_.index_bytes = at<std::uint64_t>(16);
    index_.total_bytes = at<std::uint64_t>(24);
    if (index_.total_bytes != file_.size()) {
      return broken("tells of {} bytes, but there are {}", index_.total_bytes, file_.size());
    }
    if (index_.index_bytes < kFixedBytes || index_.index_bytes > file_.size()) {
      return broken("tells that it has {} of {} bytes", index_.index_bytes, file_.size());
    }
    if (hash_index(file_.first(index_.index_bytes)) != at<std::uint64_t>(kHashOffset)) return broken("was altered");
    return at<std::uint32_t>(12);
  }

  Result<std::string> text(GgufCursor& cursor) const {
    GALAGO_TRY(const auto size, cursor.number<std::uint32_t>());
    if (size > kLongestText || size > cursor.left()) return broken("has a text of {} bytes", size);
    std::string out(reinterpret_cast<const char*>(file_.data()) + cursor.offset(), size);
    cursor.skip(size);
    return out;
  }

  Result<PackedTensor> read_tensor(GgufCursor& cursor) const {
    PackedTensor tensor;
    GALAGO_TRY(tensor.name, text(cursor));
    GALAGO_TRY(const auto type, cursor.number<std::int32_t>());
    const auto dtype = type < 0 ? std::nullopt : dtype_from_ggml(static_cast<std::uint32_t>(type));
    if (!dtype) return broken("gives {} the unknown type {}", quote(tensor.name), type);
    tensor.dtype = *dtype;
    GALAGO_TRY(tensor.matrices, cursor.number<std::int64_t>());
    GALAGO_TRY(tensor.rows, cursor.number<std::int64_t>());
    GALAGO_TRY(tensor.cols, cursor.number<std::int64_t>());
    GALAGO_TRY(tensor.order, cursor.number<std::uint64_t>());
    GALAGO_TRY(tensor.layout, cursor.number<std::uint64_t>());
    GALAGO_TRY(tensor.group, cursor.number<std::uint32_t>());
    GALAGO_TRY(tensor.offset, cursor.number<std::uint64_t>());
    GALAGO_TRY(tensor.stride, cursor.number<std::uint64_t>());
    GALAGO_TRY(tensor.bytes, cursor.number<std::uint64_t>());
    GALAGO_TRY(tensor.hash, cursor.number<std::uint64_t>());
    return tensor;
  }

  Status check(const PackedTensor& tensor) const {
    if (tensor.matrices < 1 || tensor.bytes % static_cast<std::uint64_t>(tensor.matrices) != 0) {
      return broken("gives {} {} bytes in {} matrices", quote(tensor.name), tensor.bytes, tensor.matrices);
    }
    const auto to_last = checked_mul(tensor.stride, static_cast<std::uint64_t>(tensor.matrices - 1));
    const auto last = to_last ? checked_add(tensor.offset, *to_last) : to_last;
    const auto end = last ? checked_add(*last, tensor.matrix_bytes()) : last;
    const bool apart = tensor.matrices == 1 || tensor.stride >= tensor.matrix_bytes();
    if (!end || *end > file_.size() || tensor.offset < index_.index_bytes || tensor.offset % kPackAlignment != 0 ||
        tensor.stride % kPackAlignment != 0 || !apart) {
      return broken("puts {} at {} with {} bytes, each {} behind the last", quote(tensor.name), tensor.offset,
                    tensor.bytes, tensor.stride);
    }
    // Whether the bytes are as many as the layout takes, its reader knows.
    const auto row = tensor.cols <= 0 ? std::nullopt : row_bytes(tensor.dtype, static_cast<std::uint64_t>(tensor.cols));
    const auto matrix =
        row && tensor.rows > 0 ? checked_mul(*row, static_cast<std::uint64_t>(tensor.rows)) : std::nullopt;
    const bool has_size = matrix && checked_mul(*matrix, static_cast<std::uint64_t>(tensor.matrices));
    if (!has_size || tensor.bytes == 0) {
      return broken("gives {} {} ({}, {}, {}) {} bytes", quote(tensor.name), galago::name(tensor.dtype),
                    tensor.matrices, tensor.rows, tensor.cols, tensor.bytes);
    }
    return {};
  }

  Bytes file_;
  std::string_view source_;
  PackIndex index_;
};

// Where the group ends; nothing when that overflows.
std::optional<std::uint64_t> lay_out_group(std::span<PackedTensor> group, std::uint64_t end) {
  const std::int64_t matrices = group.front().matrices;
  const bool alike =
      std::ranges::all_of(group, [matrices](const PackedTensor& tensor) { return tensor.matrices == matrices; });
  std::optional<std::uint64_t> at = checked_align(end, kPackGroupAlignment);
  std::uint64_t unit = 0;  // the matrices of one expert
  for (PackedTensor& tensor : group) {
    const auto one = checked_align(tensor.matrix_bytes(), kPackAlignment);
    const auto all = one ? checked_mul(*one, static_cast<std::uint64_t>(tensor.matrices)) : one;
    if (!at || !all) return std::nullopt;
    tensor.offset = *at;
    tensor.stride = *one;
    at = checked_add(*at, alike ? *one : *all);
    unit += alike ? *one : 0;  // no more than *at
  }
  if (alike) {
    const auto others = checked_mul(unit, static_cast<std::uint64_t>(matrices - 1));
    at = at && others ? checked_add(*at, *others) : std::nullopt;
    for (PackedTensor& tensor : group) tensor.stride = unit;
  }
  if (!at) return at;
  const PackedTensor& last = group.back();
  return last.place(last.matrices - 1) + last.matrix_bytes();  // at most *at
}

}  // namespace

Status PackIndex::lay_out() {
  index_bytes = encode().size();
  std::optional<std::uint64_t> end = index_bytes;
  for (std::size_t first = 0, last = 0; first < tensors.size(); first = last) {
    while (last < tensors.size() && tensors[last].group == tensors[first].group) ++last;
    end = lay_out_group(std::span(tensors).subspan(first, last - first), *end);
    if (!end) {
      return error(ErrorCode::kOutOfRange, "{}: the packed weights are too large", tensors[first].name);
    }
  }
  total_bytes = *end;
  return {};
}

std::vector<std::byte> PackIndex::encode() const {
  std::vector<std::byte> out;
  for (const char letter : kMagic) out.push_back(static_cast<std::byte>(letter));
  put(out, kPackFormatVersion);
  put(out, static_cast<std::uint32_t>(tensors.size()));
  put(out, index_bytes);
  put(out, total_bytes);
  put(out, std::uint64_t{0});
  put(out, identity);
  put(out, std::string_view(isa));
  put(out, std::string_view(source));
  for (const PackedTensor& tensor : tensors) {
    put(out, std::string_view(tensor.name));
    put(out, static_cast<std::int32_t>(info(tensor.dtype).ggml_id));
    put(out, tensor.matrices);
    put(out, tensor.rows);
    put(out, tensor.cols);
    put(out, tensor.order);
    put(out, tensor.layout);
    put(out, tensor.group);
    put(out, tensor.offset);
    put(out, tensor.stride);
    put(out, tensor.bytes);
    put(out, tensor.hash);
  }
  const std::uint64_t hash = hash_index(out);
  std::memcpy(out.data() + kHashOffset, &hash, sizeof(hash));
  return out;
}

Result<PackIndex> parse_pack_index(Bytes file, std::string_view source) { return PackIndexReader(file, source).read(); }

}  // namespace galago::formats
