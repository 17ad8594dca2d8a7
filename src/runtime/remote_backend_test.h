// A second backend for tests: scalar references in memory that the host cannot address, and work that is done only when
// it has been asked for some times.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "graph/backend.h"

namespace galago::runtime {

// The device: work in the order in which it was submitted. Nothing is done when it is submitted.
class RemoteQueue : public std::enable_shared_from_this<RemoteQueue> {
 public:
  explicit RemoteQueue(int polls) : polls_(polls) {}
  graph::Fence submit(std::function<Status()> work);
  // How often somebody asked too early.
  int early_polls() const { return early_polls_; }

 private:
  class Job;
  void run_until(const Job& last);
  int polls_;  // that a fence takes to be done
  int early_polls_ = 0;
  std::deque<std::shared_ptr<Job>> jobs_;
};

class RemoteBackend : public graph::Backend {
 public:
  static constexpr std::int64_t kAlignment = 256;  // as WebGPU's
  // Which nodes of layers it runs; outside of them, none.
  using Takes = std::function<bool(int layer, const graph::Node& node)>;
  explicit RemoteBackend(Takes takes, int polls = 3, std::string name = "remote");

  std::string_view name() const override { return name_; }
  std::string device() const override { return "references"; }
  std::uint64_t packed_bytes() const override { return 0; }
  std::optional<std::string> refuses(const graph::Node& node, const graph::Graph& graph) const override;
  // Of the patterns that all backends share, this one knows two, and of those only what it does not refuse.
  std::span<const graph::Pattern* const> patterns() const override;
  std::string layout(const graph::Value&) const override { return ""; }
  std::int64_t scratch_bytes(const graph::Node&, const graph::Graph&) const override { return 0; }
  Status pack(std::span<const graph::Graph* const>) override { return {}; }
  Result<std::unique_ptr<graph::Program>> compile(graph::Graph graph) override;

  bool shares_host_memory() const override { return false; }
  std::int64_t alignment() const override { return kAlignment; }
  Result<std::shared_ptr<Buffer>> allocate(std::uint64_t bytes, graph::BufferUse use) override;
  Result<graph::Fence> upload(std::span<const std::byte> from, const BufferView& to) override;
  Result<graph::Fence> download(const BufferView& from, std::span<std::byte> to) override;
  Result<graph::Fence> copy(const BufferView& from, const BufferView& to) override;
  Result<graph::Fence> clear(const BufferView& to) override;

  int early_polls() const { return queue_->early_polls(); }
  int runs() const { return *runs_; }
  int fused_runs() const { return *fused_runs_; }
  // Whether anything but zeros was written.
  static bool was_written(const BufferView& view);

 private:
  Takes takes_;
  std::string name_;
  std::shared_ptr<RemoteQueue> queue_;
  std::shared_ptr<int> runs_ = std::make_shared<int>(0), fused_runs_ = std::make_shared<int>(0);
};

// The layer that a node of a traced model belongs to, by the last weight of one that was read before it; -1: none.
int layer_of(const graph::Node& node, const graph::Graph& graph);

}  // namespace galago::runtime
