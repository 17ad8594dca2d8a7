#include "cli/inspection.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <unordered_map>

#include "base/json.h"
#include "cli/escape.h"
#include "cli/metadata_view.h"
#include "cli/table.h"

namespace galago::cli {
namespace {

using Align = Table::Align;

std::uint64_t product(const std::vector<std::int64_t>& shape) {
  std::uint64_t n = 1;  // formats has proven that it does not overflow
  for (const std::int64_t size : shape) n *= static_cast<std::uint64_t>(size);
  return n;
}

std::string format_name(const formats::Checkpoint& checkpoint) {
  if (checkpoint.format() == formats::ContainerFormat::kHuggingFace && checkpoint.packed() == nullptr) {
    return checkpoint.path().extension() == ".safetensors" ? "safetensors" : "Hugging Face";
  }
  std::uint32_t version = 0;  // after the four letters of the magic
  if (!checkpoint.files().empty() && checkpoint.files()[0]->bytes().size() >= 8) {
    std::memcpy(&version, checkpoint.files()[0]->bytes().data() + 4, sizeof version);
  }
  return fmt::format("GGUF v{}", version);
}

// A hostile file may name as many types and tensors as it has bytes for: looked up, not searched.
class TypeShares {
 public:
  void add(std::string_view type, std::uint64_t parameters, std::uint64_t bytes) {
    const auto [place, is_new] = index_.try_emplace(std::string(type), shares_.size());
    if (is_new) shares_.push_back({std::string(type)});
    TypeShare& share = shares_[place->second];
    ++share.tensors;
    share.parameters += parameters;
    share.bytes += bytes;
  }
  std::vector<TypeShare> take() { return std::move(shares_); }

