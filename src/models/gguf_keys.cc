#include "models/gguf_keys.h"

#include <array>
#include <cmath>

#include "base/error.h"
#include "base/try.h"

namespace galago::models {
namespace {

// Keys that change what a model computes, with up to two values that change nothing (flags: 0 or 1). Those of mixtures,
// recurrent layers and the like are refused by the tensors that are missing.
struct Telling {
  std::string_view key;
  double neutral, also_neutral;
};
constexpr std::array kTelling = {
    Telling{"attention.sliding_window", 0, 0},
    Telling{"attention.causal", 1, 1},
    Telling{"attention.scale", 0, 0},
    Telling{"attention.clamp_kqv", 0, 0},
    Telling{"attention.max_alibi_bias", 0, 0},
    Telling{"attention.temperature_scale", 0, 0},
    Telling{"attention.value_length", 0, 0},
    Telling{"attn_logit_softcapping", 0, 0},
    Telling{"final_logit_softcapping", 0, 0},
    Telling{"router_logit_softcapping", 0, 0},
    Telling{"logit_scale", 0, 1},
    Telling{"embedding_scale", 0, 1},
    Telling{"residual_scale", 0, 1},
    Telling{"use_parallel_residual", 0, 0},
    Telling{"expert_count", 0, 0},
    Telling{"expert_weights_scale", 0, 1},
    Telling{"rope.freq_base_swa", 0, 0},
    Telling{"rope.scaling.attn_factor", 0, 1},
    Telling{"rope.scaling.yarn_ext_factor", -1, 1},
    Telling{"rope.scaling.yarn_attn_factor", -1, 1},
    Telling{"rope.scaling.yarn_log_multiplier", 0, 0},
};

}  // namespace

std::string GgufKeys::note(std::string_view key) {
  asked_.emplace(key);
  return full(key);
}

Result<std::int64_t> GgufKeys::integer(std::string_view key) { return metadata_.get_i64(note(key)); }
Result<std::int64_t> GgufKeys::integer(std::string_view key, std::int64_t fallback) {
  return metadata_.get_i64(note(key), fallback);
}
Result<bool> GgufKeys::flag(std::string_view key, bool fallback) { return metadata_.get_bool(note(key), fallback); }
Result<std::string_view> GgufKeys::string(std::string_view key, std::string_view fallback) {
  return metadata_.get_string(note(key), fallback);
}

Result<double> GgufKeys::number(std::string_view key, double fallback) {
  GALAGO_TRY(const double value, metadata_.get_f64(note(key), fallback));
  if (std::isfinite(value)) return value;
  return error(ErrorCode::kCorrupt, "{}: {} is {}; a finite number is expected", metadata_.source(), full(key), value);
}

Result<std::int64_t> GgufKeys::uniform(std::string_view key) {
  GALAGO_TRY(const formats::GgufNumbers numbers, metadata_.get_numbers(note(key)));
  for (std::size_t i = 1; i < numbers.size(); ++i) {
    if (numbers.i64(i) == numbers.i64(0)) continue;
    return error(ErrorCode::kUnsupported, "{}: {} differs between layers ({} and {}), which this architecture lacks",
                 metadata_.source(), full(key), numbers.i64(0), numbers.i64(i));
  }
  if (numbers.empty()) return error(ErrorCode::kCorrupt, "{}: {} is an empty array", metadata_.source(), full(key));
  return numbers.i64(0);
}

Status GgufKeys::refuse_unread() const {
  for (const Telling& telling : kTelling) {
    const std::string key = full(telling.key);
    if (asked_.contains(telling.key) || !metadata_.contains(key)) continue;
    const formats::GgufValue& value = *metadata_.find(key);
    std::string found = "set";
    if (value.type != formats::GgufType::kString) {
      GALAGO_TRY(const formats::GgufNumbers numbers, metadata_.get_numbers(key));
      const auto is_neutral = [&telling](double number) {
        return number == telling.neutral || number == telling.also_neutral;
      };
      std::size_t i = 0;
      while (i < numbers.size() && is_neutral(numbers.f64(i))) ++i;
      if (i == numbers.size()) continue;
      found = fmt::format("{}", numbers.f64(i));
    }
    return error(ErrorCode::kUnsupported,
                 "{}: {} is {}, which changes what the model computes and is not read for this architecture; {} would "
                 "change nothing",
                 metadata_.source(), key, found, telling.also_neutral);
  }
  return {};
}

}  // namespace galago::models
