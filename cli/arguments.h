// The arguments of one command: parsing, and the help that it prints.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace galago::cli {

// How an option reads in the help: the placeholder of its value, what it does, and its default where that is not
// simply the value of the variable.
struct OptionText {
  const char* placeholder;
  const char* description;
  const char* default_text = nullptr;
};

// An option with one value, shown as `--name PLACEHOLDER`. The help names `variable`'s value as the default.
template <class T>
CLI::Option* add_value(CLI::App& app, const std::string& names, T& variable, OptionText text) {
  CLI::Option* option = app.add_option(names, variable, text.description);
  option->option_text(text.placeholder);
  option->capture_default_str();
  if (text.default_text != nullptr) option->default_str(text.default_text);
  return option;
}

// An option that may be given several times, each time with one value.
CLI::Option* add_repeated(CLI::App& app, const std::string& names, std::vector<std::string>& values, OptionText text);

// The argument of a command by its place. It is optional until ->required() is called.
CLI::Option* add_argument(CLI::App& app, const std::string& name, std::string& value, const char* description);

// The whole help of a command, as wide as the terminal.
std::string help_text(const CLI::App& app);

// Parses what follows the command's name. An exit code when that is all there is to do: help was asked for, or the
// arguments are wrong.
std::optional<int> parse_arguments(CLI::App& app, std::span<const char* const> arguments);

}  // namespace galago::cli
