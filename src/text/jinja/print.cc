// str() and repr().
#include "base/try.h"
#include "text/jinja/characters.h"
#include "text/jinja/number_text.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"
#include "text/unicode.h"

namespace galago::text::jinja {

namespace {

std::string repr_string(std::string_view text) {
  const bool double_quotes = text.find('\'') != std::string_view::npos && text.find('"') == std::string_view::npos;
  const char quote = double_quotes ? '"' : '\'';
  std::string out(1, quote);
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    if (c.code_point == '\\' || c.code_point == static_cast<char32_t>(quote)) {
      out += '\\';
      out += static_cast<char>(c.code_point);
    } else if (c.code_point == '\n') {
      out += "\\n";
    } else if (c.code_point == '\r') {
      out += "\\r";
    } else if (c.code_point == '\t') {
      out += "\\t";
    } else if (is_printable(c.code_point)) {
      out.append(text, i, c.size);
    } else {
      const auto code = static_cast<std::uint32_t>(c.code_point);
      out += code < 0x100     ? fmt::format("\\x{:02x}", code)
             : code < 0x10000 ? fmt::format("\\u{:04x}", code)
                              : fmt::format("\\U{:08x}", code);
    }
    i += c.size;
  }
  out += quote;
  return out;
}

Status append_items(Runtime& runtime, const std::vector<Value>& items, std::string& out) {
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (i != 0) out += ", ";
    GALAGO_CHECK(append_repr(runtime, items[i], out));
  }
  return {};
}

Status append_entries(Runtime& runtime, const DictObject& dict, std::string& out) {
  out += '{';
  for (std::size_t i = 0; i < dict.entries().size(); ++i) {
    if (i != 0) out += ", ";
    GALAGO_CHECK(append_repr(runtime, dict.entries()[i].first, out));
    out += ": ";
    GALAGO_CHECK(append_repr(runtime, dict.entries()[i].second, out));
  }
  out += '}';
  return {};
}

}  // namespace

Status append_str(Runtime& runtime, const Value& value, std::string& out) {
  switch (value.kind()) {
    case Kind::kUndefined: return {};
    case Kind::kString: out += value.text(); return {};
    default: return append_repr(runtime, value, out);
  }
}

Status append_repr(Runtime& runtime, const Value& value, std::string& out) {
  GALAGO_CHECK(runtime.step());
  GALAGO_CHECK(runtime.check_size(out.size()));
  const Runtime::Depth depth(runtime);
  GALAGO_CHECK(runtime.check_depth());
  switch (value.kind()) {
    case Kind::kMissing:
    case Kind::kUndefined: out += "Undefined"; return {};
    case Kind::kNone: out += "None"; return {};
    case Kind::kBool: out += value.as_bool() ? "True" : "False"; return {};
    case Kind::kInt: out += std::to_string(value.as_int()); return {};
    case Kind::kFloat: out += float_repr(value.as_float()); return {};
    case Kind::kString:
      GALAGO_CHECK(runtime.step_over(value.text()));
      out += value.is_markup() ? "Markup(" + repr_string(value.text()) + ")" : repr_string(value.text());
      return {};
    case Kind::kList:
      out += '[';
      GALAGO_CHECK(append_items(runtime, value.items(), out));
      out += ']';
      return {};
    case Kind::kTuple:
      out += '(';
      GALAGO_CHECK(append_items(runtime, value.items(), out));
      out += value.items().size() == 1 ? ",)" : ")";
      return {};
    case Kind::kDict: return append_entries(runtime, value.dict(), out);
    case Kind::kRange: out += value.sequence().label(); return {};
    case Kind::kView:
      out += value.sequence().label() + "([";
      GALAGO_CHECK(append_items(runtime, value.items(), out));
      out += "])";
      return {};
    case Kind::kNamespace:
    case Kind::kLoop:
    case Kind::kCallable:
    case Kind::kIterator: break;
  }
  return runtime.unsupported(fmt::format("printing a {} is not supported here", type_name(value)));
}

Result<std::string> to_str(Runtime& runtime, const Value& value) {
  std::string out;
  GALAGO_CHECK(append_str(runtime, value, out));
  return out;
}

Result<Value> escape(Runtime& runtime, const Value& value) {
  if (value.is_markup()) return value;
  GALAGO_TRY(const std::string text, to_str(runtime, value));
  std::string out;
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&#34;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  GALAGO_CHECK(runtime.step_bytes(static_cast<std::int64_t>(out.size())));
  return runtime.string(std::move(out), true);
}

}  // namespace galago::text::jinja
