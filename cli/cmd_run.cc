// galago run: answers one prompt.

#include "base/clock.h"
#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/reply_report.h"
#include "cli/text_input.h"
#include "runtime/engine.h"

namespace galago::cli {
namespace {

struct RunArguments {
  std::string first, second;  // PROMPT, or MODEL PROMPT
  ModelArguments model;
  GenerationArguments generation;
  std::vector<std::string> images;
  bool raw = false;
  bool stats = false;
  bool json = false;
};

// The prompt as it was meant: "-" is standard input, whose last newline belongs to the shell and not to a question.
Result<std::string> read_prompt(const std::string& argument, bool raw) {
  std::string prompt = argument;
  if (argument == "-") {
    GALAGO_TRY(prompt, read_standard_input());
    if (!raw && prompt.ends_with('\n')) prompt.pop_back();
  }
  GALAGO_CHECK(check_utf8(prompt, argument == "-" ? "standard input" : "prompt"));
  if (prompt.empty() && !raw) return error(ErrorCode::kInvalidArgument, "the prompt is empty; ask something");
  return prompt;
}

Reply ask(Session& session, std::string prompt, const RunArguments& arguments) {
  std::vector<Part> parts;
  for (const std::string& file : arguments.images) parts.emplace_back(image(file));
  GenerateOptions options = generate_options(arguments.generation);
  if (arguments.raw) return session.complete(std::move(prompt), std::move(parts), std::move(options));
  parts.emplace_back(std::move(prompt));
  if (!arguments.generation.system.empty()) session.add(system(arguments.generation.system));
  session.add(user(std::move(parts)));
  return session.reply(std::move(options));
}

Status check_images(const std::vector<std::string>& files) {
  for (const std::string& file : files) {
    std::error_code failed;
    if (!std::filesystem::exists(file, failed)) return error(ErrorCode::kNotFound, "{}: there is no such file", file);
  }
  return {};
}

Result<int> answer(const RunArguments& arguments, const std::string& prompt_argument) {
  // What can be wrong with the arguments is found before the model is loaded.
  GALAGO_TRY(std::string prompt, read_prompt(prompt_argument, arguments.raw));
  GALAGO_CHECK(check_utf8(arguments.generation.system, "--system"));
  GALAGO_CHECK(check_images(arguments.images));

  const Clock::time_point begin = Clock::now();
  GALAGO_TRY(const Model model, open_model(arguments.model, arguments.generation.context));
  const double load_seconds = seconds_since(begin);

  Session session(model, session_options(arguments.generation));
  InterruptGuard guard;
  guard.watch(&session);
  Reply reply = ask(session, std::move(prompt), arguments);
  GALAGO_TRY(ReplyReport report, read_reply(session, std::move(reply), guard, !arguments.json));
  report.load_seconds = load_seconds;
  report.packing = model.engine()->packing_report();
  if (arguments.json) put(write_json(to_json(report, model.description())) + '\n');
  GALAGO_CHECK(finish_output());
  if (arguments.stats) fmt::print(stderr, "\n{}", describe(report, model.description()));
  return report.interrupted ? kInterrupted : kOk;
}

int run(RunArguments& arguments, bool model_is_named, bool has_second) {
  std::string prompt = arguments.first;
  if (has_second) {
    if (model_is_named) return wrong_use("run", "-m names the model, so only the prompt may follow; put it in quotes");
    arguments.model.model = arguments.first;
    prompt = arguments.second;
  }
  if (arguments.raw && !arguments.generation.system.empty()) {
    return wrong_use("run", "--raw takes the prompt as it is, without a system message");
  }
  const Result<int> code = answer(arguments, prompt);
  return code.ok() ? code.value() : fail(code.error(), arguments.json);
}

}  // namespace

CommandBody command_run(CLI::App& app) {
  auto arguments = std::make_shared<RunArguments>();
  app.description("Answers a prompt. The answer is streamed to standard output; Ctrl-C stops it.");
  app.footer(
      "Examples:\n"
      "  galago run \"Why is the sky blue?\"\n"
      "  galago run model.gguf --temp 0 -n 100 \"Name three rivers.\"\n"
      "  galago run -m llava --image cat.jpg \"What is this?\"\n"
      "  galago run --json - < question.txt");
  // Two optional places, because with one argument it is the prompt.
  CLI::Option* first = add_argument(
      app, "MODEL", arguments->first,
      "The model: a .gguf file, a Hugging Face folder, or a name in the model folder; left out: the default");
  first->option_text("[MODEL]");
  CLI::Option* second = add_argument(app, "PROMPT", arguments->second, "What to ask; - reads standard input");
  second->option_text("PROMPT");
  app.option_defaults()->group("Model");
  CLI::Option* model =
      add_value(app, "-m,--model", arguments->model.model, {"MODEL", "The model, as above", "the default model"});
  add_model_options(app, arguments->model);
  add_generation_options(app, arguments->generation);
  app.option_defaults()->group("Answer");
  add_repeated(app, "--image", arguments->images,
               {"FILE", "A picture to show before the prompt; may be repeated", "none"});
  app.add_flag("--raw", arguments->raw, "Continue the prompt as it is, without the model's chat template");
  app.option_defaults()->group("Output");
  app.add_flag("--stats", arguments->stats, "Show times, rates, memory and instruction set on standard error");
  app.add_flag("--json", arguments->json, "Print one JSON object when the answer is complete");
  return [arguments, model, first, second] {
    if (first->count() == 0) return wrong_use("run", "what to ask? galago run \"Why is the sky blue?\"");
    return run(*arguments, model->count() > 0, second->count() > 0);
  };
}

}  // namespace galago::cli
