// The stages of a tokenizer.json around its model: normalizer, pre_tokenizer, decoder, post_processor.
#pragma once

#include <vector>

#include "galago/result.h"
#include "text/json_reader.h"
#include "text/normalizer.h"
#include "text/pre_tokenizer.h"
#include "text/tokenizer_data.h"

namespace galago::text {

Status read_normalizer(const JsonValue& value, std::vector<NormalizerStep>& steps, int depth = 0);

struct PreTokenizerSpec {
  std::vector<PreTokenizerStage> stages;
  bool byte_level = false;
};
Status read_pre_tokenizer(const JsonValue& value, PreTokenizerSpec& spec, int depth = 0);

Status read_decoder(const JsonValue& value, Decoding& decoding, int depth = 0);

// What is put before and behind a text.
struct PostProcessorSpec {
  std::vector<TokenId> prefix, suffix;
};
Status read_post_processor(const JsonValue& value, const Vocabulary& vocabulary, PostProcessorSpec& spec,
                           int depth = 0);

}  // namespace galago::text