 private:
  std::vector<TypeShare> shares_;
  std::unordered_map<std::string, std::size_t> index_;
};

double share_of(std::uint64_t part, std::uint64_t whole) {
  return whole > 0 ? static_cast<double>(part) / static_cast<double>(whole) : 0;
}

std::string describe_types(const CheckpointSummary& summary) {
  Table table({Align::kLeft, Align::kRight, Align::kRight, Align::kRight, Align::kRight});
  table.add({"type", "tensors", "parameters", "bytes", "share"});
  for (const TypeShare& type : summary.types) {
    table.add({printable(type.type), std::to_string(type.tensors), human_count(type.parameters),
               human_bytes(type.bytes), fmt::format("{:.1f} %", 100 * share_of(type.bytes, summary.tensor_bytes))});
  }
  return table.to_string(2);
}

// A name in which numbers count layers: "blk.*.attn_q.weight".
std::string pattern_of(std::string_view name) {
  std::string pattern;
  bool part_begins = true;
  for (std::size_t i = 0; i < name.size();) {
    std::size_t end = i;
    while (part_begins && end < name.size() && name[end] >= '0' && name[end] <= '9') ++end;
    if (end > i && (end == name.size() || name[end] == '.')) {
      pattern += '*';
      i = end;
    }
    if (i >= name.size()) break;
    part_begins = name[i] == '.';
    pattern += name[i++];
  }
  return pattern;
}

// Tensors that differ in layer numbers alone share a line.
std::string describe_tensors(const formats::Checkpoint& checkpoint, bool everything) {
  struct Line {
    std::string name, type, shape;
    std::int64_t count = 0;
    std::uint64_t bytes = 0;
  };
  std::vector<Line> lines;
  std::unordered_map<std::string, std::size_t> index;
  const auto add = [&](std::string_view name, std::string_view type, const auto& shape, std::uint64_t bytes) {
    Line line{everything ? std::string(name) : pattern_of(name), std::string(type), shape_text(shape)};
    const std::string key = line.name + '\0' + line.type + '\0' + line.shape;  // names are unique without patterns
    const auto [place, is_new] = index.try_emplace(key, lines.size());
    if (is_new) lines.push_back(std::move(line));
    ++lines[place->second].count;
    lines[place->second].bytes += bytes;
  };
  for (const formats::StoredTensor& t : checkpoint.tensors()) {
    const std::string type = std::string(name(t.dtype)) + (t.packed.empty() ? "" : " (packed)");
    add(t.name, type, t.shape, t.stored_bytes());
  }
  for (const formats::UnsupportedTensor& t : checkpoint.unsupported_tensors()) {
    add(t.name, t.type + " (unsupported)", t.shape, t.bytes);
  }
  Table table({Align::kRight, Align::kLeft, Align::kLeft, Align::kLeft, Align::kRight});
  for (const Line& line : lines) {
    table.add({line.count > 1 ? fmt::format("{} x", line.count) : "", printable(line.name), printable(line.type),
               line.shape, human_bytes(line.bytes)});
  }
  return table.to_string(2);
}

}  // namespace

std::string shape_text(const std::vector<std::int64_t>& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

CheckpointSummary summarize(const formats::Checkpoint& checkpoint) {
  CheckpointSummary summary;
  TypeShares types;
  summary.format = format_name(checkpoint);
  for (const auto& file : checkpoint.files()) summary.file_bytes += file->bytes().size();
  for (const formats::StoredTensor& tensor : checkpoint.tensors()) {
    types.add(name(tensor.dtype), product(tensor.shape), tensor.stored_bytes());
  }
  for (const formats::UnsupportedTensor& tensor : checkpoint.unsupported_tensors()) {
    types.add(tensor.type, product(tensor.shape), tensor.bytes);
  }
  summary.types = types.take();
  for (const TypeShare& type : summary.types) {
    summary.parameters += type.parameters;
    summary.tensor_bytes += type.bytes;
  }
  std::stable_sort(summary.types.begin(), summary.types.end(),
                   [](const TypeShare& a, const TypeShare& b) { return a.bytes > b.bytes; });
  return summary;
}

std::string describe(const formats::Checkpoint& checkpoint, bool everything) {
  const CheckpointSummary summary = summarize(checkpoint);
  const std::size_t n_tensors = checkpoint.tensors().size() + checkpoint.unsupported_tensors().size();
  Table table({Align::kLeft, Align::kLeft});
  table.add({"path", printable(checkpoint.path().string())});
  table.add({"format", summary.format});
  table.add({"architecture", checkpoint.architecture().empty() ? "not named" : printable(checkpoint.architecture())});
  table.add({"size", fmt::format("{} bytes ({}) in {} file{}", summary.file_bytes, human_bytes(summary.file_bytes),
                                 checkpoint.files().size(), checkpoint.files().size() == 1 ? "" : "s")});
  table.add({"parameters",
             fmt::format("{} ({}) in {} tensors", summary.parameters, human_count(summary.parameters), n_tensors)});
  if (const formats::PackedPart* packed = checkpoint.packed()) {
    table.add({"packed", fmt::format("{} tensors for {}, {}", packed->index.tensors.size(),
                                     printable(packed->index.isa), human_bytes(packed->bytes.size()))});
  }
  if (summary.parameters > 0) {
    table.add(
        {"bits", fmt::format("{:.2f} for each parameter", 8 * share_of(summary.tensor_bytes, summary.parameters))});
  }
  std::string text = table.to_string();
  if (n_tensors > 0) {
    text += "\nTypes:\n" + describe_types(summary);
    text += everything ? "\nTensors:\n" : "\nTensors (-v names them all; * counts layers):\n";
    text += describe_tensors(checkpoint, everything);
  }
  return text + "\nMetadata:\n" + describe_metadata(checkpoint, everything);
}

Json summary_json(const formats::Checkpoint& checkpoint, bool everything) {
  const CheckpointSummary summary = summarize(checkpoint);
  Json json;
  json["path"] = checkpoint.path().string();
  json["format"] = summary.format;
  json["architecture"] = checkpoint.architecture();
  json["file_bytes"] = summary.file_bytes;
  json["files"] = checkpoint.files().size();
  json["parameters"] = summary.parameters;
  json["tensor_bytes"] = summary.tensor_bytes;
  if (const formats::PackedPart* packed = checkpoint.packed()) {
    json["packed"] = {{"isa", packed->index.isa},
                      {"tensors", packed->index.tensors.size()},
                      {"bytes", packed->bytes.size()},
                      {"source", packed->index.source}};
  }
  json["quantization"] = Json::array();
  for (const TypeShare& type : summary.types) {
    json["quantization"].push_back({{"dtype", type.type},
                                    {"tensors", type.tensors},
                                    {"parameters", type.parameters},
                                    {"bytes", type.bytes},
                                    {"share", share_of(type.bytes, summary.tensor_bytes)}});
  }
  json["tensors"] = Json::array();
  for (const formats::StoredTensor& t : checkpoint.tensors()) {
    json["tensors"].push_back(
        {{"name", t.name}, {"dtype", name(t.dtype)}, {"shape", t.shape}, {"bytes", t.stored_bytes()}});
    if (!t.packed.empty()) json["tensors"].back()["packed"] = true;
  }
  json["unsupported_tensors"] = Json::array();
  for (const formats::UnsupportedTensor& t : checkpoint.unsupported_tensors()) {
    json["unsupported_tensors"].push_back(
        {{"name", t.name}, {"dtype", t.type}, {"shape", t.shape}, {"bytes", t.bytes}});
  }
  json["metadata"] = metadata_json(checkpoint, everything);
  return json;
}

}  // namespace galago::cli
