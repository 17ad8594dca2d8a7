// The terminal, where there is one.
#pragma once

#include <string>
#include <string_view>

namespace galago::cli {

enum class Stream { kInput, kOutput, kError };

bool is_terminal(Stream stream);
// Columns; 80 where nobody says.
int terminal_width();
// Whether to write colors: a terminal, TERM is not "dumb", and NO_COLOR is not set.
bool has_colors(Stream stream);

enum class Style { kBold, kDim, kGreen };
// `text` in a style, or as it is where there are no colors.
std::string styled(std::string_view text, Style style, Stream stream);

}  // namespace galago::cli
