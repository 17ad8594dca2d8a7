#include "cli/reply_report.h"

#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <chrono>

#include "base/clock.h"
#include "base/json.h"
#include "cli/escape.h"
#include "cli/output.h"
#include "cli/terminal.h"

namespace galago::cli {
namespace {

double rate(std::int64_t count, double seconds) { return seconds > 0 ? static_cast<double>(count) / seconds : 0.0; }

// Tokens per second of decode steps: the prefill brings the first token, and an end token takes a step, too.
double decode_rate(const ReplyReport& report) {
  const std::int64_t sampled = report.stats.generated_tokens + (report.finish_reason == FinishReason::kEnd ? 1 : 0);
  return rate(std::max<std::int64_t>(sampled - 1, 0), report.stats.decode_seconds);
}

double prefill_rate(const GenerateStats& stats) {
  return rate(stats.prompt_tokens - stats.reused_tokens, stats.prefill_seconds);
}

double milliseconds(double seconds) { return seconds * 1e3; }

void show(std::string_view text) { put_now(is_terminal(Stream::kOutput) ? for_terminal(text) : std::string(text)); }

}  // namespace

Result<ReplyReport> read_reply(Session& session, Reply reply, InterruptGuard& guard, bool stream) {
  ReplyReport report;
  const Clock::time_point begin = Clock::now();
  for (const Piece& piece : reply) {
    if (report.first_token_seconds == 0) report.first_token_seconds = seconds_since(begin);
    if (piece.token >= 0) report.tokens.push_back(piece.token);
    report.text += piece.text;
    if (guard.interrupted()) session.cancel();  // also where the signal came before the reply began
    if (!stream || piece.text.empty()) continue;
    show(piece.text);
    if (!finish_output().ok()) session.cancel();
  }
  if (stream && !report.text.empty() && report.text.back() != '\n') put_now("\n");
  if (!reply.status().ok() && reply.status().error().code != ErrorCode::kCancelled) return reply.status().error();
  report.finish_reason = reply.finish_reason();
  report.stats = reply.stats();
  report.interrupted = guard.interrupted();
  if (report.finish_reason == FinishReason::kContext) {
    warn("the answer ends here because the context is full; -c makes it larger, --overflow slide forgets the oldest");
  }
  return report;
}

std::string describe(const ReplyReport& report, const ModelDescription& model) {
  const GenerateStats& stats = report.stats;
  std::string text = fmt::format("isa              {}\n", model.isa);
  if (report.load_seconds > 0) text += fmt::format("load             {:.3f} s\n", report.load_seconds);
  if (!report.packing.empty()) text += fmt::format("packed weights   {}\n", printable(report.packing));
  text += fmt::format("prompt           {} tokens{}, {:.3f} s, {:.1f} tokens/s\n", stats.prompt_tokens,
                      stats.reused_tokens > 0 ? fmt::format(" ({} of them reused)", stats.reused_tokens) : "",
                      stats.prefill_seconds, prefill_rate(stats));
  if (stats.encode_seconds > 0) text += fmt::format("pictures         {:.3f} s\n", stats.encode_seconds);
  text += fmt::format("first token      {:.3f} s\n", report.first_token_seconds);
  text += fmt::format("answer           {} tokens, {:.3f} s, {:.1f} tokens/s; end: {}\n", stats.generated_tokens,
                      stats.decode_seconds, decode_rate(report), to_string(report.finish_reason));
  return text + fmt::format("peak memory      {:.1f} MB\n", static_cast<double>(peak_rss_bytes()) / 1e6);
}

Json to_json(const ReplyReport& report, const ModelDescription& model) {
  const GenerateStats& stats = report.stats;
  Json json;
  json["text"] = report.text;
  json["finish_reason"] = to_string(report.finish_reason);
  json["prompt_tokens"] = stats.prompt_tokens;
  json["reused_tokens"] = stats.reused_tokens;
  json["generated_tokens"] = stats.generated_tokens;
  json["tokens"] = report.tokens;
  json["load_ms"] = milliseconds(report.load_seconds);
  json["packed_weights"] = report.packing;
  json["encode_ms"] = milliseconds(stats.encode_seconds);
  json["prefill_ms"] = milliseconds(stats.prefill_seconds);
  json["decode_ms"] = milliseconds(stats.decode_seconds);
  json["first_token_ms"] = milliseconds(report.first_token_seconds);
  json["prefill_tokens_per_second"] = prefill_rate(stats);
  json["decode_tokens_per_second"] = decode_rate(report);
  json["peak_rss_bytes"] = peak_rss_bytes();
  json["model"] = model.name;
  json["isa"] = model.isa;
  return json;
}

std::int64_t peak_rss_bytes() {
  rusage usage{};
  return ::getrusage(RUSAGE_SELF, &usage) == 0 ? std::int64_t{usage.ru_maxrss} * 1024 : 0;
}

}  // namespace galago::cli
