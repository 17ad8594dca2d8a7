// galago chat: a conversation at the terminal.
#include <iterator>

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/escape.h"
#include "cli/line_editor.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/reply_report.h"
#include "cli/save_text.h"
#include "cli/suggestion.h"
#include "cli/terminal.h"
#include "cli/text_input.h"

namespace galago::cli {
namespace {

constexpr const char* kHelp =
    "/image FILE   show a picture with the next message\n"
    "/reset        forget the conversation\n"
    "/stats        times and rates of the last answer\n"
    "/save FILE    write the conversation as JSON, which galago template reads\n"
    "/help         this list\n"
    "/quit         leave, as Ctrl-D does\n"
    "Ctrl-C stops an answer. A message that begins with a slash is written with two.\n";

struct ChatArguments {
  std::string place;
  ModelArguments model;
  GenerationArguments generation;
};

// A message as chat templates and galago template read it.
Json to_json(const Message& message) {
  Json content = Json::array();
  bool text_alone = true;
  std::string text;
  for (const Part& part : message.parts) {
    if (const auto* words = std::get_if<std::string>(&part)) {
      text += *words;
      content.push_back({{"type", "text"}, {"text", *words}});
    } else if (const auto* file = std::get_if<ImageFile>(&part)) {
      text_alone = false;
      content.push_back({{"type", "image"}, {"path", file->path.string()}});
    }
  }
  Json json;
  json["role"] = message.role;
  json["content"] = text_alone ? Json(text) : std::move(content);
  return json;
}

class Chat {
 public:
  Chat(const Model& model, const ChatArguments& arguments)
      : model_(model),
        arguments_(arguments),
        session_(model, session_options(arguments.generation)),
        editor_(history_file()) {
    forget();
  }

  // Until the input ends; the exit code.
  int talk();

 private:
  enum class Next { kGoOn, kQuit };

  void forget();
  void rewind(std::size_t n_messages);
  Next obey(std::string_view line);
  Status command(std::string_view name, const std::string& argument);
  Status save(const std::string& file) const;
  Status add_image(const std::string& file);
  void answer(std::string line);
  void report(const Status& status);

