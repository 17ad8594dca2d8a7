// galago pack: a model with packed weights as one file.
#include <fmt/format.h>

#include <cstdlib>
#include <filesystem>

#include "base/json.h"
#include "base/try.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "cli/table.h"
#include "runtime/standalone_writer.h"

namespace galago::cli {
namespace {

struct PackArguments {
  std::string in, out, isa;
  int threads = 0;
  bool json = false;
};

Result<runtime::StandaloneReport> write(const PackArguments& arguments) {
  GALAGO_TRY(const std::filesystem::path in, find_model(arguments.in));
  if (!arguments.isa.empty()) ::setenv("GALAGO_ISA", arguments.isa.c_str(), 1);
  ProgressBar bar;
  ModelOptions options;
  options.n_threads = arguments.threads;
  options.progress = [&bar](const LoadProgress& progress) {
    bar.update(progress.stage, progress.done_bytes, progress.total_bytes);
  };
  return runtime::write_standalone(in, arguments.out, options);
}

int pack(const PackArguments& arguments) {
  const auto report = write(arguments);
  if (!report.ok()) return fail(report.error(), arguments.json);
  if (arguments.json) {
    Json json;
    json["file"] = arguments.out;
    json["isa"] = report->isa;
    json["packed_tensors"] = report->packed_tensors;
    json["other_tensors"] = report->other_tensors;
    json["packed_bytes"] = report->packed_bytes;
    json["file_bytes"] = report->file_bytes;
    json["compared_tokens"] = report->compared_tokens;
    put(write_json(json) + '\n');
    return kOk;
  }
  put(fmt::format("{}: {} packed for {}, {} tensors as they were, {} in all\n", arguments.out, report->packed_tensors,
                  report->isa, report->other_tensors, human_bytes(report->file_bytes)));
  put(report->compared_tokens > 0
          ? fmt::format("checked: the packed bytes and {} tokens that it writes are those of the original\n",
                        report->compared_tokens)
          : std::string("checked: the packed bytes are those of the original\n"));
  return kOk;
}

}  // namespace

CommandBody command_pack(CLI::App& app) {
  auto arguments = std::make_shared<PackArguments>();
  app.description(
      "Writes one GGUF file with the weights packed for an instruction set, and everything else that the model needs. "
      "It starts as fast as from the pack cache, needs no cache, and is a model like any other for all commands that "
      "run one. It is compared with the original before it appears.");
  add_argument(app, "IN", arguments->in, "The model: a .gguf file, a Hugging Face folder, or a name")->required();
  add_argument(app, "OUT", arguments->out, "The file to write")->required();
  add_value(app, "--isa", arguments->isa,
            {"ISA", "Pack for this instruction set, as GALAGO_ISA names it", "the best one of this machine"});
  add_value(app, "-t,--threads", arguments->threads, {"N", "Threads", "one for each fast core"})
      ->check(CLI::Range(0, 256));
  app.add_flag("--json", arguments->json, "Print one JSON object");
  return [arguments] { return pack(*arguments); };
}

}  // namespace galago::cli
