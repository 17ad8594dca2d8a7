#include "text/jinja/builtins.h"

#include <algorithm>

#include "base/try.h"
#include "text/jinja/runtime.h"

namespace galago::text::jinja {

namespace {

class Bound : public CallableObject {
 public:
  Bound(Budget& budget, Value self, const Builtin& builtin)
      : CallableObject(budget, sizeof(*this)), self_(std::move(self)), builtin_(builtin) {
    set_depth(self_.depth() + 1);
  }
  Result<Value> call(Runtime& runtime, Arguments& arguments) const override {
    return call_builtin(runtime, builtin_, self_, arguments);
  }

 private:
  Value self_;
  const Builtin& builtin_;
};

bool is_word_of(std::string_view words, std::string_view name) {
  while (!words.empty()) {
    const std::size_t space = std::min(words.find(' '), words.size());
    if (words.substr(0, space) == name) return true;
    words.remove_prefix(std::min(space + 1, words.size()));
  }
  return false;
}

std::string_view left_out(Kind kind) {
  switch (kind) {
    case Kind::kString:
      return "casefold center encode expandtabs format_map index isalnum isalpha isascii isdecimal isdigit "
             "isidentifier islower isnumeric isprintable isspace istitle isupper ljust maketrans partition rfind "
             "rindex rjust rpartition swapcase translate zfill";
    case Kind::kList: return "copy count index";
    case Kind::kTuple: return "count index";
    case Kind::kRange: return "count index start stop step";
    case Kind::kDict: return "copy fromkeys";
    case Kind::kBool:
    case Kind::kInt:
      return "as_integer_ratio bit_count bit_length conjugate denominator from_bytes imag is_integer numerator real "
             "to_bytes";
    case Kind::kFloat: return "as_integer_ratio conjugate fromhex hex imag is_integer real";
    case Kind::kLoop: return "changed cycle depth depth0";
    case Kind::kCallable: return "arguments caller catch_kwargs catch_varargs explicit_caller fromkeys name";
    default: return {};
  }
}

}  // namespace

const Builtin* find_in(std::span<const Builtin> table, std::string_view name) {
  const auto it = std::find_if(table.begin(), table.end(), [name](const Builtin& b) { return b.name == name; });
  return it == table.end() ? nullptr : &*it;
}

bool is_left_out(Kind kind, std::string_view attribute) { return is_word_of(left_out(kind), attribute); }

bool is_left_out_global(std::string_view name) { return is_word_of("cycler joiner lipsum", name); }

std::string not_supported(std::string_view what, std::string_view name) {
  return fmt::format("the {} '{}' is not supported here", what, name);
}

Value bind(Runtime& runtime, const Builtin& builtin, const Value& self) {
  return runtime.make<Bound>(Kind::kCallable, self, builtin);
}

Result<Value> call_builtin(Runtime& runtime, const Builtin& builtin, const Value& self, Arguments& arguments) {
  if (builtin.raw != nullptr) return builtin.raw(runtime, self, arguments);
  std::vector<std::string_view> names;
  for (std::string_view rest = builtin.parameters; !rest.empty();) {
    const std::size_t space = std::min(rest.find(' '), rest.size());
    names.push_back(rest.substr(0, space));
    rest.remove_prefix(std::min(space + 1, rest.size()));
  }
  std::vector<Value>& given = arguments.positional;
  if (given.size() > names.size()) {
    return runtime.fail("{}() takes at most {} argument(s), got {}", builtin.name, names.size(), given.size());
  }
  given.resize(names.size());
  for (auto& [name, value] : arguments.keyword) {
    if (!builtin.keywords) return runtime.fail("{}() takes no keyword arguments", builtin.name);
    const auto at = static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    if (at == names.size()) return runtime.fail("{}() got an unexpected keyword argument '{}'", builtin.name, name);
    if (!given[at].is_missing()) return runtime.fail("{}() got multiple values for argument '{}'", builtin.name, name);
    given[at] = value;
  }
  for (std::size_t i = 0; i < builtin.required; ++i) {
    if (given[i].is_missing()) return runtime.fail("{}() is missing the argument '{}'", builtin.name, names[i]);
  }
  return builtin.apply(runtime, self, given);
}

}  // namespace galago::text::jinja
