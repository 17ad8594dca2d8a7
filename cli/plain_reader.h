// Lines of standard input as they come.
#pragma once

#include <cstddef>
#include <string>

#include "cli/line_editor.h"

namespace galago::cli {

// Reads by read(2), so that Ctrl-C ends the wait, which std::getline would resume.
class PlainReader {
 public:
  // The next line without its newline; kInterrupt when a signal ended the wait, which drops what was typed of the line.
  // Errors: kOutOfRange for a line of more than 64 MiB, kIo.
  Result<LineEditor::Input> next();

 private:
  std::string pending_;
  std::size_t searched_ = 0;  // bytes of it that hold no newline
};

}  // namespace galago::cli
