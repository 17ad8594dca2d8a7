// Reads a reply to its end: shows it, and says how it went.
#pragma once

#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "cli/interrupt.h"
#include "galago/session.h"

namespace galago::cli {

struct ReplyReport {
  std::string text;
  std::vector<std::int32_t> tokens;
  FinishReason finish_reason = FinishReason::kNone;
  GenerateStats stats;
  double load_seconds = 0;
  std::string packing;             // where the packed weights are
  double first_token_seconds = 0;  // from the question to the first piece of the answer
  bool interrupted = false;
};

// Reads the whole reply; with `stream`, its pieces go to standard output as they come, and a newline ends them. Stops
// when nobody can read them.
Result<ReplyReport> read_reply(Session& session, Reply reply, InterruptGuard& guard, bool stream);

// Times, rates and memory in a few lines, for people.
std::string describe(const ReplyReport& report, const ModelDescription& model);
// The same and the answer, for machines.
nlohmann::ordered_json to_json(const ReplyReport& report, const ModelDescription& model);

// The most memory that this process has had at one time.
std::int64_t peak_rss_bytes();

}  // namespace galago::cli
