// The rows of a request: its prompt's, and those of the answer as they come,
// with the pictures that some stand for.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "galago/result.h"
#include "models/model.h"
#include "runtime/media_cache.h"
#include "runtime/token_rows.h"

namespace galago::runtime {

class PromptRows {
 public:
  PromptRows() = default;
  // `media`: what the prompt's encoder runs gave. Fails when tokens, media rows
  // or positions are not what the model has.
  static Result<PromptRows> create(const models::PreparedPrompt& prompt, std::vector<EncodedMediaPtr> media,
                                   const models::ModelInfo& info);

  std::int64_t size() const { return static_cast<std::int64_t>(tokens_.size()); }
  std::span<const std::int32_t> ids() const { return tokens_.ids(); }
  // Whether the row is a token, and no row of a picture.
  bool is_text(std::int64_t row) const { return tokens_.media_row(static_cast<std::size_t>(row)) < 0; }

  // Room for so many rows in all, so that push() allocates nothing.
  void reserve(std::int64_t rows) { tokens_.reserve(static_cast<std::size_t>(rows)); }
  // A token behind all others.
  void push(std::int32_t id) { tokens_.append(id); }
  // Takes out rows; those behind them close up, their positions too.
  void erase(std::int64_t first, std::int64_t count);
  // How many of the first rows are made from the same in both.
  std::int64_t common_prefix(const PromptRows& other) const;

  // Some rows as a step takes them, valid until the next call. `inputs`: the
  // further inputs of the entry that reads them.
  const StepPart& part(Sequence& sequence, std::int64_t first, std::int64_t count, std::span<const std::string> inputs);

 private:
  // A row of a picture.
  struct Place {
    std::size_t item = 0;  // of media_
    std::int64_t row = 0;
  };
  // A further input whose rows come from the encoders.
  struct Encoded {
    std::string input;
    std::size_t width = 0;
    std::vector<std::span<const float>> items;  // the rows of each of media_
    std::vector<float> part{};
  };
  bool same_media(std::size_t row, const PromptRows& other) const;
  Status take_encoded(const models::PreparedRows& rows);
  void add_encoded(Encoded& encoded);

  TokenRows tokens_;
  std::vector<EncodedMediaPtr> media_;
  std::vector<Place> places_;  // of all pictures' rows, one after the other, as
                               // tokens_ counts them
  std::size_t width_ = 0;      // of a media row
  std::vector<Encoded> encoded_;
  StepPart part_;
  std::vector<NamedRows> part_rows_;
  std::vector<std::int32_t> part_splice_;
  std::vector<float> part_media_;
};

}  // namespace galago::runtime
