// Searching text in linear time: needles come from templates, and a naive search can be made quadratic.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace galago::text::jinja {

// The first occurrence of `needle` at or after `from`, or npos.
std::size_t find_text(std::string_view text, std::string_view needle, std::size_t from);
std::size_t rfind_text(std::string_view text, std::string_view needle);
// Every occurrence without overlaps, at most `limit` (-1: all). `needle` is not empty.
std::vector<std::size_t> find_all(std::string_view text, std::string_view needle, std::int64_t limit);

}  // namespace galago::text::jinja
