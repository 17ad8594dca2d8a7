// Text from files and models, made safe to show: a terminal obeys control characters, and hides others.
#pragma once

#include <string>
#include <string_view>

namespace galago::cli {

// One line: control and invisible characters as \n, \x1b or \u{202e}, bytes that are not UTF-8 as \xff.
std::string printable(std::string_view text);
// printable() in double quotes, with `"` and `\` escaped; longer texts are cut after `most` bytes and end in "...".
std::string in_quotes(std::string_view text, std::size_t most = std::string_view::npos);
// Answers as a terminal may show them: lines and tabs stay, other control characters become visible symbols.
std::string for_terminal(std::string_view text);

}  // namespace galago::cli
