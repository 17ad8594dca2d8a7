// Numbers and their texts, as Python reads and writes them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace galago::text::jinja {

struct NumberToken {
  bool is_float = false;
  std::int64_t integer = 0;
  double number = 0;
  std::size_t size = 0;
};

// Reads the literal that starts with the digit at `at`, or says what is wrong with it.
std::optional<std::string> scan_number(std::string_view text, std::size_t at, NumberToken& number);

// repr(float): the shortest text that reads back as the same number.
std::string float_repr(double number);

// int(text) and float(text) of ASCII texts: nothing where Python raises a ValueError. `overflow` tells that it is an
// integer, but of more than 64 bits.
std::optional<std::int64_t> parse_int(std::string_view text, bool& overflow);
std::optional<double> parse_float(std::string_view text);

}  // namespace galago::text::jinja
