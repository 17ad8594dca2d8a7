// Lines that somebody types, with editing and history where there is a terminal.
#pragma once

#include <filesystem>
#include <memory>
#include <optional>
#include <string>

#include "galago/result.h"

namespace galago::cli {

class LineEditor {
 public:
  enum class Event { kLine, kInterrupt, kEnd };
  struct Input {
    Event event = Event::kEnd;
    std::string line;
  };

  // `history` is read where it exists, and written by save_history(). Prompts appear where standard input is a
  // terminal.
  explicit LineEditor(std::filesystem::path history);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  bool interactive() const;
  // The next line without its newline; kInterrupt when Ctrl-C dropped it, kEnd at Ctrl-D or the end of the input.
  Result<Input> read(const std::string& prompt);
  // Remembers the lines that were typed, in a file that only its owner may read.
  Status save_history() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// galago/chat_history in $XDG_STATE_HOME (default: ~/.local/state); empty where there is no home folder.
std::filesystem::path history_file();

}  // namespace galago::cli
