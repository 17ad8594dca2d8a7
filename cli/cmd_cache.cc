// galago cache: the packed weights that later starts map.
#include <fmt/format.h>

#include <chrono>

#include "base/cpu_topology.h"
#include "base/error.h"
#include "base/json.h"
#include "base/try.h"
#include "cli/arguments.h"
#include "cli/command.h"
#include "cli/escape.h"
#include "cli/output.h"
#include "cli/table.h"
#include "runtime/pack_cache.h"

namespace galago::cli {
namespace {

using runtime::CachedPack;

struct CacheArguments {
  std::string action;
  std::vector<std::string> names;
  bool all = false, json = false;
};

double age_seconds(const CachedPack& pack) {
  return std::chrono::duration<double>(std::filesystem::file_time_type::clock::now() - pack.last_used).count();
}

std::string age_text(double seconds) {
  if (seconds < 90) return fmt::format("{:.0f} s", std::max(seconds, 0.0));
  if (seconds < 90 * 60) return fmt::format("{:.0f} min", seconds / 60);
  if (seconds < 36 * 3600) return fmt::format("{:.0f} h", seconds / 3600);
  return fmt::format("{:.0f} days", seconds / 86400);
}

Json to_json(const CachedPack& pack) {
  Json json;
  json["name"] = pack.name();
  json["file"] = pack.path.string();
  json["source"] = pack.source;
  json["isa"] = pack.isa;
  json["bytes"] = pack.bytes;
  json["age_seconds"] = age_seconds(pack);
  json["state"] = to_string(pack.state);
  if (!pack.problem.empty()) json["problem"] = pack.problem;
  return json;
}

Result<int> list(const CacheArguments& arguments, const std::filesystem::path& folder) {
  const std::vector<CachedPack> packs = runtime::list_packs(folder);
  if (arguments.json) {
    Json json;
    json["folder"] = folder.string();
    json["packs"] = Json::array();
    for (const CachedPack& pack : packs) json["packs"].push_back(to_json(pack));
    put(write_json(json) + '\n');
    return kOk;
  }
  using Align = Table::Align;
  Table table({Align::kLeft, Align::kLeft, Align::kRight, Align::kRight, Align::kLeft});
  table.add({"name", "isa", "size", "age", "state"});
  std::uint64_t total = 0;
  for (const CachedPack& pack : packs) {
    table.add({printable(pack.name()), printable(pack.isa), human_bytes(pack.bytes), age_text(age_seconds(pack)),
               std::string(to_string(pack.state))});
    total += pack.bytes;
  }
  if (!packs.empty()) put(table.to_string());
  put(fmt::format("{}: {} in {} files\n", printable(folder.string()), human_bytes(total), packs.size()));
  return kOk;
}

// The packs that the arguments name: all of them, one by its whole name, or all of a model by the beginning of theirs.
Result<std::vector<CachedPack>> chosen(const CacheArguments& arguments, const std::filesystem::path& folder) {
  const std::vector<CachedPack> packs = runtime::list_packs(folder);
  if (arguments.names.empty()) return packs;
  std::vector<CachedPack> out;
  for (const std::string& name : arguments.names) {
    const std::size_t before = out.size();
    for (const CachedPack& pack : packs) {
      if (pack.name() == name || pack.name().starts_with(name + "-")) out.push_back(pack);
    }
    if (out.size() == before) {
      return error(ErrorCode::kNotFound, "no packed weights \"{}\" in {}; galago cache ls lists them", name,
                   folder.string());
    }
  }
  return out;
}

Result<int> remove(const CacheArguments& arguments, const std::filesystem::path& folder) {
  GALAGO_TRY(const std::vector<CachedPack> packs, chosen(arguments, folder));
  std::uint64_t bytes = 0;
  for (const CachedPack& pack : packs) {
    GALAGO_CHECK(runtime::remove_pack(pack.path));
    bytes += pack.bytes;
  }
  if (arguments.all) runtime::remove_leftovers(folder);
  if (arguments.json) {
    put(write_json({{"removed", packs.size()}, {"bytes", bytes}}) + '\n');
  } else {
    put(fmt::format("removed {} files, {}\n", packs.size(), human_bytes(bytes)));
  }
  return kOk;
}

Result<int> verify(const CacheArguments& arguments, const std::filesystem::path& folder) {
  GALAGO_TRY(const std::vector<CachedPack> packs, chosen(arguments, folder));
  bool sound = true;
  Json json = Json::array();
  for (const CachedPack& pack : packs) {
    bool repacked = false;
    const Status status = runtime::verify_pack(pack, default_threads(), repacked);
    sound = sound && status.ok();
    const char* verdict = !status.ok() ? "bad" : repacked ? "equals its packed source" : "hashes are right";
    if (arguments.json) {
      Json entry = to_json(pack);
      entry["ok"] = status.ok();
      entry["repacked"] = repacked;
      if (!status.ok()) entry["problem"] = status.error().message;
      json.push_back(std::move(entry));
    } else {
      put_now(fmt::format("{}: {} ({})\n", printable(pack.name()), verdict, to_string(pack.state)));
      if (!status.ok()) complain(status.error().message);
    }
  }
  if (arguments.json) put(write_json({{"ok", sound}, {"packs", json}}) + '\n');
  return sound ? kOk : kFailed;
}

int cache(const CacheArguments& arguments) {
  const std::filesystem::path folder = pack_cache_folder();
  if (arguments.action == "rm" && arguments.names.empty() != arguments.all) {
    return wrong_use("cache", "rm takes names, or --all");
  }
  if (arguments.action == "ls" && !arguments.names.empty()) return wrong_use("cache", "ls takes no names");
  if (arguments.action != "rm" && arguments.all) return wrong_use("cache", "--all is for rm");
  const Result<int> code = arguments.action == "ls"   ? list(arguments, folder)
                           : arguments.action == "rm" ? remove(arguments, folder)
                                                      : verify(arguments, folder);
  return code.ok() ? *code : fail(code.error(), arguments.json);
}

}  // namespace

CommandBody command_cache(CLI::App& app) {
  auto arguments = std::make_shared<CacheArguments>();
  app.description(
      "Packed weights are kept in $GALAGO_HOME/packed, so that the second start of a model maps them. ls lists them, "
      "rm "
      "removes some or all, verify compares every byte with the hashes in the file and, where the model is still what "
      "it was, with packing it again; it exits with 1 when something differs.");
  app.footer(
      "States: fresh; stale: the model has changed; orphan: the model is gone from its place; foreign: another version "
      "of the program packs otherwise; damaged. None of them is ever used wrongly: what does not fit is made again.\n"
      "GALAGO_PACK_CACHE=off turns the cache off, GALAGO_PACK_CACHE=8G bounds it [default: 16G].");
  add_argument(app, "ACTION", arguments->action, "ls, rm or verify")
      ->required()
      ->check(CLI::IsMember({"ls", "rm", "verify"}));
  app.add_option("NAME", arguments->names, "Which: a name of ls, or a model's; left out: all (for verify)")
      ->option_text("[NAME...]");
  app.add_flag("--all", arguments->all, "rm: remove all, and what processes left that were killed while packing");
  app.add_flag("--json", arguments->json, "Print one JSON object");
  return [arguments] { return cache(*arguments); };
}

}  // namespace galago::cli
