#include "cli/tile_report.h"

#include <fmt/format.h>

#include <algorithm>

#include "backends/cpu/tile_bench.h"
#include "base/json.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/progress_bar.h"

namespace galago::cli {
namespace {

using Measurements = std::vector<cpu::TileMeasurement>;

std::string to_json(const Measurements& measurements) {
  Json json = Json::object();
  Json& tiles = json["tiles"] = Json::array();
  for (const cpu::TileMeasurement& measured : measurements) {
    for (const cpu::TileSpeed& speed : measured.speeds) {
      tiles.push_back({{"isa", measured.isa},
                       {"kernel", measured.kernel},
                       {"rows", speed.tile.rows},
                       {"columns", speed.tile.columns},
                       {"registers_used", speed.tile.used},
                       {"registers", speed.tile.registers},
                       {"multiply_adds_per_second", speed.multiply_adds_per_second},
                       {"chosen", speed.chosen}});
    }
  }
  return write_json(json) + '\n';
}

std::string to_csv(const Measurements& measurements) {
  std::string text = "isa,kernel,rows,columns,registers_used,registers,multiply_adds_per_second,chosen\n";
  for (const cpu::TileMeasurement& measured : measurements) {
    for (const cpu::TileSpeed& speed : measured.speeds) {
      text += fmt::format("{},{},{},{},{},{},{:.0f},{}\n", measured.isa, measured.kernel, speed.tile.rows,
                          speed.tile.columns, speed.tile.used, speed.tile.registers, speed.multiply_adds_per_second,
                          speed.chosen ? 1 : 0);
    }
  }
  return text;
}

// A bar as long as the speed's share of the fastest tile of its kernel.
std::string bar(double share) { return std::string(static_cast<std::size_t>(share * 24 + 0.5), '#'); }

std::string to_markdown(const Measurements& measurements) {
  std::string text =
      "One thread, everything in its caches. > marks the tiles in use.\n\n"
      "| isa | kernel | | rows x columns | registers | G multiply-adds/s | |\n|---|---|---|---:|---:|---:|:---|\n";
  for (const cpu::TileMeasurement& measured : measurements) {
    double fastest = 1.0;
    for (const cpu::TileSpeed& speed : measured.speeds) fastest = std::max(fastest, speed.multiply_adds_per_second);
    for (const cpu::TileSpeed& speed : measured.speeds) {
      text += fmt::format("| {:11} | {:4} | {} | {:2} x {:2} | {:2} of {} | {:6.1f} | {:24} |\n", measured.isa,
                          measured.kernel, speed.chosen ? '>' : ' ', speed.tile.rows, speed.tile.columns,
                          speed.tile.used, speed.tile.registers, speed.multiply_adds_per_second / 1e9,
                          bar(speed.multiply_adds_per_second / fastest));
    }
  }
  return text;
}

}  // namespace

int report_tiles(const std::string& format, int repetitions) {
  Measurements measured;
  {
    ProgressBar progress;
    measured = cpu::measure_tiles(repetitions, [&](int done, int of) {
      progress.update("measuring tiles", static_cast<std::uint64_t>(done), static_cast<std::uint64_t>(of));
    });
  }
  if (format == "json")
    put(to_json(measured));
  else
    put(format == "csv" ? to_csv(measured) : to_markdown(measured));
  return kOk;
}

}  // namespace galago::cli
