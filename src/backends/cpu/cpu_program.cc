#include "backends/cpu/cpu_program.h"

#include <algorithm>

#include "base/error.h"
#include "base/try.h"

namespace galago::cpu {

Status CpuProgram::check(const graph::RunArguments& arguments) const {
  const std::string& program = parts_.graph.name;
  if (arguments.symbols.size() != parts_.symbols.size()) {
    return error(ErrorCode::kInvalidArgument, "{}: {} sizes were given; expected {}", program, arguments.symbols.size(),
                 parts_.symbols.size());
  }
  for (std::size_t i = 0; i < parts_.symbols.size(); ++i) {
    if (arguments.symbols[i] < 0 || arguments.symbols[i] > parts_.symbols[i].bound) {
      return error(ErrorCode::kOutOfRange, "{}: {} is {}; it was planned for 0 to {}", program, parts_.symbols[i].name,
                   arguments.symbols[i], parts_.symbols[i].bound);
    }
  }
  for (const Size& size : parts_.sizes) {
    if (size.at(arguments.symbols) < 0 || size.at(arguments.symbols) > size.bound()) {
      return error(ErrorCode::kOutOfRange, "{}: the size {} is {}; it was planned for 0 to {}", program,
                   size.to_string(), size.at(arguments.symbols), size.bound());
    }
  }
  if (arguments.inputs.size() != parts_.graph.inputs.size()) {
    return error(ErrorCode::kInvalidArgument, "{}: {} inputs were given; expected {}", program, arguments.inputs.size(),
                 parts_.graph.inputs.size());
  }
  for (std::size_t i = 0; i < arguments.inputs.size(); ++i) {
    if (arguments.inputs[i].host == nullptr && parts_.input_elements[i].at(arguments.symbols) > 0) {
      return error(ErrorCode::kInvalidArgument, "{}: input {} ({}) is missing", program, i,
                   parts_.graph.value(parts_.graph.inputs[i]).name);
    }
  }
  if (static_cast<std::int64_t>(arguments.arena.size) < parts_.plan.peak_bytes ||
      reinterpret_cast<std::uintptr_t>(arguments.arena.host) % graph::kArenaAlignment != 0) {
    return error(ErrorCode::kInvalidArgument, "{}: an arena of {} bytes at {}; expected {} at a multiple of {}",
                 program, arguments.arena.size, static_cast<const void*>(arguments.arena.host), parts_.plan.peak_bytes,
                 graph::kArenaAlignment);
  }
  if (parts_.has_state && arguments.step == nullptr) {
    return error(ErrorCode::kInvalidArgument, "{}: there is no step, which its state needs", program);
  }
  return {};
}

Run CpuProgram::make_run(const graph::RunArguments& arguments) const {
  return {*parts_.kernels,      arguments.symbols, arguments.inputs,
          arguments.arena.host, arguments.step,    std::max(1, arguments.n_threads)};
}

// A member that was off its core may still be computing a chunk of a run that has ended, from these weights.
CpuProgram::~CpuProgram() { ThreadPool::shared().wait_for_late_members(); }

void CpuProgram::run_in_team(const Run& run, TeamMember& member, RunFailure& failure) const {
  Run own = run;
  own.member = &member;
  own.failure = &failure;
  const int n = static_cast<int>(parts_.instructions.size());
  for (int i = member.frontier() / Instruction::kStages; i < n;) {
    own.first_stage = i * Instruction::kStages;
    if (!parts_.instructions[static_cast<std::size_t>(i)]->run_in_team(own)) return;
    if (failure.failed.load(std::memory_order_acquire)) return;
    i = std::max(i + 1, member.frontier() / Instruction::kStages);
  }
}

Result<graph::Fence> CpuProgram::submit(const graph::RunArguments& arguments) const {
  GALAGO_CHECK(check(arguments));
  const Run run = make_run(arguments);
  if (parts_.instructions.size() <= Team::kMaxStages / Instruction::kStages) {
    RunFailure failure;
    const auto body = [&](TeamMember& member) { run_in_team(run, member, failure); };
    if (ThreadPool::shared().run_team(run.n_threads, body)) {
      if (!failure.status.ok()) return std::move(failure.status).error();
      return graph::Fence();
    }
  }
  for (const InstructionPtr& instruction : parts_.instructions) GALAGO_CHECK(instruction->run(run));
  return graph::Fence();
}

BufferView CpuProgram::output(std::size_t index, const graph::RunArguments& arguments) const {
  const Run run = make_run(arguments);
  const Operand& operand = parts_.outputs[index];
  const auto bytes = static_cast<std::uint64_t>(run.at(parts_.output_bytes[index]));
  if (operand.place == Operand::Place::kArena) {
    return arguments.arena.part(static_cast<std::uint64_t>(operand.index), bytes);
  }
  return BufferView(std::span<const std::byte>(run.read(operand), static_cast<std::size_t>(bytes)));
}

std::string CpuProgram::to_string() const {
  std::string text = fmt::format("program {} on cpu ({}), arena {} bytes\n", parts_.graph.name, parts_.kernels->isa,
                                 parts_.plan.peak_bytes);
  for (std::size_t i = 0; i < parts_.instructions.size(); ++i) {
    text += fmt::format("{:>5}  {}\n", i, parts_.instructions[i]->to_string());
  }
  return text;
}

}  // namespace galago::cpu
