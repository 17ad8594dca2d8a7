#include "formats/gguf.h"

#include <algorithm>
#include <bit>
#include <numeric>

#include "base/checked.h"
#include "base/error.h"
#include "base/try.h"
#include "formats/gguf_consistency.h"
#include "formats/gguf_cursor.h"
#include "formats/quote.h"
#include "formats/tensor_checks.h"

namespace galago::formats {
namespace {

constexpr std::uint64_t kDefaultAlignment = 32;
// Far above every published file; they bound the memory a hostile count can cost.
constexpr std::uint64_t kMaxKeys = 1 << 16;
constexpr std::uint64_t kMaxTensors = 1 << 18;
constexpr std::uint64_t kMaxNameBytes = 1024;
constexpr std::uint32_t kMaxDims = 8;            // ggml itself knows 4
constexpr std::uint64_t kLeastEntryBytes = 13;   // of a key-value pair: key length, type, one byte of value
constexpr std::uint64_t kLeastTensorBytes = 24;  // of a tensor's header: name length, dims, type, offset

class GgufParser {
 public:
  GgufParser(Bytes bytes, std::string_view source) : bytes_(bytes), source_(source), cursor_(bytes, source) {}

  Result<GgufFile> parse() {
    GALAGO_CHECK(read_version());
    GALAGO_CHECK(read_counts());
    GALAGO_CHECK(read_metadata());
    GALAGO_CHECK(read_alignment());
    GALAGO_CHECK(read_tensors());
    GALAGO_CHECK(place_tensors());
    GALAGO_CHECK(refuse_overlaps());
    GALAGO_CHECK(refuse_duplicate_names(file_.tensors, source_));
    return std::move(file_);
  }

 private:
  template <class... Args>
  Error corrupt(fmt::format_string<Args...> format, Args&&... args) const {
    return error(ErrorCode::kCorrupt, "{}: {}", source_, fmt::format(format, std::forward<Args>(args)...));
  }

  Status read_version();
  Status read_counts();
  Status read_metadata();
  Status read_alignment();
  Status read_tensors();
  Result<StoredTensor> read_tensor(std::uint64_t index);
  Status read_shape(StoredTensor& tensor);
  Status place_tensors();
  Status refuse_overlaps() const;

