// Models and conversations:
//
//   auto model = galago::Model::open("smollm2-135m-instruct").value();
//   galago::Session chat(model);
//   chat.add(galago::user("Why is the sky blue?"));
//   for (const galago::Piece& piece : chat.reply()) std::cout << piece.text << std::flush;
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "galago/generate.h"
#include "galago/image.h"
#include "galago/kv_type.h"
#include "galago/precision.h"
#include "galago/result.h"

namespace galago {

namespace runtime {
class Engine;
class Conversation;
}  // namespace runtime

struct LoadProgress {
  std::string stage;  // "packing weights"
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;
};

// Packed weights on disk, so that a later start maps them instead of packing again.
struct PackCacheOptions {
  bool enabled = true;                                // also off with $GALAGO_PACK_CACHE=off
  std::filesystem::path folder{};                     // empty: pack_cache_folder()
  std::uint64_t max_bytes = 0;                        // the least recently used go; 0: $GALAGO_PACK_CACHE, else 16 GiB
  std::uint64_t min_bytes = std::uint64_t{64} << 10;  // smaller models are packed as fast as a file is mapped
};

struct ModelOptions {
  Precision precision = Precision::kFast;
  int n_threads = 0;                                    // 0: one for each performance core
  int prefill_chunk = 0;                                // tokens that are read at once; 0: what suits the machine
  std::optional<KvType> kv{};                           // of its sessions; unset: f16 when fast, f32 when exact
  std::function<void(const LoadProgress&)> progress{};  // called from the opening thread
  PackCacheOptions pack_cache{};
  // Tokens of the longest sequence that will be run; 0: what the model was trained for. It matters for models whose
  // rope scaling depends on the length (LongRoPE, dynamic NTK) alone: they turn all positions as sequences of this
  // length want it, so declare a short one where short ones are what you have.
  int context = 0;
};

struct ModelDescription {
  std::string name;          // general.name, or the file's
  std::string architecture;  // "llama"
  std::int64_t n_parameters = 0;
  std::int64_t context_length = 0;
  std::int64_t vocab_size = 0;
  bool sees_images = false;
  std::string isa;  // the kernels in use: "avx512_vnni"
};

// The folder of models: $GALAGO_HOME/models, or galago/models in the XDG data folder.
std::filesystem::path model_folder();
// The folder of packed weights: $GALAGO_HOME/packed, or galago/packed in the XDG data folder.
std::filesystem::path pack_cache_folder();
// The file that `model` names: a path to a .gguf file or a Hugging Face folder, or a name in model_folder(). An empty
// name is the default model. The error says where was looked and how to get the model.
Result<std::filesystem::path> find_model(std::string_view model);

// A loaded model: shared by copies, immutable, usable from any number of threads.
class Model {
 public:
  static Result<Model> open(std::string_view path_or_name, ModelOptions options = {});

  const ModelDescription& description() const;
  // The tree of modules with shapes and parameter counts.
  std::string to_string() const;
  Result<std::vector<std::int32_t>> tokenize(std::string_view text, bool add_special = false) const;
  std::string detokenize(const std::vector<std::int32_t>& ids) const;

  const std::shared_ptr<const runtime::Engine>& engine() const { return engine_; }

 private:
  explicit Model(std::shared_ptr<const runtime::Engine> engine) : engine_(std::move(engine)) {}
  std::shared_ptr<const runtime::Engine> engine_;
};

// A part of a message: text, or a picture by its file or its pixels.
struct ImageFile {
  std::filesystem::path path;
};
using Part = std::variant<std::string, ImageFile, Image>;
inline ImageFile image(std::filesystem::path path) { return {std::move(path)}; }

struct Message {
  std::string role;  // "system", "user", "assistant", "tool"
  std::vector<Part> parts;
};
Message system(std::string text);
Message user(std::string text);
Message user(std::vector<Part> parts);
Message assistant(std::string text);

struct SessionOptions {
  int context = 0;             // tokens of prompt and answers; 0: what the model was trained for
  std::optional<KvType> kv{};  // of keys and values; unset: what ModelOptions say
};

// The answer to a conversation, read piece by piece. It borrows its Session.
class Reply {
 public:
  class Iterator {
   public:
    using iterator_category = std::input_iterator_tag;
    using value_type = Piece;
    using difference_type = std::ptrdiff_t;
    using pointer = const Piece*;
    using reference = const Piece&;
    reference operator*() const;
    pointer operator->() const { return &**this; }
    Iterator& operator++();
    bool operator!=(const Iterator& other) const { return at_end() != other.at_end(); }
    bool operator==(const Iterator& other) const { return at_end() == other.at_end(); }

   private:
    friend class Reply;
    explicit Iterator(runtime::Conversation* conversation) : conversation_(conversation) {}
    bool at_end() const;
    runtime::Conversation* conversation_;
  };

  // Begins the work: the first piece is there when begin() returns.
  Iterator begin();
  Iterator end() { return Iterator(nullptr); }
  // How it went, once the loop is over.
  const Status& status() const;
  FinishReason finish_reason() const;
  const GenerateStats& stats() const;
  // All pieces from here on, joined.
  Result<std::string> text();

 private:
  friend class Session;
  explicit Reply(runtime::Conversation* conversation) : conversation_(conversation) {}
  runtime::Conversation* conversation_;
};

// One conversation with its own keys and values. Not to be used from several threads at once, but for cancel().
class Session {
 public:
  explicit Session(const Model& model, SessionOptions options = {});
  ~Session();
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;

  void add(Message message);
  const std::vector<Message>& messages() const;
  // Forgets all messages.
  void reset();
  // Answers the messages so far; the answer is added to them. Errors end the loop and stand in Reply::status().
  Reply reply(GenerateOptions options = {});
  // Continues `prompt` as it is, without a template. Pictures go where the model's placeholder stands.
  Reply complete(std::string prompt, std::vector<Part> images = {}, GenerateOptions options = {});
  // Stops the running reply; callable from any thread and from signal handlers.
  void cancel();

 private:
  std::unique_ptr<runtime::Conversation> conversation_;
};

}  // namespace galago
