// galago template: the prompt that a chat template makes of messages.
#include <ctime>

#include "base/error.h"
#include "base/file.h"
#include "base/json.h"
#include "base/try.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/terminal.h"
#include "cli/text_input.h"
#include "galago/session.h"
#include "runtime/tokenizer_source.h"

namespace galago::cli {
namespace {

struct TemplateArguments {
  std::string source;  // a model or a .jinja file
  std::string messages;
  std::string tools;
  std::string name;
  std::string now;
  std::vector<std::string> set;
  bool no_generation_prompt = false;
  bool json = false;
};

struct LoadedTemplate {
  text::ChatTemplate chat_template;
  std::map<std::string, std::string> special_tokens;
};

// What a template is given.
struct Conversation {
  Json messages = Json::array();
  std::optional<Json> tools;
  Json extra = Json::object();
};

bool is_template_file(const std::filesystem::path& path) {
  std::error_code failed;
  if (!std::filesystem::is_regular_file(path, failed)) return false;
  const std::string extension = path.extension().string();
  return extension != ".gguf" && extension != ".safetensors";
}

// As transformers does: with tools, a template of that purpose is preferred where the model has one.
Result<std::string> choose_name(const formats::Checkpoint& checkpoint, const std::string& asked, bool has_tools) {
  GALAGO_TRY(const auto templates, checkpoint.chat_templates());
  std::vector<std::string> names;
  for (const formats::NamedTemplate& known : templates) names.push_back(known.name);
  const auto has = [&](const std::string& name) { return std::find(names.begin(), names.end(), name) != names.end(); };
  if (asked.empty()) return std::string(has_tools && has("tool_use") ? "tool_use" : "default");
  if (has(asked)) return asked;
  return error(ErrorCode::kNotFound, "{}: has no chat template \"{}\"; it has {}", checkpoint.path().string(), asked,
               names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", ")));
}

Result<LoadedTemplate> load_template(const TemplateArguments& arguments, bool has_tools) {
  if (is_template_file(arguments.source)) {
    GALAGO_TRY(std::string text, read_text(arguments.source));
    GALAGO_TRY(text::ChatTemplate parsed, text::ChatTemplate::parse(std::move(text), arguments.source));
    return LoadedTemplate{std::move(parsed), {}};
  }
  GALAGO_TRY(const std::filesystem::path path, find_model(arguments.source));
  GALAGO_TRY(const auto checkpoint, formats::Checkpoint::open(path));
  GALAGO_TRY(const std::string name, choose_name(*checkpoint, arguments.name, has_tools));
  GALAGO_TRY(std::optional<text::ChatTemplate> found, runtime::load_chat_template(*checkpoint, "", name));
  if (!found) return error(ErrorCode::kNotFound, "{}: brings no chat template", path.string());
  // A template does without the tokens' names when there is no tokenizer beside it.
  std::map<std::string, std::string> special;
  if (const Result<text::Tokenizer> tokenizer = runtime::load_tokenizer(*checkpoint); tokenizer.ok()) {
    special = runtime::special_tokens(*tokenizer);
  } else if (tokenizer.error().code != ErrorCode::kNotFound) {
    return tokenizer.error();
  }
  return LoadedTemplate{*std::move(found), std::move(special)};
}

Result<Json> read_json(const std::string& file) {
  GALAGO_TRY(const std::string text, read_input(file));
  return parse_json(text, file == "-" ? "standard input" : file);
}

// A list of messages, or an object with "messages", perhaps "tools", and whatever else the template reads.
Result<Conversation> read_conversation(const TemplateArguments& arguments) {
  Conversation conversation;
  GALAGO_TRY(Json document, read_json(arguments.messages));
  if (document.is_object()) {
    for (auto member = document.begin(); member != document.end(); ++member) {
      if (member.key() == "messages")
        conversation.messages = *member;
      else if (member.key() == "tools")
        conversation.tools = *member;
      else
        conversation.extra[member.key()] = *member;
    }
    if (find(document, "messages") == nullptr) {
      return error(ErrorCode::kInvalidArgument, "{}: has no \"messages\"", arguments.messages);
    }
  } else {
    conversation.messages = std::move(document);
  }
  if (!conversation.messages.is_array()) {
    return error(ErrorCode::kInvalidArgument, "{}: messages must be a list of objects with \"role\" and \"content\"",
                 arguments.messages);
  }
  if (!arguments.tools.empty()) {
    GALAGO_TRY(Json tools, read_json(arguments.tools));
    const Json* inner = tools.is_object() ? find(tools, "tools") : nullptr;
    conversation.tools = inner != nullptr ? *inner : std::move(tools);
  }
  return conversation;
}

