// Python's str as the template language shows it: classes of characters, case, and stripping, on UTF-8.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace galago::text::jinja {

// str.isspace() and the regular expression \s: White_Space and the separators U+001C to U+001F.
bool is_space(char32_t c);
bool is_printable(char32_t c);

// One code point gives one, but for ß, which gives SS; Python knows a hundred other rare ones.
std::string to_upper(std::string_view text);
std::string to_lower(std::string_view text);
std::string to_title(std::string_view text);        // str.title(): every run of cased characters
std::string to_capitalized(std::string_view text);  // str.capitalize()

std::string_view strip_right(std::string_view text);
// str.strip(chars): takes off any of the code points of `chars`, or whitespace without.
std::string_view strip(std::string_view text, std::optional<std::string_view> chars, bool left, bool right);

std::vector<std::string_view> split_lines(std::string_view text, bool keep_ends);

// The value of a string literal's inside, or what is wrong with it.
std::optional<std::string> decode_escapes(std::string_view raw, std::string& value);

// The byte offset of the code point `index` (0 <= index <= length).
std::size_t byte_offset(std::string_view text, std::int64_t index);
std::int64_t count_code_points(std::string_view text);

}  // namespace galago::text::jinja
