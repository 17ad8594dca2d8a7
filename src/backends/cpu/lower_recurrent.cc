// Ops that keep one value for each sequence.
#include <fmt/format.h>

#include "backends/cpu/lower_ops.h"
#include "base/try.h"
#include "ops/executor.h"
#include "ops/recurrent_state.h"

namespace galago::cpu {
namespace {

constexpr auto kFloatBytes = static_cast<std::int64_t>(sizeof(float));

// (channels, kernel) to (kernel, channels), so that vector lanes are channels.
void turn_weight(const float* weight, std::int64_t channels, std::int64_t kernel, float* turned) {
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t j = 0; j < kernel; ++j) turned[j * channels + c] = weight[c * kernel + j];
  }
}

// Channels are divided among threads: each writes its part of the state itself.
class CausalConvInstruction : public Instruction {
 public:
  ops::CausalConv1d op;
  std::int64_t channels = 0, kernel = 0;
  Operand x, weight, bias, y;
  Operand turned;  // scratch, for a weight that is no constant; else `weight` is turned
  Size rows;

  Status run(const Run& run) const override {
    const std::int64_t n_rows = run.at(rows);
    GALAGO_TRY(const auto states,
               ops::RecurrentState::open(ops::CausalConv1d::kName, run.step, op.state,
                                         ops::CausalConv1d::state_elements(channels, kernel), n_rows));
    if (turned) turn_weight(run.floats(weight), channels, kernel, run.out(turned));
    CausalConvArgs args{};
    args.x_stride = args.y_stride = args.state_stride = args.weight_stride = channels;
    args.weight = run.floats(turned ? turned : weight);
    args.bias = run.floats(bias);
    args.kernel = kernel;
    args.silu = op.silu;
    states.for_sequences([&](std::int32_t sequence, std::int64_t first, std::int64_t last) {
      args.x = run.floats(x) + first * channels;
      args.y = run.out(y) + first * channels;
      args.state = states.of_sequence(sequence);
      args.n_rows = last - first;
      run.parallel(channels, row_grain(args.n_rows * kernel), [&](std::int64_t channel, std::int64_t end) {
        CausalConvArgs part = args;
        part.first_channel = channel;
        part.last_channel = end;
        run.kernels.causal_conv(part);
      });
    });
    return {};
  }

  std::string to_string() const override {
    return fmt::format("causal_conv{}  rows {}  channels {}  kernel {}  state {}", op.silu ? " silu" : "",
                       rows.to_string(), channels, kernel, op.state);
  }
};

bool turns_when_run(const graph::Graph& graph, const Node& node) { return !graph.value(node.inputs[1]).is_constant(); }

}  // namespace

Status lower(Lowering& to, const Node& node, const ops::CausalConv1d& op) {
  auto instruction = std::make_unique<CausalConvInstruction>();
  const Shape& weight = to.shape(node.inputs[1]);
  instruction->op = op;
  instruction->channels = weight.dim(0).bound();
  instruction->kernel = weight.dim(1).bound();
  instruction->x = to.operand(node.inputs[0]);
  instruction->y = to.operand(node.outputs[0]);
  instruction->rows = to.rows(node.inputs[0]);
  if (node.inputs.size() > 2) instruction->bias = to.operand(node.inputs[2]);
  if (turns_when_run(to.graph(), node)) {
    instruction->weight = to.operand(node.inputs[1]);
    instruction->turned = to.scratch(0);
  } else {
    const Tensor plain = ops::as_array(to.graph().value(node.inputs[1]).constant);
    if (!plain.ok()) return plain.error();
    Tensor turned = Tensor::zeros({instruction->kernel, instruction->channels});
    if (!turned.ok()) return turned.error();
    turn_weight(plain.floats().data(), instruction->channels, instruction->kernel,
                reinterpret_cast<float*>(turned.mutable_bytes().data()));
    instruction->weight = to.constant(std::move(turned));
  }
  to.emit(std::move(instruction));
  return {};
}

std::int64_t causal_conv_scratch(const graph::Graph& graph, const Node& node) {
  const Shape& weight = graph.value(node.inputs[1]).type.shape;
  return turns_when_run(graph, node) ? weight.dim(0).bound() * weight.dim(1).bound() * kFloatBytes : 0;
}

}  // namespace galago::cpu
