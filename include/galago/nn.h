// Modules: layers with named parameters, composed as in PyTorch. A module is a handle: copies share their parameters.
//
//   struct Mlp : galago::nn::Module {
//     nn::Linear up = add("up_proj", nn::Linear(512, 2048)), down = add("down_proj", nn::Linear(2048, 512));
//     Tensor forward(const Tensor& x) { return down(silu(up(x))); }
//   };
//
// Members are named as in the checkpoint, so a Hugging Face folder needs no table.
#pragma once

#include <concepts>
#include <iosfwd>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <typeinfo>
#include <utility>
#include <vector>

#include "galago/ops.h"
#include "galago/tensor.h"

namespace galago::nn {

// Where load() finds weights by their full names ("model.layers.0.mlp.up_proj.weight").
class WeightSource {
 public:
  virtual ~WeightSource() = default;
  // The tensor, nothing when there is none of that name, or an error when it cannot be used.
  virtual Result<std::optional<Tensor>> find(std::string_view name) const = 0;
  // The file or folder, for messages.
  virtual std::string description() const = 0;
};

namespace detail {

struct ParameterSlot {
  Shape shape;
  bool required = true;
  bool widen = false;  // becomes f32 when loaded
  Tensor tensor;
};

struct NamedParameter {
  std::string name;
  std::shared_ptr<ParameterSlot> slot;
  bool borrowed = false;  // belongs to another module, which loads and counts it
};

struct StateSlot;  // of nn/state.h

struct ModuleNode;
// A child whose name is empty stands for its own parameters and children: its names get no prefix.
struct Child {
  std::string name;
  std::shared_ptr<ModuleNode> node;
};

struct ModuleNode {
  std::string description;  // "Linear(512 -> 2048)"; empty: the type's name
  std::string type_name;
  std::vector<NamedParameter> parameters;
  std::vector<Child> children;
  std::vector<std::shared_ptr<StateSlot>> states;
};

// The name of a type without namespaces.
std::string type_name(const std::type_info& type);

}  // namespace detail

// A parameter of a module. It has random values (normal, scaled by 1 / sqrt(columns)) until load() binds it.
class Parameter {
 public:
  Parameter() = default;
  // The tensor; an empty one for an optional parameter that the checkpoint does not have.
  Tensor tensor() const;
  operator Tensor() const { return tensor(); }  // NOLINT(google-explicit-constructor)

 private:
  friend class Module;
  explicit Parameter(std::shared_ptr<detail::ParameterSlot> slot) : slot_(std::move(slot)) {}
  std::shared_ptr<detail::ParameterSlot> slot_;
};

class Module {
 public:
  Module();

  // Binds every parameter to the tensor of its full name. Fails on the first that is missing or has another shape.
  Status load(const WeightSource& source, const std::string& prefix = "");

  std::int64_t parameter_count() const;
  // The tree of modules with shapes and parameter counts, one a line.
  std::string to_string(std::string_view name = "") const;
  const std::shared_ptr<detail::ModuleNode>& node() const { return node_; }

 protected:
  // Registers a child under the name it has in checkpoints, and returns it.
  template <std::derived_from<Module> M>
  M add(std::string name, M child) {
    child.node()->type_name = detail::type_name(typeid(M));
    node_->children.push_back({std::move(name), child.node()});
    return child;
  }
  // Registers a list of children: "layers" gives "layers.0", "layers.1", ...
  template <std::derived_from<Module> M>
  std::vector<M> add_list(const std::string& name, std::vector<M> children) {
    for (std::size_t i = 0; i < children.size(); ++i) add(name + "." + std::to_string(i), children[i]);
    return children;
  }
  // A weight: keeps the element type it has in the checkpoint, mapped and never copied.
  Parameter weight(std::string name, Shape shape, bool required = true);
  // Values that take part in f32 arithmetic (norms, biases, position tables): widened to f32 when loaded.
  Parameter values(std::string name, Shape shape, bool required = true);
  // Uses another module's parameter in place of one's own (a tied lm_head).
  void share(std::string_view name, const Parameter& other, Parameter& own);
  void describe(std::string description) { node_->description = std::move(description); }

 private:
  Parameter add_parameter(std::string name, detail::ParameterSlot slot);

  std::shared_ptr<detail::ModuleNode> node_;
};

template <std::derived_from<Module> M>
std::ostream& operator<<(std::ostream& out, const M& module) {
  return out << module.to_string(detail::type_name(typeid(M)));
}

// y = x W^T + bias      weight: (out, in)   bias: (out)
class Linear : public Module {
 public:
  Linear(std::int64_t in, std::int64_t out, bool bias = true);
  Tensor operator()(const Tensor& x) const { return linear(x, weight_, bias_); }
  const Parameter& matrix() const { return weight_; }
  // Takes the weight of another module, as tied output embeddings do.
  void tie(const Parameter& weight) { share("weight", weight, weight_); }

 private:
  Parameter weight_, bias_;
};

// Rows of a table      weight: (vocab, dim)
class Embedding : public Module {
 public:
  Embedding(std::int64_t vocab, std::int64_t dim);
  Tensor operator()(const Tensor& ids) const { return embedding(ids, weight_); }
  const Parameter& table() const { return weight_; }

 private:
  Parameter weight_;
};

class RmsNorm : public Module {
 public:
  RmsNorm(std::int64_t dim, float eps, bool weight_plus_one = false);
  Tensor operator()(const Tensor& x) const { return rms_norm(x, weight_, eps_, weight_plus_one_); }

 private:
  Parameter weight_;
  float eps_;
  bool weight_plus_one_;
};

class LayerNorm : public Module {
 public:
  LayerNorm(std::int64_t dim, float eps, bool bias = true);
  Tensor operator()(const Tensor& x) const { return layer_norm(x, weight_, bias_, eps_); }

 private:
  Parameter weight_, bias_;
  float eps_;
};

// x: (in, H, W)   weight: (out, in / groups, kernel, kernel)
class Conv2d : public Module {
 public:
  struct Options {
    int stride = 1;
    int padding = 0;
    int groups = 1;
    bool bias = true;
  };
  Conv2d(std::int64_t in, std::int64_t out, std::int64_t kernel, Options options);
  Tensor operator()(const Tensor& x) const {
    return conv2d(x, weight_, bias_, options_.stride, options_.padding, options_.groups);
  }

 private:
  Parameter weight_, bias_;
  Options options_;
};

}  // namespace galago::nn
