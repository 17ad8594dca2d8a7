// A step: a ragged batch of rows of any number of sequences, and the typed state that layers keep between steps.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <variant>
#include <vector>

#include "base/buffer.h"
#include "galago/kv_type.h"

namespace galago::ops {

// Tokens in a page of paged state. 64 keys are one block of the attention's online softmax, which makes a row's
// result independent of how prefill was cut into chunks.
inline constexpr int kPageTokens = 64;

// Keys and values of an attention layer, in pages of kPageTokens tokens.
// A page holds K as (heads, kPageTokens, k_dim), then V as (heads, kPageTokens, v_dim). With v_dim 0 the values are a
// view of the keys (latent attention). With a window, no row looks back further: pages that lie before it are freed.
struct Paged {
  int heads = 0;
  int k_dim = 0;
  int v_dim = 0;
  int window = 0;  // tokens that a row sees, its own the last; 0: all
  bool operator==(const Paged&) const = default;
};

// A fixed number of f32 values for each sequence, zero at its start and replaced by every step (delta nets,
// convolutions).
struct Recurrent {
  std::int64_t elements = 0;
  bool operator==(const Recurrent&) const = default;
};

// Keys and values that an entry of its own writes once ("cross_kv") and every step reads in full (cross-attention); in
// pages as Paged has them.
struct Static {
  int heads = 0;
  int k_dim = 0;
  int v_dim = 0;
  std::int64_t max_tokens = 0;
  bool operator==(const Static&) const = default;
};

using StateSpec = std::variant<Paged, Recurrent, Static>;

std::string to_string(const StateSpec& spec);
// Bytes of one page of a Paged state with keys and values of `type`; 2^64 - 1, which no allocation grants, where they
// overflow.
std::uint64_t page_bytes(const Paged& spec, KvType type);

// The pages of a Static state are those of this.
Paged pages_of(const Static& spec);

// One layer's state in memory. Page p starts at data + p * page_bytes; a page number outside [0, n_pages) is an error.
// A Recurrent state has one page for each sequence, of f32.
struct StateView {
  std::byte* data = nullptr;  // nullptr where the host does not address it
  std::uint64_t page_bytes = 0;
  KvType type = KvType::kF32;
  std::int32_t n_pages = 0;
  std::int32_t group = 0;          // whose pages are these: a number into StepView::groups
  const Buffer* buffer = nullptr;  // of the backend that keeps the state, with page 0 at `offset`
  std::uint64_t offset = 0;
};

// Where the rows of a step are in the states of one group: those whose pages are taken and freed together.
struct GroupView {
  const std::int32_t* pages = nullptr;     // (n_sequences, max_pages); -1: not there, or freed
  std::int32_t max_pages = 0;              // 1 for Recurrent states
  const std::int32_t* position = nullptr;  // (n_rows): the token that a row is appended as, and the last that it sees
};

// What a step's stateful ops need to know about its rows. The arrays belong to the caller.
// Row r belongs to sequence sequence[r] of this step and is token number position[r] of it, counted from 0; the rows of
// a sequence are consecutive and in order. In a group of Paged states a row's position is that; in one of Static states
// it is the sequence's last token there, so that every row sees all (-1: there is none), and in the entry that writes
// them the token that the row becomes. Token t of sequence s lies in page pages[s * max_pages + t / kPageTokens].
struct StepView {
  std::int32_t n_rows = 0;
  std::int32_t n_sequences = 0;
  const std::int32_t* sequence = nullptr;  // (n_rows)
  const std::int32_t* position = nullptr;  // (n_rows)
  std::span<const GroupView> groups;
  std::span<const StateView> states;  // by the state's number in the model
};

}  // namespace galago::ops
