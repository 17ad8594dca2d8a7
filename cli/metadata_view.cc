#include "cli/metadata_view.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>

#include "base/json.h"
#include "cli/escape.h"
#include "cli/table.h"

namespace galago::cli {
namespace {

constexpr std::uint64_t kLongArray = 16;  // longer ones are shortened
constexpr std::size_t kShown = 6;         // of a shortened array
constexpr std::size_t kLongText = 100;

using formats::GgufType;
using formats::GgufValue;

Json number_json(const GgufValue& value) {
  const formats::GgufNumbers numbers(value.type, value.bytes);
  if (value.type == GgufType::kBool) return numbers.i64(0) != 0;
  if (numbers.is_float()) return numbers.f64(0);
  // i64() saturates, and u64 has larger values.
  if (value.type == GgufType::kU64) {
    std::uint64_t wide = 0;
    std::memcpy(&wide, value.bytes.data(), std::min(sizeof wide, value.bytes.size()));
    return wide;
  }
  return numbers.i64(0);
}

std::string array_type(const GgufValue& value) {
  return fmt::format("{}[{}]", formats::to_string(value.element_type), value.count);
}

Json value_json(const GgufValue& value, bool everything) {
  if (value.type == GgufType::kString) return std::string(value.as_string());
  if (value.type != GgufType::kArray) return number_json(value);
  const std::vector<GgufValue> elements = value.elements();
  const bool whole = everything || value.count <= kLongArray;
  Json shown = Json::array();
  for (std::size_t i = 0; i < (whole ? elements.size() : std::min(kShown, elements.size())); ++i) {
    shown.push_back(value_json(elements[i], everything));
  }
  if (whole) return shown;
  return Json{{"type", std::string(formats::to_string(value.element_type))},
              {"count", value.count},
              {"first", std::move(shown)}};
}

std::string json_text(const Json& value, bool everything);

std::string array_text(const Json& array, std::size_t total, bool everything) {
  std::string text = "[";
  const std::size_t shown = everything || total <= kLongArray ? array.size() : std::min(kShown, array.size());
  for (std::size_t i = 0; i < shown; ++i) text += (i > 0 ? ", " : "") + json_text(array[i], everything);
  return text + (shown < total ? fmt::format(", ... {} in all]", total) : "]");
}

std::string json_text(const Json& value, bool everything) {
  if (value.is_string()) {
    return in_quotes(*value.get_ptr<const std::string*>(), everything ? std::string_view::npos : kLongText);
  }
  if (value.is_array()) return array_text(value, value.size(), everything);
  return printable(write_json(value));
}

std::string gguf_text(const GgufValue& value, bool everything) {
  if (value.type == GgufType::kString) {
    return in_quotes(value.as_string(), everything ? std::string_view::npos : kLongText);
  }
  // As few digits as tell the float from its neighbours.
  if (value.type == GgufType::kF32) {
    return fmt::format("{}", static_cast<float>(formats::GgufNumbers(value.type, value.bytes).f64(0)));
  }
  if (value.type != GgufType::kArray) return json_text(number_json(value), everything);
  const Json json = value_json(value, everything);
  const Json* first = json.is_object() ? find(json, "first") : &json;
  return array_type(value) + " " + array_text(*first, static_cast<std::size_t>(value.count), everything);
}

// Keys of objects within objects are joined by dots.
void add_config(const Json& object, const std::string& prefix, bool everything, Table& table) {
  for (auto member = object.begin(); member != object.end(); ++member) {
    const std::string key = prefix + printable(member.key());
    if (member->is_object() && !member->empty())
      add_config(*member, key + ".", everything, table);
    else
      table.add({key, json_text(*member, everything)});
  }
}

}  // namespace

std::string describe_metadata(const formats::Checkpoint& checkpoint, bool everything) {
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  if (checkpoint.format() == formats::ContainerFormat::kGguf) {
    for (const auto& entry : checkpoint.metadata().entries()) {
      table.add({printable(entry.key), gguf_text(entry.value, everything)});
    }
  } else {
    add_config(checkpoint.config(), "", everything, table);
    add_config(checkpoint.generation_config(), "generation_config.", everything, table);
  }
  const std::string text = table.to_string(2);
  return text.empty() ? "  none\n" : text;
}

Json metadata_json(const formats::Checkpoint& checkpoint, bool everything) {
  if (checkpoint.format() == formats::ContainerFormat::kHuggingFace) {
    return Json{{"config", checkpoint.config()}, {"generation_config", checkpoint.generation_config()}};
  }
  Json json = Json::object();
  // emplace_back and not [], which would search all keys before each.
  auto* members = json.get_ptr<Json::object_t*>();
  for (const auto& entry : checkpoint.metadata().entries()) {
    members->emplace_back(std::string(entry.key), value_json(entry.value, everything));
  }
  return json;
}

}  // namespace galago::cli
