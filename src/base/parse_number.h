// Text as a floating-point number: exactly rounded and without the locale of the process, whatever standard library
// there is. libc++ 19 has no std::from_chars for these types.
#pragma once

#include <optional>
#include <string_view>

namespace galago {

// Digits with an optional sign, fraction and exponent, or inf, infinity or nan in letters of any case: the whole text,
// else nothing. Beyond the type's range it is infinity or zero, as in Python. Instantiated for float and double.
template <class T>
std::optional<T> parse_number(std::string_view text);

}  // namespace galago
