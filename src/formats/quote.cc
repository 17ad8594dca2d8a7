#include "formats/quote.h"

#include <fmt/format.h>

namespace galago::formats {
namespace {

constexpr std::size_t kMaxShown = 80;  // a hostile name may be as long as the file

}  // namespace

std::string quote(std::string_view text) {
  std::string out = "\"";
  for (const char c : text.substr(0, kMaxShown)) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte < 0x20 || byte == 0x7f || byte >= 0x80) {
      fmt::format_to(std::back_inserter(out), "\\x{:02x}", byte);
    } else {
      if (c == '"' || c == '\\') out += '\\';
      out += c;
    }
  }
  out += text.size() > kMaxShown ? "...\"" : "\"";
  return out;
}

}  // namespace galago::formats
