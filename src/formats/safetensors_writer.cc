#include "formats/safetensors_writer.h"

#include <algorithm>
#include <cctype>

#include "base/atomic_file.h"
#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "formats/quote.h"
#include "formats/tensor_checks.h"

namespace galago::formats {
namespace {

using Order = std::vector<const StoredTensor*>;

Result<Order> ordered(std::span<const StoredTensor> tensors) {
  Order order;
  for (const StoredTensor& tensor : tensors) {
    const auto size = byte_size(tensor.dtype, tensor.shape);
    if (!size || *size != tensor.data.size()) {
      return error(ErrorCode::kInvalidArgument, "tensor {} of type {} and shape {} is written with {} bytes",
                   quote(tensor.name), galago::name(tensor.dtype), shape_text(tensor.shape), tensor.data.size());
    }
    if (is_block_format(tensor.dtype)) {
      return error(ErrorCode::kUnsupported, "tensor {} is of type {}, which safetensors cannot hold; write a GGUF file",
                   quote(tensor.name), galago::name(tensor.dtype));
    }
    if (tensor.name == "__metadata__") {
      return error(ErrorCode::kInvalidArgument, "a tensor cannot be named __metadata__ in a safetensors file");
    }
    order.push_back(&tensor);
  }
  GALAGO_CHECK(refuse_duplicate_names(tensors, "the new file"));
  std::ranges::sort(order, {}, [](const StoredTensor* tensor) {
    return std::pair<int, std::string_view>(-info(tensor->dtype).block_bytes, tensor->name);
  });
  return order;
}

std::string type_name(DType dtype) {
  std::string text(galago::name(dtype));
  std::ranges::transform(text, text.begin(), [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  return text;
}

// The length field and the JSON, padded with blanks so that the data begin at a multiple of 8.
std::string header(const Order& order, const SafetensorsMetadata& metadata) {
  Json strings = Json::object();
  for (const auto& [key, value] : metadata) strings[key] = value;
  std::uint64_t offset = 0;
  std::string text = "{";
  const auto add = [&](const std::string& name, const Json& value) {
    if (text.size() > 1) text += ',';
    text += write_json(Json(name)) + ':' + write_json(value);
  };
  if (!metadata.empty()) add("__metadata__", strings);
  for (const StoredTensor* tensor : order) {
    Json entry = Json::object();
    entry["dtype"] = type_name(tensor->dtype);
    entry["shape"] = tensor->shape;
    entry["data_offsets"] = {offset, offset + tensor->data.size()};
    add(tensor->name, entry);
    offset += tensor->data.size();
  }
  text += '}';
  text.resize((text.size() + 7) / 8 * 8, ' ');
  const std::uint64_t length = text.size();
  return std::string(reinterpret_cast<const char*>(&length), sizeof(length)) + text;
}

Bytes bytes_of(std::string_view text) { return std::as_bytes(std::span(text.data(), text.size())); }

}  // namespace

Result<std::vector<std::byte>> safetensors_bytes(std::span<const StoredTensor> tensors,
                                                 const SafetensorsMetadata& metadata) {
  GALAGO_TRY(const Order order, ordered(tensors));
  const std::string head = header(order, metadata);
  std::vector<std::byte> out(bytes_of(head).begin(), bytes_of(head).end());
  for (const StoredTensor* tensor : order) out.insert(out.end(), tensor->data.begin(), tensor->data.end());
  return out;
}

Status write_safetensors(const std::filesystem::path& path, std::span<const StoredTensor> tensors,
                         const SafetensorsMetadata& metadata) {
  GALAGO_TRY(const Order order, ordered(tensors));
  GALAGO_TRY(AtomicFile file, AtomicFile::create(path));
  GALAGO_CHECK(file.write(bytes_of(header(order, metadata))));
  for (const StoredTensor* tensor : order) GALAGO_CHECK(file.write(tensor->data));
  return file.commit();
}

}  // namespace galago::formats
