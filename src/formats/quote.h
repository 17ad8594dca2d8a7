// Names from files, made fit for a one-line message: quoted, control bytes escaped, long ones cut.
#pragma once

#include <string>
#include <string_view>

namespace galago::formats {

std::string quote(std::string_view text);

}  // namespace galago::formats
