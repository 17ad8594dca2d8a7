#include "text/byte_level.h"

#include <fmt/format.h>

#include <array>

#include "text/unicode.h"

namespace galago::text {
namespace {

constexpr char32_t kFirstStandIn = 0x100;
constexpr char32_t kStandIns = 68;

constexpr bool stands_for_itself(char32_t byte) {
  return (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || (byte >= 0xAE && byte <= 0xFF);
}

struct Alphabet {
  std::array<std::string, 256> characters;
  std::array<std::uint8_t, kStandIns> stand_ins{};

  Alphabet() {
    char32_t next = kFirstStandIn;
    for (char32_t byte = 0; byte < 256; ++byte) {
      if (!stands_for_itself(byte)) stand_ins[next - kFirstStandIn] = static_cast<std::uint8_t>(byte);
      append_utf8(stands_for_itself(byte) ? byte : next++, characters[byte]);
    }
  }
};

const Alphabet& alphabet() {
  static const Alphabet instance;
  return instance;
}

}  // namespace

std::string_view byte_character(std::uint8_t byte) { return alphabet().characters[byte]; }

std::optional<std::uint8_t> character_byte(char32_t character) {
  if (stands_for_itself(character)) return static_cast<std::uint8_t>(character);
  if (character < kFirstStandIn || character >= kFirstStandIn + kStandIns) return std::nullopt;
  return alphabet().stand_ins[character - kFirstStandIn];
}

std::string byte_fallback_spelling(std::uint8_t byte) { return fmt::format("<0x{:02X}>", byte); }

}  // namespace galago::text
