// Gives every variable of a template its slot. The rules are jinja2's, down to their surprises: a scope that assigns a
// name has a variable of its own, which starts as a copy of the outer one; branches of an if share their scope; macros
// see the variables around them as they are when the macro runs.
#pragma once

#include "galago/result.h"
#include "text/jinja/ast.h"

namespace galago::text::jinja {

// Fills slots, scopes and functions in, and refuses what jinja2's compiler refuses: unknown filters and tests, break
// outside of loops, an assignment to `loop` within one.
Status resolve_scopes(Template& tree);

}  // namespace galago::text::jinja
