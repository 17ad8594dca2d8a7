// galago COMMAND [ARGUMENTS]
#include <fmt/format.h>
#include <langinfo.h>

#include <clocale>
#include <cstring>
#include <exception>
#include <new>
#include <vector>

#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/suggestion.h"
#include "galago/log.h"

namespace galago::cli {
namespace {

struct Command {
  const char* name;
  const char* summary;
  CommandBody (*prepare)(CLI::App& app);
};

constexpr Command kCommands[] = {
#define GALAGO_COMMAND(name, summary) {#name, summary, command_##name},
#include "cli/commands.def"
#undef GALAGO_COMMAND
};

const Command* find_command(std::string_view name) {
  for (const Command& command : kCommands) {
    if (name == command.name) return &command;
  }
  return nullptr;
}

std::string program_help() {
  std::string text =
      "galago runs multimodal language models on this machine.\n\n"
      "Usage: galago COMMAND [OPTIONS] [ARGUMENTS]\n\n"
      "Commands:\n";
  for (const Command& command : kCommands) text += fmt::format("  {:<12}{}\n", command.name, command.summary);
  text +=
      "\nA model is a path to a .gguf file or a Hugging Face folder, or a name in the model folder:\n"
      "$GALAGO_HOME/models [default: ${XDG_DATA_HOME:-~/.local/share}/galago/models].\n"
      "GALAGO_ISA forces an instruction set: scalar, avx2, avx512_vnni, neon, ... [default: the best one here].\n"
      "\n  galago run \"Why is the sky blue?\"\n"
      "  galago COMMAND --help     the options of a command\n"
      "  galago --version\n";
  return text;
}

int unknown_command(std::string_view name) {
  std::vector<std::string> known;
  for (const Command& command : kCommands) known.emplace_back(command.name);
  const std::string near = nearest_name(name, known);
  const char* kind = name.starts_with('-') ? "option" : "command";
  return wrong_use("", near.empty() ? fmt::format("unknown {} {}", kind, name)
                                    : fmt::format("unknown {} {}; did you mean {}?", kind, name, near));
}

int run_command(const Command& command, std::span<const char* const> arguments) {
  CLI::App app(command.summary, command.name);
  const CommandBody body = command.prepare(app);
  if (const std::optional<int> done = parse_arguments(app, arguments)) return *done;
  return body();
}

int dispatch(std::span<const char* const> arguments) {
  if (arguments.empty()) {
    fmt::print(stderr, "{}", program_help());
    return kWrongUse;
  }
  std::string_view name = arguments[0];
  if (name == "--version" || name == "-V") {
    put(fmt::format("galago {}\n", GALAGO_VERSION));
    return kOk;
  }
  if (name == "--help" || name == "-h" || (name == "help" && arguments.size() == 1)) {
    put(program_help());
    return kOk;
  }
  static constexpr const char* kHelp[] = {"--help"};
  if (name == "help") {
    name = arguments[1];
    arguments = std::span(kHelp);
  } else {
    arguments = arguments.subspan(1);
  }
  const Command* command = find_command(name);
  return command != nullptr ? run_command(*command, arguments) : unknown_command(name);
}

// Line editing needs to know that the terminal speaks UTF-8, also where no locale is set up.
void choose_locale() {
  if (std::setlocale(LC_CTYPE, "") == nullptr || std::strcmp(::nl_langinfo(CODESET), "UTF-8") != 0) {
    std::setlocale(LC_CTYPE, "C.UTF-8");
  }
}

int guarded_main(std::span<const char* const> arguments) {
  int status = kFailed;
  try {
    status = dispatch(arguments);
  } catch (const std::bad_alloc&) {
    complain("there is not enough memory for this; a smaller context (-c) or a smaller model needs less");
  } catch (const std::exception& problem) {
    complain(fmt::format("internal error: {}; please report it", problem.what()));
  }
  if (const Status written = finish_output(); !written.ok() && status == kOk) return fail(written.error());
  return status;
}

}  // namespace
}  // namespace galago::cli

int main(int argc, char** argv) {
  using namespace galago::cli;  // NOLINT(google-build-using-namespace): main belongs to the program's namespace
  open_closed_streams();
  choose_locale();
  galago::set_log_sink([](galago::LogLevel, std::string_view line) { warn(line); }, galago::LogLevel::kWarning);
  const int skipped = argc > 0 ? 1 : 0;
  return guarded_main(std::span<const char* const>(argv + skipped, static_cast<std::size_t>(argc - skipped)));
}
