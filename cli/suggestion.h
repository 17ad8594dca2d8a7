// "did you mean": the known name nearest to one that is not known.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace galago::cli {

// Empty when no name is near enough to be meant.
std::string nearest_name(std::string_view wrong, const std::vector<std::string>& known);

}  // namespace galago::cli
