// galago verify: compares a model with what its original implementation computed.
#include <fmt/format.h>

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/escape.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "verify/verify.h"

namespace galago::cli {
namespace {

struct VerifyArguments {
  std::string checkpoint;
  std::string expected;
  std::string precision = "exact";
  verify::Options options;
  bool json = false;
};

// What is compared with: named, or beside the checkpoint's files.
Result<std::filesystem::path> expected_file(const VerifyArguments& arguments, const std::filesystem::path& checkpoint) {
  if (!arguments.expected.empty()) return std::filesystem::path(arguments.expected);
  std::error_code failed;
  const bool folder = std::filesystem::is_directory(checkpoint, failed);
  const auto beside = (folder ? checkpoint : checkpoint.parent_path()) / "expected.safetensors";
  if (std::filesystem::exists(beside, failed)) return beside;
  return error(ErrorCode::kNotFound, "{}: there is no such file; name the expected values with --expected",
               beside.string());
}

Json number_or_null(const std::optional<double>& number) { return number ? Json(*number) : Json(nullptr); }

Json to_json(const verify::Report& report) {
  Json json = Json::object();
  if (const auto* logits = report.find("logits")) json["logits_rel_err"] = number_or_null(logits->error);
  if (const auto* hidden = report.find("hidden_last")) json["hidden_rel_err"] = number_or_null(hidden->error);
  if (const auto* greedy = report.find("greedy_ids")) json["greedy_equal"] = greedy->error == 0.0;
  if (report.has_stages) {
    Json& stages = json["stages"] = Json::object();
    for (const verify::StageResult& stage : report.stages) stages[stage.stage] = number_or_null(stage.error);
  }
  json["isa"] = report.isa;
  json["mode"] = report.mode;
  json["passed"] = report.passed;
  Json& problems = json["problems"] = Json::object();
  for (const verify::StageResult& stage : report.stages) {
    if (!stage.problem.empty()) problems[stage.stage] = stage.problem;
  }
  return json;
}

std::string to_text(const verify::Report& report) {
  std::string text = fmt::format("{} on {}\n", report.mode, report.isa);
  for (const verify::StageResult& stage : report.stages) {
    const std::string error = stage.error ? fmt::format("{:.3g}", *stage.error) : "-";
    text += fmt::format("  {:<22} {:>10}  {}\n", printable(stage.stage), error,
                        stage.problem.empty() ? "ok" : "FAILED: " + printable(stage.problem));
  }
  return text + (report.passed ? "all within bounds\n" : "not within bounds\n");
}

int verify(VerifyArguments& arguments) {
  arguments.options.precision = arguments.precision == "exact" ? Precision::kExact : Precision::kFast;
  const auto checkpoint = find_model(arguments.checkpoint);
  if (!checkpoint.ok()) return fail(checkpoint.error(), arguments.json);
  const auto expected = expected_file(arguments, *checkpoint);
  if (!expected.ok()) return fail(expected.error(), arguments.json);
  const auto report = verify::verify_model(*checkpoint, *expected, arguments.options);
  if (!report.ok()) return fail(report.error(), arguments.json);
  put(arguments.json ? write_json(to_json(*report)) + '\n' : to_text(*report));
  return report->passed ? kOk : kFailed;
}

}  // namespace

CommandBody command_verify(CLI::App& app) {
  auto arguments = std::make_shared<VerifyArguments>();
  verify::Options& options = arguments->options;
  app.description(
      "Compares a model with the original implementation: runs the input_ids of a file of expected values, or the "
      "pictures and the prompt (manifest.json) that lie in the checkpoint's folder, and compares every stage that the "
      "file holds.");
  app.footer(
      "Errors are max|d| / std(expected); of integers, how many differ. Pixels may be off by one grey level.\n"
      "The exit code is 0 only when everything is within bounds.\n\n"
      "  galago verify checkpoint --expected expected.safetensors\n"
      "  galago verify checkpoint --from pixel_values     leaves the preprocessing out");
  add_argument(app, "CHECKPOINT", arguments->checkpoint, "The model: a folder, a .gguf file, or a name")->required();
  add_value(app, "--expected", arguments->expected,
            {"FILE", "The expected values", "expected.safetensors beside the checkpoint's files"});
  add_value(app, "--precision", arguments->precision,
            {"P", "exact: f32 throughout; fast: activations of matrix products in int8"})
      ->check(CLI::IsMember({"exact", "fast"}));
  add_kv_option(app, options.kv);
  add_value(app, "--chunk", options.chunk, {"N", "Read the prompt in chunks of N tokens", "the whole prompt"})
      ->check(CLI::Range(1, 4096));
  app.add_flag("--eager", options.eager, "Run op by op instead of the compiled programs");
  add_value(app, "--tolerance", options.tolerance, {"X", "The largest error that passes"})->check(CLI::Range(0.0, 1e9));
  add_value(app, "--from", options.from, {"STAGE", "Take this stage from the file and go on from there", "none"});
  add_value(app, "-t,--threads", options.n_threads, {"N", "Threads", "one for each fast core"})
      ->check(CLI::Range(1, 256));
  app.add_flag("--json", arguments->json, "Print one JSON object");
  return [arguments] { return verify(*arguments); };
}

}  // namespace galago::cli
