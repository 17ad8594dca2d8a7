// json.dumps(), which transformers' tojson calls.
#include <cmath>

#include "base/try.h"
#include "text/jinja/number_text.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

class JsonWriter {
 public:
  JsonWriter(Runtime& runtime, const JsonTextOptions& options) : runtime_(runtime), options_(options) {}
  Status write(const Value& value, int level);
  std::string take() { return std::move(out_); }

 private:
  Status write_list(const std::vector<Value>& items, int level);
  Status write_dict(const DictObject& dict, int level);
  Result<std::string> key_text(const Value& key);
  void write_string(std::string_view text);
  void escape_code(std::uint32_t unit) { out_ += fmt::format("\\u{:04x}", unit); }
  Status new_line(int level);

  Runtime& runtime_;
  const JsonTextOptions& options_;
  std::string out_;
};

std::string number_text(double number) {
  if (std::isnan(number)) return "NaN";
  if (std::isinf(number)) return number < 0 ? "-Infinity" : "Infinity";
  return float_repr(number);
}

Status JsonWriter::new_line(int level) {
  if (!options_.pretty) return {};
  GALAGO_CHECK(runtime_.step_bytes(static_cast<std::int64_t>(options_.indent.size()) * level));
  out_ += '\n';
  for (int i = 0; i < level; ++i) out_ += options_.indent;
  return {};
}

void JsonWriter::write_string(std::string_view text) {
  out_ += '"';
  for (std::size_t i = 0; i < text.size();) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte >= 0x80 && options_.ensure_ascii) {
      const Decoded c = decode_utf8(text, i);
      auto code = static_cast<std::uint32_t>(c.code_point);
      if (code >= 0x10000) {
        code -= 0x10000;
        escape_code(0xD800 + (code >> 10));
        escape_code(0xDC00 + (code & 0x3FF));
      } else {
        escape_code(code);
      }
      i += c.size;
      continue;
    }
    switch (byte) {
      case '"': out_ += "\\\""; break;
      case '\\': out_ += "\\\\"; break;
      case '\n': out_ += "\\n"; break;
      case '\r': out_ += "\\r"; break;
      case '\t': out_ += "\\t"; break;
      case '\f': out_ += "\\f"; break;
      case '\b': out_ += "\\b"; break;
      default:
        if (byte < 0x20 || (byte == 0x7F && options_.ensure_ascii)) {
          escape_code(byte);
        } else {
          out_ += static_cast<char>(byte);
        }
    }
    ++i;
  }
  out_ += '"';
}

Result<std::string> JsonWriter::key_text(const Value& key) {
  switch (key.kind()) {
    case Kind::kString: return key.text();
    case Kind::kNone: return std::string("null");
    case Kind::kBool: return std::string(key.as_bool() ? "true" : "false");
    case Kind::kInt: return std::to_string(key.as_int());
    case Kind::kFloat: return number_text(key.as_float());
    default: return runtime_.fail("keys must be str, int, float, bool or None, not {}", type_name(key));
  }
}

Status JsonWriter::write_list(const std::vector<Value>& items, int level) {
  if (items.empty()) {
    out_ += "[]";
    return {};
  }
  out_ += '[';
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out_ += options_.item_separator;
    GALAGO_CHECK(new_line(level + 1));
    GALAGO_CHECK(write(items[i], level + 1));
  }
  GALAGO_CHECK(new_line(level));
  out_ += ']';
  return {};
}

Status JsonWriter::write_dict(const DictObject& dict, int level) {
  std::vector<Value> keys;
  std::vector<Value> values;
  for (const auto& [key, value] : dict.entries()) {
    keys.push_back(key);
    values.push_back(runtime_.tuple({key, value}));
  }
  if (keys.empty()) {
    out_ += "{}";
    return {};
  }
  if (options_.sort_keys) {
    GALAGO_TRY(values, sort_values(runtime_, std::move(values), keys, false));
  }
  out_ += '{';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i != 0) out_ += options_.item_separator;
    GALAGO_CHECK(new_line(level + 1));
    GALAGO_TRY(const std::string key, key_text(values[i].items()[0]));
    write_string(key);
    out_ += options_.key_separator;
    GALAGO_CHECK(write(values[i].items()[1], level + 1));
  }
  GALAGO_CHECK(new_line(level));
  out_ += '}';
  return {};
}

Status JsonWriter::write(const Value& value, int level) {
  GALAGO_CHECK(runtime_.step());
  const Runtime::Depth depth(runtime_);
  GALAGO_CHECK(runtime_.check_depth());
  GALAGO_CHECK(runtime_.check_size(out_.size()));
  switch (value.kind()) {
    case Kind::kNone: out_ += "null"; return {};
    case Kind::kBool: out_ += value.as_bool() ? "true" : "false"; return {};
    case Kind::kInt: out_ += std::to_string(value.as_int()); return {};
    case Kind::kFloat: out_ += number_text(value.as_float()); return {};
    case Kind::kString:
      GALAGO_CHECK(runtime_.step_over(value.text()));
      write_string(value.text());
      return {};
    case Kind::kList:
    case Kind::kTuple: return write_list(value.items(), level);
    case Kind::kDict: return write_dict(value.dict(), level);
    default: return runtime_.fail("Object of type {} is not JSON serializable", type_name(value));
  }
}

}  // namespace

Result<std::string> to_json_text(Runtime& runtime, const Value& value, const JsonTextOptions& options) {
  JsonWriter writer(runtime, options);
  GALAGO_CHECK(writer.write(value, 0));
  return writer.take();
}

}  // namespace galago::text::jinja
