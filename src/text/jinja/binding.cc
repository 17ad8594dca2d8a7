#include "base/try.h"
#include "text/jinja/operations.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

Result<std::vector<Value>> bind_parameters(Runtime& runtime, std::string_view function, Arguments& arguments,
                                           std::string_view parameters, int required) {
  std::vector<std::string_view> names;
  while (!parameters.empty()) {
    const std::size_t space = std::min(parameters.find(' '), parameters.size());
    names.push_back(parameters.substr(0, space));
    parameters.remove_prefix(std::min(space + 1, parameters.size()));
  }
  if (arguments.positional.size() > names.size()) {
    return runtime.fail("{}() takes at most {} argument(s), got {}", function, names.size(),
                        arguments.positional.size());
  }
  std::vector<Value> bound(names.size());
  for (std::size_t i = 0; i < arguments.positional.size(); ++i) bound[i] = arguments.positional[i];
  for (auto& [name, value] : arguments.keyword) {
    std::size_t at = 0;
    while (at < names.size() && names[at] != name) ++at;
    if (at == names.size()) return runtime.fail("{}() got an unexpected keyword argument '{}'", function, name);
    if (!bound[at].is_missing()) return runtime.fail("{}() got multiple values for argument '{}'", function, name);
    bound[at] = value;
  }
  for (std::size_t i = 0; i < static_cast<std::size_t>(required); ++i) {
    if (bound[i].is_missing()) return runtime.fail("{}() is missing the argument '{}'", function, names[i]);
  }
  return bound;
}

}  // namespace galago::text::jinja
