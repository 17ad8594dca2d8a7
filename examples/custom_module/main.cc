// A module of one's own: printed, run at once, traced into a graph, compiled for this machine, and the results
// compared.
#include <galago/compile.h>
#include <galago/nn.h>
#include <galago/trace.h>

#include <algorithm>
#include <cmath>
#include <iostream>

namespace nn = galago::nn;
using galago::Dim;
using galago::Tensor;

// Two linear layers with an activation in between. Members are named as in a checkpoint, so that load() would find
// "up_proj.weight" there; until then they have random values.
struct Mlp : nn::Module {
  nn::Linear up = add("up_proj", nn::Linear(512, 2048));
  nn::Linear down = add("down_proj", nn::Linear(2048, 512));

  // x: (tokens, 512)
  Tensor forward(const Tensor& x) const { return down(galago::silu(up(x))); }
};

float largest_difference(const Tensor& a, const Tensor& b) {
  float largest = 0;
  for (std::size_t i = 0; i < a.floats().size(); ++i) {
    largest = std::max(largest, std::abs(a.floats()[i] - b.floats()[i]));
  }
  return largest;
}

int main() {
  Mlp mlp;
  std::cout << mlp << "\n";

  const Tensor x = Tensor::random({7, 512}, /*seed=*/1);
  const Tensor eager = mlp.forward(x);
  std::cout << "eager:    " << eager << "\n\n";

  // The same forward() once more, over values that stand for tensors of up to 512 rows.
  const auto graph = galago::trace(mlp, {{"tokens", Dim::up_to(512)}, 512});
  if (!graph.ok()) {
    std::cerr << graph.error().message << "\n";
    return 1;
  }
  std::cout << *graph << "\n";

  const auto fast = galago::compile(*graph);
  if (!fast.ok()) {
    std::cerr << fast.error().message << "\n";
    return 1;
  }
  std::cout << "after the passes:\n" << fast->optimized() << "\n";
  std::cout << "kernel calls:\n" << fast->to_string() << "\n";
  std::cout << "planned arena: " << fast->peak_bytes() << " bytes\n";

  const Tensor compiled = (*fast)(x);
  std::cout << "compiled: " << compiled << "\n";
  if (!eager.ok() || !compiled.ok() || eager.floats().size() != compiled.floats().size()) {
    std::cerr << (eager.ok() ? compiled : eager) << "\n";
    return 1;
  }
  const float difference = largest_difference(eager, compiled);
  std::cout << "largest difference: " << difference << "\n";
  return difference < 1e-4f ? 0 : 1;
}
