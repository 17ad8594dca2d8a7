// GGUF: whatever is accepted lies inside the input, can be read to the last byte, and survives being written again.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "formats/chat_templates.h"
#include "formats/gguf.h"
#include "formats/gguf_writer.h"

namespace {

using namespace galago::formats;  // NOLINT: a program of one file

volatile std::uint64_t sink;  // keeps the reads

void touch(galago::Bytes bytes) {
  std::uint64_t sum = 0;
  for (const std::byte byte : bytes) sum += std::to_integer<std::uint64_t>(byte);
  sink = sink + sum;
}

void touch(const GgufValue& value) {
  touch(value.bytes);
  for (const GgufValue& element : value.elements()) touch(element);
}

void use_every_getter(const GgufMetadata& metadata, std::string_view key) {
  (void)metadata.get_string(key);
  (void)metadata.get_u64(key);
  (void)metadata.get_i64(key);
  (void)metadata.get_f64(key);
  (void)metadata.get_bool(key);
  if (const auto strings = metadata.get_strings(key); strings.ok()) {
    for (const std::string_view text : *strings) touch(std::as_bytes(std::span(text.data(), text.size())));
  }
  if (const auto numbers = metadata.get_numbers(key); numbers.ok()) {
    (void)numbers->to_f32();
    (void)numbers->to_i64();
  }
}

void write_again(const GgufFile& file) {
  constexpr std::uint64_t kMaxAlignment = 4096;  // padding to a gigabyte is right, and of no interest
  if (file.alignment > kMaxAlignment) return;
  GgufWriter writer;
  for (const GgufMetadata::Entry& entry : file.metadata.entries()) writer.copy(entry.key, entry.value);
  for (const StoredTensor& tensor : file.tensors) writer.add(tensor);
  const auto bytes = writer.to_bytes();
  if (!bytes.ok()) return;  // an alignment of another type than u32
  const auto again = parse_gguf(*bytes, "again");
  if (!again.ok() || again->tensors.size() != file.tensors.size()) __builtin_trap();
  for (std::size_t i = 0; i < file.tensors.size(); ++i) {
    if (again->tensors[i].shape != file.tensors[i].shape) __builtin_trap();
    if (again->tensors[i].data.size() != file.tensors[i].data.size()) __builtin_trap();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = parse_gguf(std::as_bytes(std::span(data, size)), "fuzz");
  if (!file.ok()) {
    if (file.error().message.empty() || file.error().message.find('\n') != std::string::npos) __builtin_trap();
    return 0;
  }
  for (const GgufMetadata::Entry& entry : file->metadata.entries()) {
    touch(entry.value);
    use_every_getter(file->metadata, entry.key);
  }
  for (const StoredTensor& tensor : file->tensors) touch(tensor.data);
  (void)gguf_chat_templates(file->metadata);
  write_again(*file);
  return 0;
}
