// The rows of a request: its prompt's, and those of the answer as they come.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "galago/result.h"
#include "models/processor.h"
#include "runtime/media_cache.h"

namespace galago::runtime {

class PromptRows {
 public:
  PromptRows() = default;
  // `media`: what the prompt's encoder runs gave. Fails when tokens, media rows or positions are not what the model
  // has.
  static Result<PromptRows> create(const models::PreparedPrompt& prompt, std::vector<EncodedMediaPtr> media,
                                   const models::ModelInfo& info);

  std::int64_t size() const { return static_cast<std::int64_t>(ids_.size()); }
  const std::vector<std::int32_t>& ids() const { return ids_; }
  // Whether the row is a token, and no row of a picture.
  bool is_text(std::int64_t row) const { return places_[static_cast<std::size_t>(row)].item < 0; }

  // Room for so many rows in all, so that push() allocates nothing.
  void reserve(std::int64_t rows);
  // A token behind all others.
  void push(std::int32_t id);
  // Takes out rows; those behind them close up, their positions too.
  void erase(std::int64_t first, std::int64_t count);
  // How many of the first rows are made from the same in both.
  std::int64_t common_prefix(const PromptRows& other) const;

  // Some rows as a step takes them. The views are valid until the next call.
  struct View {
    std::span<const std::int32_t> ids, positions, splice;  // as in StepPart
    std::span<const float> media;
  };
  View view(std::int64_t first, std::int64_t count);

 private:
  // Which row of which picture replaces the token's embedding.
  struct Place {
    std::int32_t item = -1;  // of media_; none for tokens
    std::int32_t row = 0;
  };
  bool same(std::size_t row, const PromptRows& other) const;
  std::int32_t next_position(std::int64_t rows) const;

  std::vector<std::int32_t> ids_;
  std::vector<Place> places_;
  std::vector<std::vector<std::int32_t>> positions_;  // by axis; none: 0, 1, 2, ... on every axis
  std::int32_t next_position_ = 0;                    // behind all others, on every axis
  std::vector<EncodedMediaPtr> media_;
  std::size_t width_ = 0;  // of a media row
  std::vector<std::int32_t> view_positions_, view_splice_;
  std::vector<float> view_media_;
};

}  // namespace galago::runtime
