// GPT-2's printable alphabet of bytes: printable Latin-1 stands for itself, the other 68 bytes for U+0100 and up.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace galago::text {

// The character that stands for `byte`, in UTF-8.
std::string_view byte_character(std::uint8_t byte);

// The byte that `character` stands for.
std::optional<std::uint8_t> character_byte(char32_t character);

// SentencePiece's token for a byte that no piece covers: "<0x0A>".
std::string byte_fallback_spelling(std::uint8_t byte);

}  // namespace galago::text
