#include <algorithm>

#include "base/error.h"
#include "base/try.h"
#include "formats/quote.h"
#include "formats/safe_name.h"
#include "formats/safetensors.h"
#include "formats/strict_json.h"
#include "formats/tensor_checks.h"

namespace galago::formats {
namespace {

constexpr std::uint64_t kMaxIndexBytes = 100'000'000;

// Where the index says a tensor is; empty when it does not list it.
std::string_view shard_of(const WeightMap& map, std::string_view tensor) {
  const auto found = std::ranges::lower_bound(map, tensor, {}, &WeightMap::value_type::first);
  return found == map.end() || found->first != tensor ? std::string_view{} : std::string_view(found->second);
}

std::vector<std::string> shard_names(const WeightMap& map) {
  std::vector<std::string> names;
  for (const auto& [tensor, shard] : map) names.push_back(shard);
  std::ranges::sort(names);
  const auto rest = std::ranges::unique(names);
  names.erase(rest.begin(), rest.end());
  return names;
}

// A tensor that several shards hold is taken from the one the index names.
template <class Tensor>
void take_listed(const WeightMap& map, std::string_view shard, std::vector<Tensor>& from, std::vector<Tensor>& to) {
  for (Tensor& tensor : from) {
    const std::string_view listed = shard_of(map, tensor.name);
    if (listed.empty() || listed == shard) to.push_back(std::move(tensor));
  }
}

Status check_all_found(const WeightMap& map, const SafetensorsCheckpoint& checkpoint, std::string_view source) {
  std::vector<std::string_view> names;
  for (const StoredTensor& tensor : checkpoint.tensors) names.push_back(tensor.name);
  for (const UnsupportedTensor& tensor : checkpoint.unsupported) names.push_back(tensor.name);
  std::ranges::sort(names);
  if (const auto twice = std::ranges::adjacent_find(names); twice != names.end()) {
    return error(ErrorCode::kCorrupt, "{}: tensor {} is in two shards and not in the weight_map", source,
                 quote(*twice));
  }
  for (const auto& [tensor, shard] : map) {
    if (!std::ranges::binary_search(names, std::string_view(tensor))) {
      return error(ErrorCode::kCorrupt, "{}: tensor {} is not in {}, where the weight_map places it", source,
                   quote(tensor), quote(shard));
    }
  }
  return {};
}

}  // namespace

Result<WeightMap> parse_safetensors_index(std::string_view text, std::string_view source) {
  StrictJson json;
  GALAGO_CHECK(json.parse(text, source));
  simdjson::dom::element value;
  if (json.root().at_key("weight_map").get(value) != simdjson::SUCCESS) {
    return error(ErrorCode::kCorrupt, "{}: lacks \"weight_map\"", source);
  }
  GALAGO_TRY(const simdjson::dom::object members, json.object(value, "weight_map"));
  WeightMap map;
  for (const auto member : members) {
    std::string_view shard;
    if (member.value.get(shard) != simdjson::SUCCESS) {
      return error(ErrorCode::kCorrupt, "{}: weight_map holds {} for tensor {}; a file name is expected", source,
                   StrictJson::type_name(member.value), quote(member.key));
    }
    if (!is_file_name(shard)) {
      return error(ErrorCode::kCorrupt,
                   "{}: weight_map places tensor {} in {}; only names of files beside the index "
                   "are allowed",
                   source, quote(member.key), quote(shard));
    }
    map.emplace_back(member.key, shard);
  }
  std::ranges::sort(map);
  return map;
}

Result<SafetensorsCheckpoint> open_safetensors(const std::filesystem::path& path) {
  GALAGO_TRY(std::shared_ptr<const Mapping> mapping, Mapping::open(path));
  GALAGO_TRY(SafetensorsFile file, parse_safetensors(mapping->bytes(), path.string()));
  for (StoredTensor& tensor : file.tensors) tensor.file = mapping;
  return SafetensorsCheckpoint{std::move(file.tensors), std::move(file.unsupported), {std::move(mapping)}};
}

Result<SafetensorsCheckpoint> open_safetensors_index(const std::filesystem::path& index) {
  GALAGO_TRY(const std::string text, read_text(index, kMaxIndexBytes));
  GALAGO_TRY(const WeightMap map, parse_safetensors_index(text, index.string()));
  SafetensorsCheckpoint all;
  for (const std::string& shard : shard_names(map)) {
    GALAGO_TRY(SafetensorsCheckpoint one, open_safetensors(index.parent_path() / shard));
    take_listed(map, shard, one.tensors, all.tensors);
    take_listed(map, shard, one.unsupported, all.unsupported);
    all.files.push_back(std::move(one.files.front()));
  }
  GALAGO_CHECK(check_all_found(map, all, index.string()));
  return all;
}

}  // namespace galago::formats
