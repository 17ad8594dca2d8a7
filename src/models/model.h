// A model as the runtime sees it: modules, typed state, and entries to trace. Nothing outside models/ names an
// architecture.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "galago/nn.h"
#include "graph/trace.h"
#include "models/processor.h"
#include "ops/step.h"

namespace galago::models {

// A named computation of a model, traced on its own: "prefill", "decode", "head", "encode_image", ... Whoever runs it
// and forward() itself know its inputs by name: in["token_ids"].
//
// Decoders declare, with their inputs and outputs:
//   prefill   token_ids i32 (tokens), positions i32 (axes, tokens), splice_index i32 (tokens), media f32 (media_rows,
//             hidden), of models that see or hear; rows i32 (rows)  ->  hidden f32 (rows, hidden), after the final norm
//   head      hidden f32 (rows, hidden)  ->  logits f32 (rows, vocab)
//   decode    token_ids i32 (tokens), positions i32 (axes, tokens)  ->  logits f32 (tokens, vocab)
// prefill and decode may take further inputs, f32 or i32 (tokens, ...), whose rows PreparedPrompt::rows brings.
// Encoders declare one entry a medium: encode_image takes pixels f32 (channels, height, width) of one picture, or
// whatever its Processor prepares; sizes may be symbols, which the tensors of a run tell.
struct Entry {
  std::string name;
  std::vector<graph::TraceInput> inputs;
  graph::TracedFunction forward;
  graph::NumericClass numeric_class = graph::NumericClass::kPrefill;
};

// The upper bounds of the symbols in entries.
struct EntryLimits {
  int prefill_tokens = 256;  // rows of a prefill step: a longer prompt is cut into chunks
  int decode_tokens = 16;    // rows of a decode step, and of the head
};

struct ModelInfo {
  std::string architecture;     // "llama", as in config.json's model_type
  std::int64_t vocab_size = 0;  // rows of the output; 0 for encoders
  std::int64_t hidden_size = 0;
  std::int64_t context_length = 0;  // positions the model was trained for
  int n_layers = 0;
  int position_axes = 1;
};

// Runs entries of a model for code that need not know whether eagerly or compiled.
class EntryRunner {
 public:
  virtual ~EntryRunner() = default;
  // The outputs of an entry without state, by name, taps included.
  virtual Result<std::vector<graph::NamedTensor>> run(std::string_view entry,
                                                      std::span<const graph::NamedTensor> inputs) = 0;
};

// What an encoder is asked to compare: texts with pictures.
struct EncodeRequest {
  std::span<const std::string> texts;
  std::span<const Image> images;
  const text::Tokenizer* tokenizer = nullptr;
  // Stages that are given instead of computed ("pixel_values", "input_ids", "attention_mask").
  std::span<const graph::NamedTensor> given;
};

class Model {
 public:
  virtual ~Model() = default;
  const ModelInfo& info() const { return info_; }
  const std::vector<ops::StateSpec>& states() const { return states_; }
  virtual const nn::Module& module() const = 0;
  virtual std::vector<Entry> entries(const EntryLimits& limits) const = 0;
  // Turns prompts and media into what the entries take.
  virtual const Processor& processor() const = 0;
  // The Jinja source of the conversation format that the model was trained with, for checkpoints that bring no
  // template.
  virtual std::string default_chat_template() const { return ""; }
  // Encoders (CLIP): everything between raw texts and pictures and their similarity, by stage, in the order of the
  // computation. Other models return kUnsupported.
  virtual Result<std::vector<graph::NamedTensor>> encode(const EncodeRequest& request, EntryRunner& runner) const;
  // One line of the tree of modules each, with shapes and parameter counts.
  std::string to_string() const { return module().to_string(info_.architecture); }

 protected:
  ModelInfo info_;
  std::vector<ops::StateSpec> states_;
};

// Traces an entry; with `taps`, intermediate stages (nn/tap.h) become further outputs under their names.
Result<graph::Graph> trace_entry(const Model& model, const Entry& entry, bool taps = false);

}  // namespace galago::models
