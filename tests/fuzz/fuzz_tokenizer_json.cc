// tokenizer.json, and vocab.json with merges.txt: what can be read must encode and decode any text.
// Input: three parts separated by a 0x1E byte: tokenizer.json (or vocab.json), tokenizer_config.json, and a text or
// merges.txt.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "text/tokenizer.h"

namespace {

using galago::text::Tokenizer;

std::string_view next_part(std::string_view& rest) {
  const std::size_t end = std::min(rest.find('\x1E'), rest.size());
  const std::string_view part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

void use(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {true, false}) {
    const auto ids = tokenizer.encode(text, {.parse_special = special, .add_bos_eos = special});
    if (!ids.ok()) continue;
    for (const auto id : *ids) {
      if (id < 0 || id >= tokenizer.vocab_size()) std::abort();
    }
    // Whatever was decoded is UTF-8: it can be encoded again.
    if (!tokenizer.encode(tokenizer.decode(*ids, false)).ok()) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string_view rest(reinterpret_cast<const char*>(data), size);
  const std::string_view json = next_part(rest);
  const std::string_view config = next_part(rest);
  const auto tokenizer = Tokenizer::from_tokenizer_json(json, config);
  if (tokenizer.ok()) {
    use(*tokenizer, rest);
    use(*tokenizer, "It's 4 \xC2\xBD \xF0\x9F\xA6\x99  <s>a\n b");
  }
  const auto pair = Tokenizer::from_vocab_and_merges(json, rest, config);
  if (pair.ok()) use(*pair, "It's 4 \xC2\xBD ab </w>");
  return 0;
}
