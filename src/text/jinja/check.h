// What jinja2's compiler refuses though its parser does not.
#pragma once

#include "galago/result.h"
#include "text/jinja/ast.h"

namespace galago::text::jinja {

// Refuses unknown filters and tests, break outside of loops and an assignment to `loop` within one. In a branch of an
// if an unknown filter or test is an error only when it runs, as in jinja2.
Status check_template(const Template& tree);

}  // namespace galago::text::jinja
