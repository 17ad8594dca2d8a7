// What the program says: results on standard output, everything else on standard error.
#pragma once

#include <string>
#include <string_view>

#include "galago/result.h"

namespace galago::cli {

// Writes to standard output. A failure is remembered; false once there was one (the disk is full, the reader gone).
bool put(std::string_view text);
// put() that the reader sees at once.
bool put_now(std::string_view text);
// Empties the buffer; the first failure of all writes so far.
Status finish_output();

// One line on standard error, after "galago: ". Control characters are escaped.
void complain(std::string_view message);
void warn(std::string_view message);

// Reports an error (as one line of JSON for machines) and returns the exit code for it.
int fail(const Error& error, bool json = false);
// Reports wrong use of a command, and returns the exit code for it.
int wrong_use(std::string_view command, std::string_view message);

// Prevents that a file that is opened later takes the number of a closed standard stream and receives what was
// written for it.
void open_closed_streams();

}  // namespace galago::cli
