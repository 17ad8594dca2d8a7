// Models of any configuration with random weights, and comparisons of what is traced with one key and with another.
#pragma once

#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "graph/printer.h"
#include "models/registry.h"

namespace galago::models {

// Gives every tensor that it was told of.
class InventedWeights : public nn::WeightSource {
 public:
  explicit InventedWeights(const std::map<std::string, Tensor>& tensors) : tensors_(tensors) {}
  Result<std::optional<Tensor>> find(std::string_view name) const override {
    const auto found = tensors_.find(std::string(name));
    return found == tensors_.end() ? std::optional<Tensor>() : std::optional(found->second);
  }
  std::string description() const override { return "m"; }

 private:
  const std::map<std::string, Tensor>& tensors_;
};

inline const Architecture* architecture_of(std::string_view model_type) {
  for (const Architecture* architecture : architectures()) {
    for (const std::string_view name : architecture->model_types) {
      if (name == model_type) return architecture;
    }
  }
  return nullptr;
}

// The model of a configuration with random weights: what loading asks for is invented until nothing is missing.
inline Result<std::unique_ptr<Model>> invent(const Json& config,
                                             std::shared_ptr<const formats::Checkpoint> checkpoint = nullptr) {
  const Architecture* architecture = architecture_of(config["model_type"].get<std::string>());
  EXPECT_NE(architecture, nullptr);
  std::map<std::string, Tensor> tensors;
  for (;;) {
    const ModelSource source{
        .checkpoint = checkpoint, .config = config, .weights = std::make_unique<InventedWeights>(tensors)};
    auto model = architecture->build(source);
    if (model.ok() || !model.error().message.ends_with(" is missing")) return model;
    // m: the tensor "x" (8, 4) is missing
    const std::string& message = model.error().message;
    const std::size_t name = message.find('"') + 1, name_end = message.find('"', name);
    std::vector<std::int64_t> sizes;
    std::istringstream numbers(message.substr(name_end + 3));
    for (std::int64_t size = 0; numbers >> size;) {
      sizes.push_back(size);
      numbers.ignore();
    }
    tensors[message.substr(name, name_end - name)] = Tensor::random(Shape::of(sizes));
  }
}

// All entries as text, or the error.
inline std::string traced(const Json& config, const std::shared_ptr<const formats::Checkpoint>& checkpoint = nullptr) {
  const auto model = invent(config, checkpoint);
  if (!model.ok()) return model.error().message;
  std::string text;
  for (const Entry& entry : (*model)->entries({})) {
    const auto graph = trace_entry(**model, entry);
    if (!graph.ok()) return graph.error().message;
    text += graph::to_text(*graph);
  }
  return text;
}

struct ModelKey {
  const char* key;
  Json value;
  // Part of what is traced with the key, and not without it; beginning with '-' the other way round.
  std::string part;
};

inline void expect_keys(const Json& base, const std::vector<ModelKey>& keys,
                        const std::shared_ptr<const formats::Checkpoint>& checkpoint = nullptr) {
  const std::string before = traced(base, checkpoint);
  ASSERT_TRUE(before.starts_with("graph ")) << before;
  for (const ModelKey& key : keys) {
    Json changed = base;
    changed[key.key] = key.value;
    const std::string after = traced(changed, checkpoint);
    const bool removes = key.part.starts_with('-');
    const std::string part = removes ? key.part.substr(1) : key.part;
    EXPECT_NE((removes ? before : after).find(part), std::string::npos) << key.key << '\n' << after;
    EXPECT_EQ((removes ? after : before).find(part), std::string::npos) << key.key;
  }
}

}  // namespace galago::models