// --set key=json
Status add_variables(const std::vector<std::string>& set, Json& extra) {
  for (const std::string& assignment : set) {
    const std::size_t equals = assignment.find('=');
    const std::string key = assignment.substr(0, equals);
    if (equals == std::string::npos || key.empty()) {
      return error(ErrorCode::kInvalidArgument, "--set {}: write KEY=JSON, as in enable_thinking=false", assignment);
    }
    Result<Json> value = parse_json(std::string_view(assignment).substr(equals + 1), "--set " + key);
    if (!value.ok()) {
      Error problem = std::move(value).error();
      problem.message += "; the value is JSON, so a text stands in double quotes";
      return problem;
    }
    extra[key] = *std::move(value);
  }
  return {};
}

// "2024-07-26", "2024-07-26T12:30:00" (local time), or seconds since 1970.
Result<std::chrono::system_clock::time_point> parse_time(const std::string& text) {
  for (const char* format : {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%s"}) {
    std::tm parts{};
    parts.tm_isdst = -1;
    const char* end = ::strptime(text.c_str(), format, &parts);
    if (end != nullptr && *end == '\0') return std::chrono::system_clock::from_time_t(std::mktime(&parts));
  }
  return error(ErrorCode::kInvalidArgument, "--now {}: write a time as 2024-07-26 or 2024-07-26T12:30:00", text);
}

Result<std::string> render(const TemplateArguments& arguments) {
  GALAGO_TRY(Conversation conversation, read_conversation(arguments));
  GALAGO_CHECK(add_variables(arguments.set, conversation.extra));
  const bool has_tools = conversation.tools && !conversation.tools->is_null();
  GALAGO_TRY(LoadedTemplate loaded, load_template(arguments, has_tools));
  text::RenderInput input{.messages = conversation.messages};
  if (conversation.tools) input.tools = &*conversation.tools;
  input.add_generation_prompt = !arguments.no_generation_prompt;
  input.extra = &conversation.extra;
  input.special_tokens = std::move(loaded.special_tokens);
  if (!arguments.now.empty()) {
    GALAGO_TRY(const auto now, parse_time(arguments.now));
    input.clock = [now] { return now; };
  }
  return loaded.chat_template.render(input);
}

int show(const TemplateArguments& arguments) {
  const Result<std::string> prompt = render(arguments);
  if (!prompt.ok()) return fail(prompt.error(), arguments.json);
  if (arguments.json) {
    put(write_json(Json{{"prompt", *prompt}}) + '\n');
  } else {
    put(*prompt);
    if (is_terminal(Stream::kOutput) && !prompt->ends_with('\n')) put("\n");
  }
  return kOk;
}

}  // namespace

CommandBody command_template(CLI::App& app) {
  auto arguments = std::make_shared<TemplateArguments>();
  app.description("Shows the prompt that a model's chat template makes of messages, to the byte.");
  app.footer(
      "A file of messages:\n"
      "  [{\"role\": \"system\", \"content\": \"Be brief.\"}, {\"role\": \"user\", \"content\": \"Hello\"}]\n"
      "or {\"messages\": [...], \"tools\": [...], \"enable_thinking\": false, ...}.");
  add_argument(app, "MODEL_OR_JINJA", arguments->source,
               "A .gguf file, a Hugging Face folder, a name in the model folder, or a file that holds a template")
      ->required();
  add_value(app, "--messages", arguments->messages, {"FILE", "The messages, as JSON; - reads standard input"})
      ->required();
  add_value(app, "--tools", arguments->tools,
            {"FILE", "The tools: a list, or an object with \"tools\"; null is none", "undefined"});
  add_value(app, "--name", arguments->name,
            {"NAME", "Which of the model's templates", "tool_use with tools, or default"});
  add_repeated(app, "--set", arguments->set,
               {"KEY=JSON", "A variable for the template, as in enable_thinking=false; may be repeated", "none"});
  add_value(app, "--now", arguments->now,
            {"TIME", "What the template's clock shows: 2024-07-26 or 2024-07-26T12:30:00", "now"});
  app.add_flag("--no-generation-prompt", arguments->no_generation_prompt, "Do not begin the assistant's answer");
  app.add_flag("--json", arguments->json, "Print {\"prompt\": \"...\"}");
  return [arguments] { return show(*arguments); };
}

}  // namespace galago::cli
