// Who goes to which expert in one run of a mixture of experts, and the division of that work into chunks. It all lies
// in scratch, so it may only be read while a stage's chunk is held: what is after the stage belongs to others.
#pragma once

#include <algorithm>
#include <cstdint>

namespace galago::cpu {

// A slot is a row at one of its experts. Slots are ordered by expert, then by row, so that the slots of an expert lie
// together.
struct ExpertGroups {
  std::int64_t n_experts, per_row;
  std::int32_t* experts;  // (rows, per_row): the chosen ones
  float* weights;         // (rows, per_row)
  std::int32_t* starts;   // (n_experts + 1): the slots of expert e are [starts[e], starts[e + 1])
  std::int32_t* choices;  // of each slot: its place in `experts` and `weights`

  std::int64_t slots(std::int64_t expert) const { return starts[expert + 1] - starts[expert]; }
  std::int64_t row(std::int64_t slot) const { return choices[slot] / per_row; }
  float weight(std::int64_t slot) const { return weights[choices[slot]]; }
};

// From `experts` to `starts` and `choices`.
void group_by_expert(const ExpertGroups& groups, std::int64_t n_rows);

// Calls visit(expert, first unit, last unit) for the share of chunk `chunk` of `n_chunks` of the units (ranges of
// output columns) that every expert with slots has to compute. Shares take about as long as each other: a unit costs as
// much as its rows, but never less than reading and unpacking its weights, which takes as long as `least` rows.
template <class Visit>
void for_expert_units(const ExpertGroups& groups, std::int64_t units, std::int64_t least, std::int64_t chunk,
                      std::int64_t n_chunks, Visit visit) {
  const auto cost = [&](std::int64_t expert) {
    const std::int64_t slots = groups.slots(expert);
    return slots == 0 ? 0 : std::max(slots, least);
  };
  std::int64_t total = 0;
  for (std::int64_t expert = 0; expert < groups.n_experts; ++expert) total += cost(expert) * units;
  const std::int64_t begin = total * chunk / n_chunks, end = total * (chunk + 1) / n_chunks;
  std::int64_t before = 0;
  for (std::int64_t expert = 0; expert < groups.n_experts && before < end; ++expert) {
    const std::int64_t each = cost(expert);
    if (each == 0) continue;
    const auto unit_at = [&](std::int64_t at) {
      return std::clamp<std::int64_t>((at - before + each - 1) / each, 0, units);
    };
    const std::int64_t first = begin <= before ? 0 : unit_at(begin), last = unit_at(end);
    if (first < last) visit(expert, first, last);
    before += each * units;
  }
}

}  // namespace galago::cpu
