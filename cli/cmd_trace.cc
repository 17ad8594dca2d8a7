// galago trace: a model's computations as graphs, after any pass, with the memory plan.
#include <fmt/format.h>

#include "base/json.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress_bar.h"
#include "graph/pipeline.h"
#include "graph/printer.h"
#include "runtime/model_trace.h"

namespace galago::cli {
namespace {

struct TraceArguments {
  std::string model;
  std::string precision = "fast";
  runtime::TraceOptions options;
  bool dot = false;
  bool json = false;
  bool program = false;
};

// The graph with its memory plans, or the kernel calls that it was compiled to.
std::string to_text(const runtime::EntryTrace& trace, bool program) {
  std::string text = program ? "" : graph::to_text(trace.graph);
  for (const runtime::EntryTrace::Plan& plan : trace.plans) {
    text += program ? plan.program : graph::to_text(plan.memory, plan.graph);
  }
  return text;
}

Json to_json(const runtime::EntryTrace& trace, const std::string& after) {
  Json json = Json::object();
  json["entry"] = trace.entry;
  json["after"] = after;
  json["nodes"] = trace.graph.nodes.size();
  json["peak_bytes"] = trace.peak_bytes();
  json["ir"] = graph::to_text(trace.graph);
  return json;
}

int trace(TraceArguments& arguments) {
  arguments.options.precision = arguments.precision == "exact" ? Precision::kExact : Precision::kFast;
  // A drawing shows one graph.
  if (arguments.dot && arguments.options.entry.empty()) return wrong_use("trace", "--dot needs the --entry to draw");
  if (arguments.dot && arguments.json) return wrong_use("trace", "--dot and --json exclude each other");
  if (arguments.program && (arguments.dot || arguments.json)) {
    return wrong_use("trace", "--program excludes --dot and --json");
  }
  if (arguments.program && arguments.options.after != graph::pass_names().back()) {
    return wrong_use("trace", "--program shows what comes after the last pass; leave out --after");
  }
  const auto path = find_model(arguments.model);
  if (!path.ok()) return fail(path.error(), arguments.json);
  ProgressBar bar;
  arguments.options.progress = [&bar](const LoadProgress& progress) {
    bar.update(progress.stage, progress.done_bytes, progress.total_bytes);
  };
  const auto traces = runtime::trace_model(*path, arguments.options);
  if (!traces.ok()) return fail(traces.error(), arguments.json);
  Json list = Json::array();
  bool first = true;
  for (const runtime::EntryTrace& entry : *traces) {
    if (arguments.json) {
      list.push_back(to_json(entry, arguments.options.after));
    } else if (arguments.dot) {
      put(graph::to_dot(entry.graph));
    } else {
      put((first ? "" : "\n") + to_text(entry, arguments.program));
    }
    first = false;
  }
  if (arguments.json) put(write_json(Json{{"entries", list}}) + '\n');
  return kOk;
}

}  // namespace

CommandBody command_trace(CLI::App& app) {
  auto arguments = std::make_shared<TraceArguments>();
  runtime::TraceOptions& options = arguments->options;
  app.description("Shows the computations of a model as they are traced, after any pass, and where their values lie.");
  app.footer(
      "After \"pack\", the last pass, weights are packed and the plan is that of the program that runs. On several\n"
      "backends each part has one, and \"copies\" shows what goes from one to another.\n\n"
      "  galago trace model.gguf --entry decode\n"
      "  galago trace model.gguf --entry decode --after trace\n"
      "  galago trace model.gguf --entry prefill --dot | dot -Tsvg > prefill.svg");
  add_argument(app, "MODEL", arguments->model, "The model: a .gguf file, a Hugging Face folder, or a name")->required();
  add_value(app, "--entry", options.entry,
            {"NAME", "One computation: prefill, head, decode, encode_image, ...", "all"});
  std::vector<std::string> passes;
  for (const std::string_view pass : graph::pass_names()) passes.emplace_back(pass);
  add_value(app, "--after", options.after, {"PASS", "Stop after trace, fold, place, copies, group, fuse or pack"})
      ->check(CLI::IsMember(passes));
  add_value(app, "--precision", arguments->precision, {"P", "fast or exact: decides the scratch memory"})
      ->check(CLI::IsMember({"fast", "exact"}));
  add_value(app, "--chunk", options.prefill_chunk,
            {"N", "Rows of a prefill step, for which memory is planned", "as running it does"})
      ->check(CLI::Range(1, 4096));
  app.add_flag("--dot", arguments->dot, "Print a Graphviz drawing");
  app.add_flag("--program", arguments->program, "Print the kernel calls that run");
  app.add_flag("--json", arguments->json, "Print one JSON object");
  return [arguments] { return trace(*arguments); };
}

}  // namespace galago::cli
