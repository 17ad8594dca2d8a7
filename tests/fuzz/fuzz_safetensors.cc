// safetensors and its index: whatever is accepted lies inside the input and survives being written again.
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "formats/safe_name.h"
#include "formats/safetensors.h"
#include "formats/safetensors_writer.h"

namespace {

using namespace galago::formats;  // NOLINT: a program of one file

volatile std::uint64_t sink;  // keeps the reads

void check_message(const galago::Error& error) {
  if (error.message.empty() || error.message.find('\n') != std::string::npos) __builtin_trap();
}

void check_file(const SafetensorsFile& file) {
  for (const StoredTensor& tensor : file.tensors) {
    for (const std::byte byte : tensor.data) sink = sink + std::to_integer<std::uint64_t>(byte);
  }
  const auto bytes = safetensors_bytes(file.tensors, file.metadata);
  if (!bytes.ok()) __builtin_trap();
  const auto again = parse_safetensors(*bytes, "again");
  if (!again.ok() || again->tensors.size() != file.tensors.size()) __builtin_trap();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = parse_safetensors(std::as_bytes(std::span(data, size)), "fuzz");
  if (file.ok()) {
    check_file(*file);
  } else {
    check_message(file.error());
  }
  const auto map = parse_safetensors_index({reinterpret_cast<const char*>(data), size}, "fuzz");
  if (!map.ok()) {
    check_message(map.error());
    return 0;
  }
  for (const auto& [tensor, shard] : *map) {
    if (!is_file_name(shard) || shard.find('/') != std::string::npos) __builtin_trap();
  }
  return 0;
}
