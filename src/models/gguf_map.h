// How an architecture's GGUF files say what Hugging Face's do: metadata as config keys, tensor names, and transforms of
// the stored rows, which are undone while packing.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/json.h"
#include "formats/checkpoint.h"
#include "galago/tensor.h"

namespace galago::models {

enum class RowTransform : std::uint8_t {
  kNone,
  kRopePairs,  // llama.cpp stores the two halves of each head interleaved: row 2j + s of a head is row s * half + j
};

// Names with "{}" for the layer's number.
struct GgufName {
  std::string_view hf;
  std::string_view gguf;
  RowTransform transform = RowTransform::kNone;
  std::string_view heads_key = "";  // of the config: how many heads the rows are (kRopePairs)
};

struct GgufMap {
  // config.json as Hugging Face would write it, from the metadata and the tensors' shapes.
  Result<Json> (*config)(const formats::Checkpoint& checkpoint);
  std::span<const GgufName> names;
};

// The entry that matches a Hugging Face name, with the GGUF name filled in.
struct GgufMatch {
  std::string gguf_name;
  const GgufName* entry = nullptr;
};
std::optional<GgufMatch> match(std::span<const GgufName> names, std::string_view hf_name);

// The order that undoes kRopePairs for `rows` rows of `n_heads` heads.
Result<RowOrder> rope_pairs_order(std::int64_t rows, std::int64_t n_heads, std::string_view tensor);

// What llama.cpp writes for every decoder under its architecture's prefix: sizes, rope, norms. With `n_heads` and so on
// in Hugging Face's keys; "rope_divisors" holds the values of a rope_freqs.weight tensor.
Result<Json> decoder_config_from_gguf(const formats::Checkpoint& checkpoint);
// Names of the tensors of a plain decoder, without row transforms.
std::span<const GgufName> decoder_gguf_names();

}  // namespace galago::models
