#include "text/chat_template.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "text/jinja/lexer.h"
#include "text/jinja/parser.h"
#include "text/jinja/runtime.h"
#include "text/unicode.h"

namespace galago::text {

namespace {
// The largest published template has 20 KB; jinja2 has no limit.
constexpr std::size_t kMaxSource = std::size_t{1} << 20;

Error name_error(const std::string& name, Error problem) { return Error{problem.code, name + ": " + problem.message}; }
}  // namespace

Result<ChatTemplate> ChatTemplate::parse(std::string source, std::string name) {
  if (source.size() > kMaxSource) {
    return error(ErrorCode::kOutOfRange, "{}: the template has {} bytes; at most {} are allowed", name, source.size(),
                 kMaxSource);
  }
  if (const auto bad = find_invalid_utf8(source)) {
    return error(ErrorCode::kCorrupt, "{}: the template is not UTF-8 at byte {}", name, *bad);
  }
  GALAGO_TRY(jinja::Template tree, jinja::parse_template(source, std::move(name)));
  ChatTemplate result;
  result.source_ = std::make_shared<const std::string>(std::move(source));
  result.template_ = std::make_shared<const jinja::Template>(std::move(tree));
  return result;
}

const std::string& ChatTemplate::name() const { return template_->name; }

bool ChatTemplate::mentions(std::string_view variable) const {
  const auto& names = template_->names;
  return std::find(names.begin(), names.end(), variable) != names.end();
}

Result<std::string> ChatTemplate::render(const RenderInput& input) const {
  jinja::Runtime runtime(*template_, input.limits, input.clock);
  for (const auto& [key, text] : input.special_tokens) {
    if (find_invalid_utf8(text)) return error(ErrorCode::kCorrupt, "{}: the token {} is not UTF-8", name(), key);
    runtime.set_variable(key, runtime.string(text));
  }
  const auto set = [&](std::string_view key, const Json& json) -> Status {
    auto value = runtime.from_json(json);
    if (!value.ok()) return name_error(fmt::format("{}: {}", name(), key), std::move(value).error());
    runtime.set_variable(std::string(key), std::move(value).value());
    return {};
  };
  GALAGO_CHECK(set("messages", input.messages));
  if (input.tools != nullptr) GALAGO_CHECK(set("tools", *input.tools));
  runtime.set_variable("add_generation_prompt", jinja::Value::boolean(input.add_generation_prompt));
  if (input.extra != nullptr && input.extra->is_object()) {
    for (const auto& [key, json] : input.extra->get_ref<const Json::object_t&>()) GALAGO_CHECK(set(key, json));
  }
  return runtime.render();
}

Result<std::string> ChatTemplate::render_variables(
    const Json& variables, const TemplateLimits& limits,
    const std::function<std::chrono::system_clock::time_point()>& clock) const {
  if (!variables.is_object()) return error(ErrorCode::kInvalidArgument, "{}: the variables must be an object", name());
  jinja::Runtime runtime(*template_, limits, clock);
  for (const auto& [key, json] : variables.get_ref<const Json::object_t&>()) {
    auto value = runtime.from_json(json);
    if (!value.ok()) return name_error(fmt::format("{}: {}", name(), key), std::move(value).error());
    runtime.set_variable(key, std::move(value).value());
  }
  return runtime.render();
}

bool starts_with_token(std::string_view prompt, std::string_view bos) {
  return !bos.empty() && prompt.starts_with(bos);
}

}  // namespace galago::text
