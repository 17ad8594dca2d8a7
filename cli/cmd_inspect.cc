// galago inspect: what is in a model file.
#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/escape.h"
#include "cli/inspection.h"
#include "cli/output.h"
#include "cli/suggestion.h"
#include "cli/table.h"
#include "cli/tensor_statistics.h"
#include "galago/session.h"

namespace galago::cli {
namespace {

struct InspectArguments {
  std::string place;
  std::vector<std::string> input;  // one, or none for a bare -i
  std::string tensor;
  bool verbose = false;
  bool json = false;
};

Error unknown_tensor(const formats::Checkpoint& checkpoint, const std::string& name, Error error) {
  if (error.code != ErrorCode::kNotFound) return error;
  std::vector<std::string> names;
  for (const formats::StoredTensor& tensor : checkpoint.tensors()) names.push_back(tensor.name);
  const std::string near = nearest_name(name, names);
  error.message += near.empty() ? "; -v lists all tensors" : "; did you mean " + printable(near) + "?";
  return error;
}

Json tensor_json(const formats::StoredTensor& tensor, const TensorStatistics& numbers) {
  const auto finite = [&](double value) { return numbers.finite > 0 ? Json(value) : Json(nullptr); };
  Json json;
  json["name"] = tensor.name;
  json["dtype"] = name(tensor.dtype);
  json["shape"] = tensor.shape;
  json["bytes"] = tensor.data.size();
  json["elements"] = numbers.elements;
  json["min"] = finite(numbers.least);
  json["max"] = finite(numbers.greatest);
  json["mean"] = finite(numbers.mean);
  json["std"] = finite(numbers.deviation);
  json["nan"] = numbers.nans;
  json["inf"] = numbers.infinities;
  json["first"] = numbers.first;
  return json;
}

std::string describe_tensor(const formats::StoredTensor& tensor, const TensorStatistics& numbers) {
  Table table({Table::Align::kLeft, Table::Align::kLeft});
  table.add({"name", printable(tensor.name)});
  table.add({"type", std::string(name(tensor.dtype))});
  table.add({"shape", shape_text(tensor.shape)});
  table.add({"bytes", fmt::format("{} ({})", tensor.data.size(), human_bytes(tensor.data.size()))});
  if (tensor.file != nullptr) table.add({"file", printable(tensor.file->path().string())});
  if (numbers.finite > 0) {
    table.add({"min", fmt::format("{:.9g}", numbers.least)});
    table.add({"max", fmt::format("{:.9g}", numbers.greatest)});
    table.add({"mean", fmt::format("{:.9g}", numbers.mean)});
    table.add({"std", fmt::format("{:.9g}", numbers.deviation)});
  }
  table.add({"nan, inf", fmt::format("{}, {}", numbers.nans, numbers.infinities)});
  table.add({"first", fmt::format("{:.6g}", fmt::join(numbers.first, " "))});
  return table.to_string();
}

Status show_tensor(const formats::Checkpoint& checkpoint, const InspectArguments& arguments) {
  const Result<const formats::StoredTensor*> found = checkpoint.tensor(arguments.tensor);
  if (!found.ok()) return unknown_tensor(checkpoint, arguments.tensor, found.error());
  const formats::StoredTensor& tensor = **found;
  if (!tensor.packed.empty()) {
    return error(ErrorCode::kUnsupported, "tensor {} is there only packed for {}; look at it in the model it is from",
                 printable(tensor.name), printable(checkpoint.packed()->index.isa));
  }
  const TensorStatistics numbers = measure(tensor);
  put(arguments.json ? write_json(tensor_json(tensor, numbers)) + '\n' : describe_tensor(tensor, numbers));
  return {};
}

Status show(const std::string& file, const InspectArguments& arguments) {
  GALAGO_TRY(const std::filesystem::path path, find_model(file));
  GALAGO_TRY(const auto checkpoint, formats::Checkpoint::open(path));
  if (!arguments.tensor.empty()) return show_tensor(*checkpoint, arguments);
  put(arguments.json ? write_json(summary_json(*checkpoint, arguments.verbose)) + '\n'
                     : describe(*checkpoint, arguments.verbose));
  return {};
}

int inspect(const InspectArguments& arguments) {
  const std::string named = arguments.input.empty() ? "" : arguments.input.front();
  if (arguments.place.empty() && named.empty()) return wrong_use("inspect", "which file? galago inspect FILE");
  if (!arguments.place.empty() && !named.empty()) return wrong_use("inspect", "one file at a time");
  const Status shown = show(arguments.place.empty() ? named : arguments.place, arguments);
  return shown.ok() ? kOk : fail(shown.error(), arguments.json);
}

}  // namespace

CommandBody command_inspect(CLI::App& app) {
  auto arguments = std::make_shared<InspectArguments>();
  app.description(
      "Shows what is in a model file: format, architecture, sizes, types of the weights, tensors and metadata. Shapes "
      "are as PyTorch writes them, the last size contiguous.");
  add_argument(app, "FILE", arguments->place,
               "A .gguf or .safetensors file, a Hugging Face folder, or a name in the model folder");
  app.add_option("-i,--input", arguments->input, "Another way to name the file; may also stand alone after it")
      ->expected(0, 1)
      ->option_text("[FILE]");
  add_value(app, "-n,--name", arguments->tensor,
            {"NAME", "One tensor: its least, greatest and mean value, deviation, and first values", "none"});
  app.add_flag("-v,--verbose", arguments->verbose, "Name every tensor, and show metadata in full");
  app.add_flag("--json", arguments->json, "Print one JSON object");
  return [arguments] { return inspect(*arguments); };
}

}  // namespace galago::cli
