#include "runtime/prompt_rows.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::runtime {

Result<PromptRows> PromptRows::create(const models::PreparedPrompt& prompt, std::vector<EncodedMediaPtr> media,
                                      const models::ModelInfo& info) {
  PromptRows rows;
  for (const std::int32_t id : prompt.ids) {
    if (id < 0 || id >= info.vocab_size) {
      return error(ErrorCode::kInvalidArgument, "the token {} is outside of the vocabulary of {}", id, info.vocab_size);
    }
  }
  for (std::size_t item = 0; item < media.size(); ++item) {
    const auto n = static_cast<std::size_t>(media[item]->n_rows);
    const std::size_t width = n > 0 ? media[item]->rows.size() / n : 0;
    if (width * n != media[item]->rows.size() || (item > 0 && width != rows.width_)) {
      return error(ErrorCode::kInternal, "an encoder gave {} values for {} rows; rows of {} are expected",
                   media[item]->rows.size(), n, rows.width_);
    }
    rows.width_ = width;
    for (std::int64_t row = 0; row < media[item]->n_rows; ++row) rows.places_.push_back({item, row});
  }
  for (const std::int32_t row : prompt.splice_index) {
    if (row >= 0 && static_cast<std::size_t>(row) >= rows.places_.size()) {
      return error(ErrorCode::kInvalidArgument, "the prompt asks for row {} of {} media rows", row,
                   rows.places_.size());
    }
  }
  GALAGO_CHECK(rows.tokens_.assign(prompt, info.position_axes));
  rows.media_ = std::move(media);
  for (const models::PreparedRows& further : prompt.rows) {
    if (further.encoded_width != 0) GALAGO_CHECK(rows.take_encoded(further));
  }
  return rows;
}

// Finds the outputs that give a further input its rows.
Status PromptRows::take_encoded(const models::PreparedRows& rows) {
  Encoded encoded{.input = rows.input, .width = static_cast<std::size_t>(rows.encoded_width), .items = {}};
  for (const EncodedMediaPtr& item : media_) {
    const auto output = std::find_if(item->further.begin(), item->further.end(),
                                     [&rows](const EncodedOutput& each) { return each.name == rows.input; });
    const std::size_t expected = static_cast<std::size_t>(item->n_rows) * encoded.width;
    if (output == item->further.end() || output->rows.size() != expected) {
      return error(ErrorCode::kInternal, "the encoder's output \"{}\" has {} values; {} rows of {} are expected",
                   rows.input, output == item->further.end() ? 0 : output->rows.size(), item->n_rows, encoded.width);
    }
    encoded.items.push_back(output->rows);
  }
  encoded_.push_back(std::move(encoded));
  return {};
}

// Zeros for tokens that are no rows of a picture.
void PromptRows::add_encoded(Encoded& encoded) {
  encoded.part.assign(part_.ids.size() * encoded.width, 0.0f);
  for (std::size_t i = 0; i < part_.splice.size(); ++i) {
    if (part_.splice[i] < 0) continue;
    const Place& place = places_[static_cast<std::size_t>(part_.splice[i])];
    const auto row =
        encoded.items[place.item].subspan(static_cast<std::size_t>(place.row) * encoded.width, encoded.width);
    std::copy(row.begin(), row.end(), encoded.part.begin() + static_cast<std::ptrdiff_t>(i * encoded.width));
  }
  part_rows_.push_back({encoded.input, encoded.part, {}});
}

void PromptRows::erase(std::int64_t first, std::int64_t count) {
  tokens_.forget(static_cast<std::size_t>(first), static_cast<std::size_t>(count));
}

bool PromptRows::same_media(std::size_t row, const PromptRows& other) const {
  const std::int32_t mine = tokens_.media_row(row), theirs = other.tokens_.media_row(row);
  if (mine < 0 || theirs < 0) return mine < 0 && theirs < 0;
  const Place& a = places_[static_cast<std::size_t>(mine)];
  const Place& b = other.places_[static_cast<std::size_t>(theirs)];
  return a.row == b.row && media_[a.item]->mark == other.media_[b.item]->mark;
}

std::int64_t PromptRows::common_prefix(const PromptRows& other) const {
  const std::size_t most = std::min(tokens_.size(), other.tokens_.size());
  std::size_t n = 0;
  while (n < most && tokens_.same(n, other.tokens_) && same_media(n, other)) ++n;
  return static_cast<std::int64_t>(n);
}

const StepPart& PromptRows::part(Sequence& sequence, std::int64_t first, std::int64_t count,
                                 std::span<const std::string> inputs) {
  part_ = tokens_.part(sequence, static_cast<std::size_t>(first), static_cast<std::size_t>(count), {}, inputs);
  part_rows_.assign(part_.rows.begin(), part_.rows.end());
  for (Encoded& encoded : encoded_) {
    if (std::find(inputs.begin(), inputs.end(), encoded.input) != inputs.end()) add_encoded(encoded);
  }
  part_.rows = part_rows_;
  if (part_.splice.empty()) return part_;
  // Only the media rows that these tokens stand for, so that pictures are never
  // copied whole.
  part_splice_.clear();
  part_media_.clear();
  std::int32_t n = 0;
  for (const std::int32_t row : part_.splice) {
    part_splice_.push_back(row < 0 ? -1 : n++);
    if (row < 0) continue;
    const Place& place = places_[static_cast<std::size_t>(row)];
    const auto at =
        media_[place.item]->rows.begin() + static_cast<std::ptrdiff_t>(static_cast<std::size_t>(place.row) * width_);
    part_media_.insert(part_media_.end(), at, at + static_cast<std::ptrdiff_t>(width_));
  }
  part_.splice = part_splice_;
  part_.media = part_media_;
  return part_;
}

}  // namespace galago::runtime
