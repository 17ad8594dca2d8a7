// What a command of the program is: cli/cmd_<name>.cc defines its function, commands.def lists it.
#pragma once

#include <functional>

namespace CLI {
class App;
}

namespace galago::cli {

// Exit codes of the program.
inline constexpr int kOk = 0;
inline constexpr int kFailed = 1;
inline constexpr int kWrongUse = 2;
inline constexpr int kInterrupted = 130;  // as a shell reports a program that Ctrl-C ended

// A command adds its options to `app` and returns what runs, with an exit code, once they are parsed.
using CommandBody = std::function<int()>;

#define GALAGO_COMMAND(name, summary) CommandBody command_##name(CLI::App& app);
#include "cli/commands.def"
#undef GALAGO_COMMAND

}  // namespace galago::cli
