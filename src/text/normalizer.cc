#include "text/normalizer.h"

namespace galago::text {
namespace {

std::string apply(const ToForm& step, std::string text) { return normalize_unicode(text, step.form); }

std::string apply(const Lowercase&, std::string text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size();) {
    const Decoded c = decode_utf8(text, i);
    append_lower(c.code_point, out);
    i += c.size;
  }
  return out;
}

std::string apply(const Prepend& step, std::string text) { return text.empty() ? text : step.text + text; }

std::string apply(const Append& step, std::string text) { return text.empty() ? text : text + step.text; }

std::string apply(const Replace& step, std::string text) {
  std::vector<Span> matches;
  find_matches(step.what, text, matches);
  if (matches.empty()) return text;
  std::string out;
  std::size_t done = 0;
  for (const Span match : matches) {
    out.append(text, done, match.begin - done);
    out += step.with;
    done = match.end;
  }
  out.append(text, done);
  return out;
}

std::string apply(const Strip& step, std::string text) {
  std::size_t begin = 0;
  std::size_t end = text.size();
  while (step.left && begin < end) {
    const Decoded c = decode_utf8(text, begin);
    if (!is_white_space(c.code_point)) break;
    begin += c.size;
  }
  if (step.right) {
    std::vector<Span> matches;
    find_matches(TrailingSpace{}, std::string_view(text).substr(begin), matches);
    if (!matches.empty()) end = begin + matches[0].begin;
  }
  return text.substr(begin, end - begin);
}

std::string apply(const CollapseSpaces&, std::string text) {
  std::string out;
  for (const char c : text) {
    if (c == ' ' && (out.empty() || out.back() == ' ')) continue;
    out.push_back(c);
  }
  if (!out.empty() && out.back() == ' ') out.pop_back();
  return out;
}

}  // namespace

Replace replace_string(std::string what, std::string with) {
  Replace step;
  step.what.emplace<Literal>(Literal{std::move(what)});
  step.with = std::move(with);
  return step;
}

std::string normalize(const std::vector<NormalizerStep>& steps, std::string_view text) {
  std::string out(text);
  for (const NormalizerStep& step : steps) {
    out = std::visit([&](const auto& s) { return apply(s, std::move(out)); }, step);
  }
  return out;
}

}  // namespace galago::text
