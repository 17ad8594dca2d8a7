#include "galago/session.h"

#include "base/error.h"
#include "base/try.h"
#include "runtime/conversation.h"

namespace galago {

const char* to_string(FinishReason reason) {
  switch (reason) {
    case FinishReason::kNone: return "unfinished";
    case FinishReason::kEnd: return "end";
    case FinishReason::kStop: return "stop";
    case FinishReason::kMaxTokens: return "length";
    case FinishReason::kContext: return "context";
    case FinishReason::kCancelled: return "cancelled";
    case FinishReason::kError: return "error";
  }
  return "unknown";
}

Message system(std::string text) { return {"system", {std::move(text)}}; }
Message user(std::string text) { return {"user", {std::move(text)}}; }
Message user(std::vector<Part> parts) { return {"user", std::move(parts)}; }
Message assistant(std::string text) { return {"assistant", {std::move(text)}}; }

Result<Model> Model::open(std::string_view path_or_name, ModelOptions options) {
  GALAGO_TRY(const std::filesystem::path path, find_model(path_or_name));
  GALAGO_TRY(auto engine, runtime::Engine::open(path, options));
  return Model(std::move(engine));
}

const ModelDescription& Model::description() const { return engine_->description(); }

std::string Model::to_string() const { return engine_->model().to_string(); }

Result<std::vector<std::int32_t>> Model::tokenize(std::string_view text, bool add_special) const {
  GALAGO_TRY(const text::Tokenizer* tokenizer, engine_->tokenizer());
  return tokenizer->encode(text, {.parse_special = true, .add_bos_eos = add_special});
}

std::string Model::detokenize(const std::vector<std::int32_t>& ids) const {
  const auto tokenizer = engine_->tokenizer();
  return tokenizer.ok() ? (*tokenizer)->decode(ids) : "";
}

Session::Session(const Model& model, SessionOptions options)
    : conversation_(std::make_unique<runtime::Conversation>(model.engine(), options)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

void Session::add(Message message) { conversation_->messages().push_back(std::move(message)); }
const std::vector<Message>& Session::messages() const { return conversation_->messages(); }
void Session::reset() { conversation_->reset(); }
void Session::cancel() { conversation_->cancel(); }

Reply Session::reply(GenerateOptions options) {
  conversation_->begin_reply(std::move(options));
  return Reply(conversation_.get());
}

Reply Session::complete(std::string prompt, std::vector<Part> images, GenerateOptions options) {
  conversation_->begin_completion(std::move(prompt), std::move(images), std::move(options));
  return Reply(conversation_.get());
}

Reply::Iterator Reply::begin() { return Iterator(conversation_->next() ? conversation_ : nullptr); }
const Status& Reply::status() const { return conversation_->status(); }
FinishReason Reply::finish_reason() const { return conversation_->finish_reason(); }
const GenerateStats& Reply::stats() const { return conversation_->stats(); }

Result<std::string> Reply::text() {
  std::string all;
  for (const Piece& piece : *this) all += piece.text;
  if (!status().ok()) return status().error();
  return all;
}

Reply::Iterator::reference Reply::Iterator::operator*() const { return conversation_->piece(); }

Reply::Iterator& Reply::Iterator::operator++() {
  if (!conversation_->next()) conversation_ = nullptr;
  return *this;
}

bool Reply::Iterator::at_end() const { return conversation_ == nullptr; }

}  // namespace galago
