// Errors written with fmt: return error(ErrorCode::kCorrupt, "{}: ends after {} bytes", path, size);
#pragma once

#include <fmt/format.h>

#include "galago/result.h"

namespace galago {

template <class... Args>
Error error(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  return Error{code, fmt::format(format, std::forward<Args>(args)...)};
}

}  // namespace galago
