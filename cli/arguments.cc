#include "cli/arguments.h"

#include <fmt/format.h>

#include <algorithm>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/suggestion.h"
#include "cli/terminal.h"

namespace galago::cli {
namespace {

constexpr std::size_t kDescriptionColumn = 30;

// "-n, --predict N" or, for an argument by its place, "PROMPT".
std::string signature(const CLI::Option& option) {
  if (!option.nonpositional()) return option.get_name(true);
  std::string text;
  for (const std::string& name : option.get_snames()) text += fmt::format("{}-{}", text.empty() ? "" : ", ", name);
  if (text.empty()) text = "    ";
  for (const std::string& name : option.get_lnames()) text += fmt::format("{}--{}", text == "    " ? "" : ", ", name);
  if (!option.get_option_text().empty()) text += " " + option.get_option_text();
  return text;
}

// Appends `text` in lines of at most `width` columns, all but the first indented.
void append_wrapped(std::string_view text, std::size_t indent, std::size_t width, std::string& out) {
  std::size_t column = indent;
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    if (column > indent && column + 1 + word.size() > width) {
      out += '\n' + std::string(indent, ' ');
      column = indent;
    }
    if (column > indent) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(text.size(), word.size() + 1));
  }
  out += '\n';
}

void append_option(const CLI::Option& option, std::size_t width, std::string& out) {
  std::string line = "  " + signature(option);
  if (line.size() + 2 > kDescriptionColumn)
    line += '\n' + std::string(kDescriptionColumn, ' ');
  else
    line.resize(kDescriptionColumn, ' ');
  out += line;
  std::string description = option.get_description();
  const bool is_flag = option.get_items_expected_max() == 0 && option.get_name() != "--help";
  if (is_flag)
    description += " [default: off]";
  else if (!option.get_default_str().empty())
    description += fmt::format(" [default: {}]", option.get_default_str());
  append_wrapped(description, kDescriptionColumn, width, out);
}

std::string usage(const CLI::App& app) {
  std::string text = fmt::format("Usage: galago {} [OPTIONS]", app.get_name());
  for (const CLI::Option* option : app.get_options()) {
    if (option->nonpositional()) continue;
    const std::string name = option->get_name(true);
    if (!option->get_option_text().empty())
      text += " " + option->get_option_text();
    else
      text += option->get_required() ? " " + name : fmt::format(" [{}]", name);
  }
  return text + '\n';
}

// The unknown argument that made the parser give up, and what may have been meant.
std::string explain_extras(const CLI::App& app) {
  const std::vector<std::string> extras = app.remaining();
  const auto unknown =
      std::find_if(extras.begin(), extras.end(), [](const std::string& s) { return s.starts_with('-'); });
  if (unknown == extras.end()) {
    return extras.empty() ? "too many arguments" : fmt::format("one argument too many: {}", extras.front());
  }
  const std::string wrong = unknown->substr(0, unknown->find('='));
  std::vector<std::string> known;
  for (const CLI::Option* option : app.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  const std::string near = wrong.starts_with("--") ? nearest_name(wrong, known) : "";
  return near.empty() ? fmt::format("unknown option {}", wrong)
                      : fmt::format("unknown option {}; did you mean {}?", wrong, near);
}

}  // namespace

CLI::Option* add_repeated(CLI::App& app, const std::string& names, std::vector<std::string>& values, OptionText text) {
  CLI::Option* option = app.add_option(names, values, text.description);
  if (text.default_text != nullptr) option->default_str(text.default_text);
  return option->option_text(text.placeholder)->allow_extra_args(false);
}

CLI::Option* add_argument(CLI::App& app, const std::string& name, std::string& value, const char* description) {
  return app.add_option(name, value, description);
}

std::string help_text(const CLI::App& app) {
  const auto width = static_cast<std::size_t>(std::clamp(terminal_width(), 60, 110));
  std::string out = usage(app) + '\n';
  append_wrapped(app.get_description(), 0, width, out);
  std::string arguments;
  for (const CLI::Option* option : app.get_options()) {
    if (!option->nonpositional()) append_option(*option, width, arguments);
  }
  if (!arguments.empty()) out += "\nArguments:\n" + arguments;
  for (const std::string& group : app.get_groups()) {
    std::string options;
    for (const CLI::Option* option : app.get_options()) {
      if (option->nonpositional() && option->get_group() == group) append_option(*option, width, options);
    }
    if (!options.empty()) out += fmt::format("\n{}:\n{}", group, options);
  }
  if (!app.get_footer().empty()) out += '\n' + app.get_footer() + '\n';
  return out;
}

std::optional<int> parse_arguments(CLI::App& app, std::span<const char* const> arguments) {
  // CLI11 takes them from the back.
  std::vector<std::string> reversed(arguments.rbegin(), arguments.rend());
  try {
    app.parse(std::move(reversed));
    return std::nullopt;
  } catch (const CLI::CallForHelp&) {
    put(help_text(app));
    return kOk;
  } catch (const CLI::ExtrasError&) {
    return wrong_use(app.get_name(), explain_extras(app));
  } catch (const CLI::ParseError& problem) {
    return wrong_use(app.get_name(), problem.what());
  }
}

}  // namespace galago::cli
