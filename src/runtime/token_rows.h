// The tokens of a sequence with all that a step needs to read them again: their positions, the media rows that replace
// their embeddings, and the rows of further inputs.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "models/processor.h"
#include "runtime/step_inputs.h"

namespace galago::runtime {

class TokenRows {
 public:
  // Takes a prompt's rows in place of the own. Fails where they are not as many as its ids.
  Status assign(const models::PreparedPrompt& prompt, int position_axes);
  // Memory for this many tokens, so that append() takes none.
  void reserve(std::size_t tokens);
  // A token after all others, at the next position on every axis.
  void append(std::int32_t id);
  // Forgets the tokens [first, first + count). Those that follow move up with all that is theirs, and their positions
  // go on after the largest of those before.
  void forget(std::size_t first, std::size_t count);

  std::size_t size() const { return ids_.size(); }
  std::span<const std::int32_t> ids() const { return ids_; }
  // The media row of a token, or -1.
  std::int32_t media_row(std::size_t token) const { return splice_.empty() ? -1 : splice_[token]; }
  // Whether a token is the same as another's: its id, its positions, the rows of further inputs. Not its media row.
  bool same(std::size_t token, const TokenRows& other) const;
  // The tokens [at, at + n) as rows of a step over `media`, valid until the next call. `inputs`: the further inputs of
  // the entry that reads them (Stepper::prefill_rows(), decode_rows()).
  const StepPart& part(Sequence& sequence, std::size_t at, std::size_t n, std::span<const float> media,
                       std::span<const std::string> inputs);

 private:
  struct Further {
    models::PreparedRows rows;
    std::size_t values = 0, ints = 0;  // of one token
  };

  std::int32_t position(std::size_t token, std::size_t axis) const;
  std::int64_t position_after(std::size_t tokens) const;

  std::size_t axes_ = 1;
  std::vector<std::int32_t> ids_;
  std::vector<std::int32_t> splice_;     // one for each id; empty: no media
  std::int64_t next_ = 0;                // the position of the token that comes next
  std::vector<std::int32_t> positions_;  // (ids, axes), so that tokens come and go; empty: 0, 1, 2, ... on every axis
  std::vector<Further> further_;

  StepPart part_;
  std::vector<std::int32_t> part_positions_;  // (axes, n)
  std::vector<NamedRows> part_rows_;
};

}  // namespace galago::runtime
