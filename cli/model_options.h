// The options that every command with a running model shares.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "galago/session.h"

namespace CLI {
class App;
}

namespace galago::cli {

struct ModelArguments {
  std::string model;
  std::string precision = "fast";
  int threads = 0;
  bool no_pack_cache = false;
  std::optional<KvType> kv;
};

struct GenerationArguments {
  int predict = -1;
  int context = 0;
  int keep = 0;
  std::string overflow = "error";
  std::string system;
  std::vector<std::string> stop;
  bool ignore_eos = false;
  SamplingOptions sampling;
};

// --kv, of which the type is unset by default.
void add_kv_option(CLI::App& app, std::optional<KvType>& kv);
// --precision, --threads, --kv and --no-pack-cache.
void add_model_options(CLI::App& app, ModelArguments& arguments);
// How much to generate, and how tokens are chosen.
void add_generation_options(CLI::App& app, GenerationArguments& arguments);

SessionOptions session_options(const GenerationArguments& arguments);
GenerateOptions generate_options(const GenerationArguments& arguments);

// Opens the model, with a progress bar where that takes long.
Result<Model> open_model(const ModelArguments& arguments, int context = 0);

}  // namespace galago::cli