  const Model& model_;
  const ChatArguments& arguments_;
  Session session_;
  LineEditor editor_;
  InterruptGuard guard_;
  std::vector<Part> images_;  // of the next message
  std::optional<ReplyReport> last_;
  bool failed_ = false;
};

int Chat::talk() {
  if (editor_.interactive()) {
    fmt::print(stderr, "{}: type a message; /help lists commands, Ctrl-D quits.\n",
               printable(model_.description().name));
  }
  for (;;) {
    guard_.watch(nullptr);
    Result<LineEditor::Input> input = editor_.read("> ");
    if (!input.ok()) {
      report(std::move(input).error());
      break;
    }
    if (input->event == LineEditor::Event::kInterrupt) {
      if (editor_.interactive()) continue;
      return kInterrupted;
    }
    if (input->event != LineEditor::Event::kLine) break;
    std::string line = std::move(input->line);
    if (line.find_first_not_of(" \t\r") == std::string::npos) continue;
    if (line.starts_with('/') && !line.starts_with("//")) {
      if (obey(line) == Next::kQuit) break;
      continue;
    }
    answer(line.starts_with("//") ? line.substr(1) : std::move(line));
    if (!finish_output().ok()) break;  // nobody reads; main says so
    if (guard_.interrupted() && !editor_.interactive()) return kInterrupted;
  }
  if (const Status saved = editor_.save_history(); !saved.ok()) warn("the history is lost: " + saved.error().message);
  return failed_ && !editor_.interactive() ? kFailed : kOk;
}

void Chat::forget() {
  session_.reset();
  images_.clear();
  last_.reset();
  if (!arguments_.generation.system.empty()) session_.add(system(arguments_.generation.system));
}

// Drops what was added after the first messages.
void Chat::rewind(std::size_t n_messages) {
  std::vector<Message> kept = session_.messages();
  kept.resize(std::min(kept.size(), n_messages));
  session_.reset();
  for (Message& message : kept) session_.add(std::move(message));
}

Chat::Next Chat::obey(std::string_view line) {
  const std::size_t space = std::min(line.find_first_of(" \t"), line.size());
  const std::string_view name = line.substr(1, space - 1);
  std::string_view argument = line.substr(space);
  argument.remove_prefix(std::min(argument.find_first_not_of(" \t"), argument.size()));
  argument = argument.substr(0, argument.find_last_not_of(" \t\r") + 1);
  if (name == "quit" || name == "exit") return Next::kQuit;
  report(command(name, std::string(argument)));
  return Next::kGoOn;
}

Status Chat::command(std::string_view name, const std::string& argument) {
  if (name == "help") {
    fmt::print(stderr, "{}", kHelp);
    return {};
  }
  if (name == "reset") {
    forget();
    fmt::print(stderr, "The conversation is forgotten.\n");
    return {};
  }
  if (name == "stats") {
    fmt::print(stderr, "{}", last_ ? describe(*last_, model_.description()) : "There is no answer yet.\n");
    return {};
  }
  if (name == "save") return save(argument);
  if (name == "image") return add_image(argument);
  const std::string near = nearest_name(name, {"help", "reset", "stats", "save", "image", "quit"});
  return error(ErrorCode::kInvalidArgument, "unknown command /{}; {}", name,
               near.empty() ? "/help lists them" : fmt::format("did you mean /{}?", near));
}

Status Chat::save(const std::string& file) const {
  if (file.empty()) return error(ErrorCode::kInvalidArgument, "/save needs the name of a file: /save chat.json");
  Json messages = Json::array();
  for (const Message& message : session_.messages()) messages.push_back(to_json(message));
  Json conversation;
  conversation["messages"] = std::move(messages);
  GALAGO_CHECK(save_text(file, write_json(conversation, 2) + '\n'));
  fmt::print(stderr, "Saved {} messages in {}.\n", session_.messages().size(), printable(file));
  return {};
}

Status Chat::add_image(const std::string& file) {
  if (file.empty()) return error(ErrorCode::kInvalidArgument, "/image needs the name of a file: /image cat.jpg");
  if (!model_.description().sees_images) {
    return error(ErrorCode::kUnsupported, "{} reads text only and cannot look at pictures", model_.description().name);
  }
  std::error_code failed;
  if (!std::filesystem::is_regular_file(file, failed)) {
    return error(ErrorCode::kNotFound, "{}: there is no such file", file);
  }
  images_.emplace_back(image(file));
  fmt::print(stderr, "{} picture{} with the next message.\n", images_.size(), images_.size() == 1 ? "" : "s");
  return {};
}

void Chat::answer(std::string line) {
  if (const Status checked = check_utf8(line, "the message"); !checked.ok()) return report(checked);
  const std::size_t before = session_.messages().size();
  std::vector<Part> parts = std::exchange(images_, {});
  parts.emplace_back(std::move(line));
  session_.add(user(std::move(parts)));
  guard_.watch(&session_);
  Result<ReplyReport> reply =
      read_reply(session_, session_.reply(generate_options(arguments_.generation)), guard_, /*stream=*/true);
  if (!reply.ok()) {
    rewind(before);
    return report(std::move(reply).error());
  }
  last_ = *std::move(reply);
  if (last_->interrupted && editor_.interactive()) fmt::print(stderr, "(stopped)\n");
}

void Chat::report(const Status& status) {
  if (status.ok()) return;
  failed_ = true;
  fail(status.error());
}

int chat(ChatArguments& arguments) {
  if (!arguments.place.empty()) arguments.model.model = arguments.place;
  const Status checked = check_utf8(arguments.generation.system, "--system");
  if (!checked.ok()) return fail(checked.error());
  const Result<Model> model = open_model(arguments.model, arguments.generation.context);
  if (!model.ok()) return fail(model.error());
  return Chat(*model, arguments).talk();
}

}  // namespace

CommandBody command_chat(CLI::App& app) {
  auto arguments = std::make_shared<ChatArguments>();
  app.description(
      "Talks with a model. Ctrl-C stops an answer, Ctrl-D quits, /help lists commands. Without a terminal, every line "
      "of standard input is a message.");
  add_argument(app, "MODEL", arguments->place,
               "The model: a .gguf file, a Hugging Face folder, or a name in the model folder; left out: the default");
  app.option_defaults()->group("Model");
  CLI::Option* model =
      add_value(app, "-m,--model", arguments->model.model, {"MODEL", "The model, as above", "the default model"});
  app.get_option("MODEL")->excludes(model);
  add_model_options(app, arguments->model);
  add_generation_options(app, arguments->generation);
  return [arguments] { return chat(*arguments); };
}

}  // namespace galago::cli
