// Finds stop texts in a stream, holding back what may still become one.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace galago::runtime {

class StopMatcher {
 public:
  StopMatcher() = default;
  explicit StopMatcher(std::vector<std::string> stops);

  // Takes the next text of the stream and returns what is certain not to belong to a stop text.
  std::string push(std::string_view text);
  // Whether a stop text was found; nothing comes after it.
  bool stopped() const { return stopped_; }
  // What was held back, at the end of a stream without a stop.
  std::string finish();

 private:
  std::vector<std::string> stops_;
  std::string held_;
  bool stopped_ = false;
};

}  // namespace galago::runtime
