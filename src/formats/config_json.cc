#include "formats/config_json.h"

#include <array>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/json.h"
#include "base/try.h"

namespace galago::formats {
namespace {

// ordered_json finds keys by linear search, so building an object is quadratic in its members: this many take 0.3 s.
// The largest published objects (id2label of 21,843 classes) fit.
constexpr std::size_t kMaxMembers = 32768;

struct Replacement {
  std::string_view python;
  std::string_view json;
};
constexpr std::array<Replacement, 3> kReplacements = {
    {{"-Infinity", "-1.7976931348623157e308"}, {"Infinity", "1.7976931348623157e308"}, {"NaN", "null"}}};

// One pass over a document, outside strings: counts the members of each object and rewrites Python's numbers.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  void run() {
    out_.reserve(text_.size() + 64);
    while (at_ < text_.size()) step();
  }
  std::string take() { return std::move(out_); }
  std::size_t most_members() const { return most_members_; }

 private:
  void step() {
    const char c = text_[at_];
    if (c == '"') return copy_string();
    if (c == '{' || c == '[') members_.push_back(0);
    if ((c == '}' || c == ']') && !members_.empty()) members_.pop_back();
    if (c == ':' && !members_.empty()) most_members_ = std::max(most_members_, ++members_.back());
    if (c == '-' || c == 'I' || c == 'N') {
      for (const Replacement& each : kReplacements) {
        if (!text_.substr(at_).starts_with(each.python)) continue;
        out_ += each.json;
        at_ += each.python.size();
        return;
      }
    }
    out_ += c;
    ++at_;
  }

  void copy_string() {
    const std::size_t begin = at_++;
    while (at_ < text_.size() && text_[at_] != '"') at_ += text_[at_] == '\\' ? 2 : 1;
    at_ = std::min(at_ + 1, text_.size());
    out_ += text_.substr(begin, at_ - begin);
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string out_;
  std::vector<std::size_t> members_;  // of the objects and arrays that are open
  std::size_t most_members_ = 0;
};

}  // namespace

Result<Json> parse_config(std::string_view text, std::string_view source) {
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  Scanner scanner(text);
  scanner.run();
  if (scanner.most_members() > kMaxMembers) {
    return error(ErrorCode::kOutOfRange, "{}: one of its objects has {} members; at most {} are read", source,
                 scanner.most_members(), kMaxMembers);
  }
  GALAGO_TRY(Json value, parse_json(scanner.take(), source));
  if (!value.is_object()) {
    return error(ErrorCode::kCorrupt, "{}: is {} where a JSON object is expected", source, value.type_name());
  }
  return value;
}

}  // namespace galago::formats
