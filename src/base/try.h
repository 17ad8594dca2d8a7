// Early return of errors: GALAGO_TRY(auto x, maybe_x()); GALAGO_CHECK(do_it());
#pragma once

#include "galago/result.h"

#define GALAGO_CONCAT_INNER(a, b) a##b
#define GALAGO_CONCAT(a, b) GALAGO_CONCAT_INNER(a, b)

// Declares or assigns `target` from the value of `expression`, or returns its error from the enclosing function.
#define GALAGO_TRY(target, expression) GALAGO_TRY_NAMED(GALAGO_CONCAT(try_result_, __LINE__), target, expression)
#define GALAGO_TRY_NAMED(name, target, expression) \
  auto name = (expression);                        \
  if (!name.ok()) return std::move(name).error();  \
  target = std::move(name).value()

// Returns the error of `expression` (a Status) from the enclosing function, if it has one.
#define GALAGO_CHECK(expression)                                                                      \
  do {                                                                                                \
    if (auto check_result = (expression); !check_result.ok()) return std::move(check_result).error(); \
  } while (false)
