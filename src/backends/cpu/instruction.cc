#include "backends/cpu/instruction.h"

#include <fmt/format.h>

namespace galago::cpu {

void Size::multiply(const Dim& dim, int symbol) {
  if (dim.is_constant()) {
    constant_ *= dim.bound();
  } else {
    factors_.push_back({dim, symbol});
  }
}

std::int64_t Size::at(std::span<const std::int64_t> symbols) const {
  std::int64_t product = constant_;
  for (const Factor& factor : factors_) product *= factor.dim.at(symbols[static_cast<std::size_t>(factor.symbol)]);
  return product;
}

std::int64_t Size::bound() const {
  std::int64_t product = constant_;
  for (const Factor& factor : factors_) product *= factor.dim.bound();
  return product;
}

std::string Size::to_string() const {
  std::string text = constant_ != 1 || factors_.empty() ? fmt::format("{}", constant_) : "";
  for (const Factor& factor : factors_) text += (text.empty() ? "" : " * ") + factor.dim.to_string();
  return text;
}

const std::byte* Run::read(const Operand& operand) const {
  switch (operand.place) {
    case Operand::Place::kNone: return nullptr;
    case Operand::Place::kArena: return arena + operand.index;
    case Operand::Place::kInput: return inputs[static_cast<std::size_t>(operand.index)].host;
    case Operand::Place::kConstant: return operand.constant;
  }
  return nullptr;
}

void Run::parallel(std::int64_t n, std::int64_t grain, FunctionRef<void(std::int64_t, std::int64_t)> task) const {
  if (n <= 0) return;
  // Up to eight parts a thread: a core that is slower, or busy with something else, takes fewer of them.
  const std::int64_t most = n_threads > 1 ? std::int64_t{n_threads} * 8 : 1;
  const std::int64_t parts = std::clamp<std::int64_t>(n / std::max<std::int64_t>(1, grain), 1, most);
  if (parts == 1) return task(0, n);
  ThreadPool::shared().parallel_for(n_threads, parts,
                                    [&](int, std::int64_t part) { task(n * part / parts, n * (part + 1) / parts); });
}

bool Run::share(int stage, std::int64_t n_chunks, FunctionRef<void(std::int64_t chunk)> task) const {
  if (member != nullptr) return member->share(first_stage + stage, n_chunks, task);
  ThreadPool::shared().parallel_for(n_threads, n_chunks, [&](int, std::int64_t chunk) { task(chunk); });
  return true;
}

bool Instruction::run_in_team(const Run& run) const {
  return run.member->share(run.first_stage, 1, [&](std::int64_t) {
    Run alone = run;
    alone.member = nullptr;
    Status status = this->run(alone);
    if (status.ok()) return;
    run.failure->status = std::move(status);
    run.failure->failed.store(true, std::memory_order_release);
  });
}

}  // namespace galago::cpu
