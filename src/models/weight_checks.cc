#include "models/weight_checks.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/logging.h"
#include "base/try.h"
#include "formats/quote.h"
#include "formats/tensor_checks.h"

namespace galago::models {
namespace {

constexpr std::string_view kRemedy =
    "use the model's original weights (BF16, F16, F32), or a GGUF file, whose quantizations are all read";

// Ends of names of what int8, FP8, GPTQ, AWQ, bitsandbytes, compressed-tensors, MXFP4 and NVFP4 keep beside weights.
constexpr std::array<std::string_view, 21> kQuantizationParts = {
    "_scale",      "_scale_inv",   "_scales",     ".scales",        "_scale_2",          ".scale",
    "_zero_point", "_zero_points", ".zero_point", ".zeros",         ".qzeros",           ".qweight",
    ".g_idx",      ".absmax",      ".quant_map",  ".nested_absmax", ".nested_quant_map", ".SCB",
    "_blocks",     "_packed",      ".input_scale"};

// What is published beside weights without being any.
constexpr std::array<std::string_view, 5> kHarmless = {"inv_freq", "position_ids", "masked_bias", "rope_freqs.weight",
                                                       "lm_head.weight"};

template <class Ends>
bool ends_with_any(std::string_view name, const Ends& ends) {
  return std::ranges::any_of(ends, [name](std::string_view end) { return name.ends_with(end); });
}

bool belongs_to_quantization(std::string_view name) {
  return ends_with_any(name, kQuantizationParts) || name.find(".quant_state.") != std::string_view::npos;
}

bool says_true(const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_boolean() && value->get<bool>();
}

std::string text_of(const Json& object, std::string_view key) {
  const Json* value = find(object, key);
  return value != nullptr && value->is_string() ? value->get<std::string>() : std::string();
}

// Whether a configuration of this method leaves all weights as they are.
bool quantizes_nothing(const Json& quantization, std::string_view method) {
  if (!quantization.is_object() || quantization.empty()) return quantization.is_null() || quantization.empty();
  if (method == "none") return true;
  if (method == "bitsandbytes")
    return !says_true(quantization, "load_in_4bit") && !says_true(quantization, "load_in_8bit");
  if (method != "compressed-tensors") return false;
  const Json* groups = find(quantization, "config_groups");
  const std::string format = text_of(quantization, "format");
  return (groups == nullptr || groups->empty()) && (format.empty() || format == "dense");
}

Status check_one(const Json& config, std::string_view key, std::span<const std::string_view> understood,
                 std::string_view where) {
  const Json* quantization = find(config, key);
  if (quantization == nullptr) return {};
  const std::string method = text_of(*quantization, "quant_method");
  if (quantizes_nothing(*quantization, method) || std::ranges::find(understood, method) != understood.end()) return {};
  return error(ErrorCode::kUnsupported,
               "{}: config.json has a \"{}\" of the quant_method {}, which is not understood here; {}", where, key,
               method.empty() ? std::string("(none)") : formats::quote(method), kRemedy);
}

// "blk.#.attn_q.weight"
std::string kind_of(std::string_view name) {
  std::string kind;
  for (const char letter : name) {
    const bool digit = letter >= '0' && letter <= '9';
    if (!digit) kind += letter;
    if (digit && !kind.ends_with('#')) kind += '#';
  }
  return kind;
}

void log_unread(LogLevel level, const formats::Checkpoint& checkpoint, const std::vector<std::string_view>& names,
                std::string_view what) {
  if (names.empty()) return;
  std::vector<std::string> shown;
  for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 3); ++i) shown.push_back(formats::quote(names[i]));
  log(level, "{}: {} tensors are not read{}: {}{}", checkpoint.path().string(), names.size(), what,
      fmt::join(shown, ", "), names.size() > shown.size() ? ", ..." : "");
}

}  // namespace

Status check_quantization(const Json& config, std::span<const std::string_view> understood, std::string_view where) {
  for (const std::string_view key : {"quantization_config", "compression_config"}) {
    GALAGO_CHECK(check_one(config, key, understood, where));
    for (const auto& [name, part] : config.items()) {  // text_config, vision_config
      if (part.is_object() && name.ends_with("_config")) GALAGO_CHECK(check_one(part, key, understood, where));
    }
  }
  return {};
}

Status refuse_integers(const formats::StoredTensor& tensor, std::string_view where) {
  switch (tensor.dtype) {
    case DType::kI8:
    case DType::kI16:
    case DType::kI32:
    case DType::kI64:
    case DType::kU8:
    case DType::kBool: break;
    default: return {};
  }
  return error(ErrorCode::kUnsupported,
               "{}: the tensor {} is {}; numbers or a block format are expected, and integers are codes of a "
               "quantization that is not understood here; {}",
               where, formats::quote(tensor.name), name(tensor.dtype), kRemedy);
}

Status check_unread(const formats::Checkpoint& checkpoint, const std::unordered_set<std::string_view>& asked) {
  std::unordered_set<std::string> kinds;
  for (const std::string_view name : asked) kinds.insert(kind_of(name));
  std::vector<std::string_view> layers, others;
  const auto look_at = [&](std::string_view name, std::string_view type) -> Status {
    if (asked.contains(name) || ends_with_any(name, kHarmless)) return {};
    if (belongs_to_quantization(name)) {
      return error(ErrorCode::kUnsupported,
                   "{}: the tensor {} ({}) belongs to a quantization that is not understood here, and the weights are "
                   "wrong without it; {}",
                   checkpoint.path().string(), formats::quote(name), type, kRemedy);
    }
    (kinds.contains(kind_of(name)) ? layers : others).push_back(name);
    return {};
  };
  for (const formats::StoredTensor& tensor : checkpoint.tensors()) {
    GALAGO_CHECK(look_at(tensor.name, galago::name(tensor.dtype)));
  }
  for (const formats::UnsupportedTensor& tensor : checkpoint.unsupported_tensors()) {
    GALAGO_CHECK(look_at(tensor.name, tensor.type));
  }
  log_unread(LogLevel::kWarning, checkpoint, layers, ", although others of their kind are");
  log_unread(LogLevel::kInfo, checkpoint, others, "");
  return {};
}

}  // namespace galago::models
