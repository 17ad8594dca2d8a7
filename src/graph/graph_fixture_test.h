// What the tests of the graph share: a backend that takes what it is told to, and a small transformer block.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>

#include "galago/ops.h"
#include "graph/backend.h"
#include "graph/trace.h"
#include "ops/kv_append.h"
#include "ops/paged_attention.h"
#include "ops/rope.h"

namespace galago::graph {

// Compiles nothing: passes only ask it.
class AskedBackend : public Backend {
 public:
  using Refuses = std::function<std::optional<std::string>(const Node&)>;
  explicit AskedBackend(
      std::string name, Refuses refuses = [](const Node&) { return std::nullopt; })
      : name_(std::move(name)), refuses_(std::move(refuses)) {}

  std::string_view name() const override { return name_; }
  std::string device() const override { return "none"; }
  std::uint64_t packed_bytes() const override { return 0; }
  std::optional<std::string> refuses(const Node& node, const Graph&) const override { return refuses_(node); }
  std::span<const Pattern* const> patterns() const override { return taken; }
  std::string layout(const Value& weight) const override {
    return weight.type.shape.dim(0).bound() % 2 == 0 ? name_ + " tiles" : "";
  }
  std::int64_t scratch_bytes(const Node&, const Graph&) const override { return 0; }
  Status pack(std::span<const Graph* const>) override { return {}; }
  Result<std::unique_ptr<Program>> compile(Graph) override { return asked_only(); }
  bool shares_host_memory() const override { return true; }
  Result<std::shared_ptr<Buffer>> allocate(std::uint64_t, BufferUse) override { return asked_only(); }
  Result<Fence> upload(std::span<const std::byte>, const BufferView&) override { return asked_only(); }
  Result<Fence> download(const BufferView&, std::span<std::byte>) override { return asked_only(); }
  Result<Fence> copy(const BufferView&, const BufferView&) override { return asked_only(); }
  Result<Fence> clear(const BufferView&) override { return asked_only(); }

  // All, unless told otherwise.
  std::vector<const Pattern*> taken = {
      &patterns::kGroup,         &patterns::kNormLinears,  &patterns::kLinearResidual,
      &patterns::kGatedAct,      &patterns::kGatedLinears, &patterns::kGatedDown,
      &patterns::kGatedResidual, &patterns::kAddNorm,      &patterns::kRopeAppend,
  };

 private:
  static Error asked_only() { return Error{ErrorCode::kUnsupported, "asked only"}; }
  std::string name_;
  Refuses refuses_;
};

// A decoder layer of 8 wide, 2 heads of 4, and a tied output. Its rope frequencies are computed from constants, and a
// reshape to the same shape stands in the way.
Result<Graph> trace_block();

}  // namespace galago::graph
