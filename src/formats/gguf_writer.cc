#include "formats/gguf_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "base/atomic_file.h"
#include "base/checked.h"
#include "base/error.h"
#include "base/try.h"
#include "formats/quote.h"
#include "formats/tensor_checks.h"

namespace galago::formats {
namespace {

constexpr std::uint32_t kVersion = 3;

// Not insert(): g++ 12 warns of overflows that are not there when it inlines that.
void append(std::vector<std::byte>& out, Bytes bytes) {
  if (bytes.empty()) return;
  const std::size_t end = out.size();
  out.resize(end + bytes.size());
  std::memcpy(out.data() + end, bytes.data(), bytes.size());
}

template <class T>
void append_number(std::vector<std::byte>& out, T value) {
  append(out, std::as_bytes(std::span(&value, 1)));
}

void append_string(std::vector<std::byte>& out, std::string_view text) {
  append_number<std::uint64_t>(out, text.size());
  append(out, std::as_bytes(std::span(text.data(), text.size())));
}

std::uint64_t padding(std::uint64_t size, std::uint64_t alignment) {
  return (alignment - size % alignment) % alignment;
}

// Collects in memory what AtomicFile writes to disk.
class MemorySink {
 public:
  Status write(Bytes bytes) {
    append(out_, bytes);
    return {};
  }
  Status write_zeros(std::uint64_t count) {
    out_.resize(out_.size() + count);
    return {};
  }
  std::vector<std::byte> take() { return std::move(out_); }

 private:
  std::vector<std::byte> out_;
};

}  // namespace

void GgufWriter::set(std::string_view key, std::string_view value) {
  std::vector<std::byte> encoded;
  append_string(encoded, value);
  put(key, GgufType::kString, encoded);
}

void GgufWriter::set_strings(std::string_view key, std::span<const std::string_view> values) {
  std::vector<std::byte> encoded;
  for (const std::string_view value : values) append_string(encoded, value);
  put_array(key, GgufType::kString, values.size(), encoded);
}

void GgufWriter::copy(std::string_view key, const GgufValue& value) {
  if (value.type == GgufType::kArray) return put_array(key, value.element_type, value.count, value.bytes);
  if (value.type == GgufType::kString) return set(key, value.as_string());
  put(key, value.type, value.bytes);
}

void GgufWriter::put(std::string_view key, GgufType type, Bytes value) {
  if (key == "general.alignment") {
    alignment_ = 0;  // refused by check() unless it is a u32
    if (type == GgufType::kU32) {
      std::uint32_t number = 0;
      std::memcpy(&number, value.data(), sizeof(number));
      alignment_ = number;
    }
  }
  keys_.emplace_back(key);
  append_string(metadata_, key);
  append_number(metadata_, static_cast<std::uint32_t>(type));
  append(metadata_, value);
}

void GgufWriter::put_array(std::string_view key, GgufType element, std::uint64_t count, Bytes elements) {
  std::vector<std::byte> encoded;
  append_number(encoded, static_cast<std::uint32_t>(element));
  append_number(encoded, count);
  append(encoded, elements);
  put(key, GgufType::kArray, encoded);
}

void GgufWriter::align_data(std::string_view key, std::uint64_t alignment) {
  GgufWriter padded = *this;
  padded.set(key, std::string_view());
  const std::uint64_t size = padded.header().size();  // a multiple of alignment_, as the blanks then are
  set(key, std::string(padding(size, alignment), ' '));
}

Status GgufWriter::check() const {
  if (!std::has_single_bit(alignment_)) {
    return error(ErrorCode::kInvalidArgument, "\"general.alignment\" must be a u32 that is a power of two");
  }
  std::vector<std::string_view> keys(keys_.begin(), keys_.end());
  std::ranges::sort(keys);
  if (const auto twice = std::ranges::adjacent_find(keys); twice != keys.end()) {
    return error(ErrorCode::kInvalidArgument, "metadata key {} is written twice", quote(*twice));
  }
  for (const StoredTensor& tensor : tensors_) {
    const auto size = byte_size(tensor.dtype, tensor.shape);
    if (!size || *size != tensor.data.size()) {
      return error(ErrorCode::kInvalidArgument, "tensor {} of type {} and shape {} is written with {} bytes",
                   quote(tensor.name), galago::name(tensor.dtype), shape_text(tensor.shape), tensor.data.size());
    }
    if (info(tensor.dtype).ggml_id < 0) {
      return error(ErrorCode::kUnsupported, "tensor {} is of type {}, which GGUF cannot hold", quote(tensor.name),
                   galago::name(tensor.dtype));
    }
  }
  return refuse_duplicate_names(tensors_, "the new file");
}

std::vector<std::byte> GgufWriter::header() const {
  std::vector<std::byte> out;
  append_number(out, kGgufMagic);
  append_number(out, kVersion);
  append_number<std::uint64_t>(out, tensors_.size());
  append_number<std::uint64_t>(out, keys_.size());
  append(out, metadata_);
  std::uint64_t offset = 0;
  for (const StoredTensor& tensor : tensors_) {
    append_string(out, tensor.name);
    append_number(out, static_cast<std::uint32_t>(tensor.shape.size()));
    for (auto dim = tensor.shape.rbegin(); dim != tensor.shape.rend(); ++dim) append_number(out, *dim);
    append_number(out, static_cast<std::uint32_t>(info(tensor.dtype).ggml_id));
    append_number(out, offset);
    offset += tensor.data.size() + padding(tensor.data.size(), alignment_);
  }
  out.resize(out.size() + padding(out.size(), alignment_));
  return out;
}

template <class Sink>
Status GgufWriter::stream(Sink& sink) const {
  GALAGO_CHECK(check());
  GALAGO_CHECK(sink.write(header()));
  for (const StoredTensor& tensor : tensors_) {
    GALAGO_CHECK(sink.write(tensor.data));
    GALAGO_CHECK(sink.write_zeros(padding(tensor.data.size(), alignment_)));
  }
  return {};
}

Result<std::vector<std::byte>> GgufWriter::to_bytes() const {
  MemorySink sink;
  GALAGO_CHECK(stream(sink));
  return sink.take();
}

Status GgufWriter::write(const std::filesystem::path& path) const {
  GALAGO_TRY(AtomicFile file, AtomicFile::create(path));
  GALAGO_CHECK(stream(file));
  return file.commit();
}

}  // namespace galago::formats
