// Which position a model counts for the next token of a sequence. Text counts its tokens; a picture's rows may stand
// side by side on several axes (M-RoPE), and what follows goes on after the largest of their positions.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace galago::runtime {

class PositionLog {
 public:
  // The position of the token after the first `length`: one more than the largest on any axis so far.
  std::int64_t next(std::int64_t length) const;
  // The `n` tokens after the first `length` stand at `positions`, (axes, n). Without a call they count one each.
  void append(std::int64_t length, std::int64_t n, std::span<const std::int32_t> positions);
  // Forgets what was said of tokens after the first `length`.
  void truncate(std::int64_t length);

 private:
  // From this length on, every token counts one.
  struct Mark {
    std::int64_t length = 0;
    std::int64_t next = 0;
  };
  std::vector<Mark> marks_;  // by length
};

}  // namespace galago::runtime