  Bytes bytes_;
  std::string_view source_;
  GgufCursor cursor_;
  GgufFile file_;
  std::uint64_t n_tensors_ = 0;
  std::uint64_t n_keys_ = 0;
  std::vector<std::uint64_t> offsets_;  // of each tensor, from the beginning of the data
};

Status GgufParser::read_version() {
  cursor_.set_field("the header");
  GALAGO_TRY(const auto magic, cursor_.number<std::uint32_t>());
  if (magic != kGgufMagic) return corrupt("is not a GGUF file (it begins with 0x{:08x}, not with \"GGUF\")", magic);
  GALAGO_TRY(file_.version, cursor_.number<std::uint32_t>());
  // A version this large is a small one in the other byte order.
  if ((file_.version & 0xffff) == 0 && file_.version != 0) {
    return error(ErrorCode::kUnsupported,
                 "{}: is a big-endian GGUF file; convert it to little-endian (gguf-convert-endian)", source_);
  }
  if (file_.version != 2 && file_.version != 3) {
    return error(ErrorCode::kUnsupported, "{}: GGUF version {} is not supported (2 and 3 are); convert the model anew",
                 source_, file_.version);
  }
  return {};
}

Status GgufParser::read_counts() {
  GALAGO_TRY(n_tensors_, cursor_.number<std::uint64_t>());
  GALAGO_TRY(n_keys_, cursor_.number<std::uint64_t>());
  if (n_keys_ > kMaxKeys || n_keys_ > cursor_.left() / kLeastEntryBytes) {
    return corrupt("claims {} metadata keys, more than its {} bytes can hold (limit {})", n_keys_, bytes_.size(),
                   kMaxKeys);
  }
  if (n_tensors_ > kMaxTensors || n_tensors_ > cursor_.left() / kLeastTensorBytes) {
    return corrupt("claims {} tensors, more than its {} bytes can hold (limit {})", n_tensors_, bytes_.size(),
                   kMaxTensors);
  }
  return {};
}

Status GgufParser::read_metadata() {
  std::vector<GgufMetadata::Entry> entries;
  entries.reserve(n_keys_);
  for (std::uint64_t i = 0; i < n_keys_; ++i) {
    cursor_.set_field("a metadata key");
    GALAGO_TRY(const std::string_view key, cursor_.string());
    if (key.empty() || key.size() > kMaxNameBytes) {
      return corrupt("metadata key {} has {} bytes; 1 to {} are allowed", i, key.size(), kMaxNameBytes);
    }
    cursor_.set_field(key);
    GALAGO_TRY(const GgufType type, cursor_.type());
    GALAGO_TRY(const GgufValue value, cursor_.value(type));
    entries.push_back({key, value});
  }
  GALAGO_TRY(file_.metadata, GgufMetadata::from_entries(std::move(entries), std::string(source_)));
  return check_gguf_metadata(file_.metadata);
}

Status GgufParser::read_alignment() {
  constexpr std::string_view kKey = "general.alignment";
  GALAGO_TRY(file_.alignment, file_.metadata.get_u64(kKey, kDefaultAlignment));
  if (!std::has_single_bit(file_.alignment) || file_.alignment > (1u << 30)) {
    return corrupt("metadata key \"{}\" is {}; it must be a power of two up to 2^30", kKey, file_.alignment);
  }
  return {};
}

Status GgufParser::read_tensors() {
  file_.tensors.reserve(n_tensors_);
  offsets_.reserve(n_tensors_);
  for (std::uint64_t i = 0; i < n_tensors_; ++i) {
    GALAGO_TRY(StoredTensor tensor, read_tensor(i));
    file_.tensors.push_back(std::move(tensor));
  }
  // A file without tensors need not be padded.
  const auto begin = checked_align(cursor_.offset(), file_.alignment);
  file_.data_offset = n_tensors_ == 0 ? cursor_.offset() : begin.value_or(bytes_.size());
  return {};
}

Result<StoredTensor> GgufParser::read_tensor(std::uint64_t index) {
  cursor_.set_field("a tensor's name");
  GALAGO_TRY(const std::string_view name, cursor_.string());
  if (name.empty() || name.size() > kMaxNameBytes) {
    return corrupt("the name of tensor {} has {} bytes; 1 to {} are allowed", index, name.size(), kMaxNameBytes);
  }
  cursor_.set_field(name);
  StoredTensor tensor;
  tensor.name = name;
  GALAGO_CHECK(read_shape(tensor));
  GALAGO_TRY(const auto type, cursor_.number<std::uint32_t>());
  const auto dtype = dtype_from_ggml(type);
  if (!dtype) {
    return error(ErrorCode::kUnsupported, "{}: tensor {} has ggml type {}, which is unknown here", source_, quote(name),
                 type);
  }
  tensor.dtype = *dtype;
  GALAGO_TRY(const auto offset, cursor_.number<std::uint64_t>());
  offsets_.push_back(offset);
  return tensor;
}

Status GgufParser::read_shape(StoredTensor& tensor) {
  GALAGO_TRY(const auto n_dims, cursor_.number<std::uint32_t>());
  if (n_dims > kMaxDims) {
    return corrupt("tensor {} has {} dimensions; at most {} are allowed", quote(tensor.name), n_dims, kMaxDims);
  }
  for (std::uint32_t i = 0; i < n_dims; ++i) {
    GALAGO_TRY(const auto dim, cursor_.number<std::uint64_t>());
    const auto size = checked_cast<std::int64_t>(dim);
    if (!size) return corrupt("tensor {} has a dimension of {}, which is too large", quote(tensor.name), dim);
    tensor.shape.push_back(*size);
  }
  std::ranges::reverse(tensor.shape);  // the file has the innermost first
  return {};
}

Status GgufParser::place_tensors() {
  const std::uint64_t data_bytes = bytes_.size() - std::min<std::uint64_t>(file_.data_offset, bytes_.size());
  for (std::size_t i = 0; i < file_.tensors.size(); ++i) {
    StoredTensor& tensor = file_.tensors[i];
    const auto size = byte_size(tensor.dtype, tensor.shape);
    if (!size) {
      return corrupt(
          "tensor {} of type {} cannot have shape {}: its rows are no whole blocks of {}, or its size "
          "overflows",
          quote(tensor.name), name(tensor.dtype), shape_text(tensor.shape), info(tensor.dtype).block_elements);
    }
    const std::uint64_t offset = offsets_[i];
    if (offset % file_.alignment != 0) {
      return corrupt("tensor {} lies at offset {}, which is no multiple of the alignment {}", quote(tensor.name),
                     offset, file_.alignment);
    }
    if (offset > data_bytes || *size > data_bytes - offset) {
      return corrupt(
          "tensor {} ({} bytes at offset {}) runs past the end of the data ({} bytes); the file is cut off "
          "or corrupt",
          quote(tensor.name), *size, offset, data_bytes);
    }
    tensor.data = *size == 0 ? Bytes{} : bytes_.subspan(file_.data_offset + offset, *size);
  }
  return {};
}

Status GgufParser::refuse_overlaps() const {
  std::vector<const StoredTensor*> order;
  for (const StoredTensor& tensor : file_.tensors) {
    if (!tensor.data.empty()) order.push_back(&tensor);
  }
  std::ranges::sort(order, {}, [](const StoredTensor* tensor) { return tensor->data.data(); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (order[i - 1]->data.data() + order[i - 1]->data.size() > order[i]->data.data()) {
      return corrupt("tensors {} and {} overlap", quote(order[i - 1]->name), quote(order[i]->name));
    }
  }
  return {};
}

}  // namespace

Result<GgufFile> parse_gguf(Bytes bytes, std::string_view source) { return GgufParser(bytes, source).parse(); }

}  // namespace galago::formats
