"""Writes tests/data/ops/torch.txt: inputs of operations, and the outputs that PyTorch and transformers give.

    python tests/goldens/generate_ops.py

Needs torch and transformers. Two lines a tensor: "name dtype size size ...", then its values. Inputs are multiples of
1/64, so that few digits say them exactly. Outputs are computed in float64, but for rope: the original rounds its
angles to float32, and so must we; and for the scores of experts, which the original computes in float32.
"""

from __future__ import annotations

from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812 (as all of PyTorch's users call it)
from transformers import (
    CohereConfig,
    DeepseekV2Config,
    DeepseekV3Config,
    GptOssConfig,
    LlamaConfig,
    MixtralConfig,
    OlmoeConfig,
)
from transformers.models.cohere import modeling_cohere as cohere
from transformers.models.deepseek_v2.modeling_deepseek_v2 import DeepseekV2Experts, DeepseekV2TopkRouter
from transformers.models.deepseek_v3.modeling_deepseek_v3 import DeepseekV3Experts, DeepseekV3TopkRouter
from transformers.models.gemma.modeling_gemma import GemmaRMSNorm
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssMLP
from transformers.models.llama import modeling_llama as llama
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.models.mixtral.modeling_mixtral import MixtralSparseMoeBlock
from transformers.models.olmoe.modeling_olmoe import OlmoeSparseMoeBlock
from transformers.models.qwen2_vl import modeling_qwen2_vl as qwen2_vl
from transformers.models.qwen2_vl.configuration_qwen2_vl import Qwen2VLTextConfig

OUT = Path(__file__).resolve().parents[1] / "data" / "ops" / "torch.txt"
PAGE = 64  # tokens in a page of state
Golden = dict[str, torch.Tensor]


class Random:
    """Normally distributed multiples of 1/64, the same in every run."""

    def __init__(self, seed: int) -> None:
        self.generator = torch.Generator().manual_seed(seed)

    def __call__(self, *sizes: int) -> torch.Tensor:
        values = torch.randn(*sizes, generator=self.generator, dtype=torch.float64)
        return torch.round(values * 64) / 64


def unary() -> Golden:
    x = torch.cat([torch.linspace(-12, 12, 97, dtype=torch.float64), torch.tensor([0.0, -0.0, 1e-3, -90.0, 90.0])])
    x = x.float().double()
    return {
        "unary/x": x,
        "unary/silu": F.silu(x),
        "unary/gelu": F.gelu(x),
        "unary/gelu_tanh": F.gelu(x, approximate="tanh"),
        "unary/quick_gelu": x * torch.sigmoid(1.702 * x),
        "unary/relu": F.relu(x),
        "unary/relu2": F.relu(x).square(),
        "unary/sigmoid": torch.sigmoid(x),
        "unary/tanh": torch.tanh(x),
    }


def norms(random: Random) -> Golden:
    x, weight, bias = random(5, 19) * 3 + 1, random(19), random(19)
    rms, gemma = LlamaRMSNorm(19, eps=1e-5), GemmaRMSNorm(19, eps=1e-5)
    rms.weight.data, gemma.weight.data = weight.float(), weight.float()
    return {
        "norm/x": x,
        "norm/weight": weight,
        "norm/bias": bias,
        "norm/layer_norm": F.layer_norm(x, (19,), weight, bias, 1e-5),
        "norm/layer_norm_no_bias": F.layer_norm(x, (19,), weight, None, 1e-5),
        "norm/rms_norm": rms(x.float()).detach(),
        "norm/rms_norm_plus_one": gemma(x.float()).detach(),
        "norm/l2_normalize": F.normalize(x, dim=-1, eps=1e-12),
        "norm/softmax": F.softmax(x, dim=-1),
    }


def matmuls(random: Random) -> Golden:
    x, weight, bias = random(2, 3, 21), random(7, 21), random(7)
    return {
        "linear/x": x,
        "linear/weight": weight,
        "linear/bias": bias,
        "linear/y": F.linear(x, weight, bias),
        "linear/y_no_bias": F.linear(x, weight),
        "matmul/y": x[0] @ weight.T,
    }


def pictures(random: Random) -> Golden:
    golden: Golden = {"conv/x": random(6, 9, 11)}
    x = golden["conv/x"]
    for name, out, kernel, stride, padding, groups in [
        ("plain", 4, (3, 3), 1, 0, 1),
        ("strided", 4, (3, 2), 2, 1, 1),
        ("grouped", 4, (3, 3), 2, 1, 2),
        ("depthwise", 6, (3, 3), 1, 1, 6),
        ("pointwise", 5, (1, 1), 1, 0, 1),
        ("over_padded", 2, (5, 5), 3, 4, 1),
    ]:
        weight, bias = random(out, 6 // groups, *kernel), random(out)
        golden[f"conv/{name}/weight"], golden[f"conv/{name}/bias"] = weight, bias
        golden[f"conv/{name}/y"] = F.conv2d(x[None], weight, bias, stride, padding, groups=groups)[0]
    for height, width in [(1, 1), (3, 4), (9, 11), (5, 13)]:
        golden[f"pool/{height}x{width}"] = F.adaptive_avg_pool2d(x[None], (height, width))[0]
    golden["patchify/2x3"] = F.unfold(x[None], (2, 3), stride=(2, 3))[0].T
    return golden


def attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, scale: float, mask: torch.Tensor, cap: float = 0.0
) -> torch.Tensor:
    """q: (n, heads, k_dim), k and v: (m, kv_heads, dim), mask: (n, m), true where seen. A row that sees none: zeros."""
    repeat = q.shape[1] // k.shape[1]
    k, v = k.repeat_interleave(repeat, 1), v.repeat_interleave(repeat, 1)
    scores = torch.einsum("nhd,mhd->hnm", q, k) * scale
    if cap > 0:
        scores = cap * torch.tanh(scores / cap)
    weights = torch.softmax(scores.masked_fill(~mask, float("-inf")), dim=-1).nan_to_num(0.0)
    return torch.einsum("hnm,mhd->nhd", weights, v)


def dense_attention(random: Random) -> Golden:
    q, k, v = random(7, 4, 10), random(9, 2, 10), random(9, 2, 6)
    seen = torch.ones(7, 9, dtype=torch.bool)
    query_segment = torch.tensor([0, 0, 1, 1, 2, -1, 3], dtype=torch.int32)
    key_segment = torch.tensor([0, 1, 1, 0, -1, 2, 2, 0, -1], dtype=torch.int32)
    segments = (query_segment[:, None] == key_segment[None]) & (key_segment[None] >= 0)
    plain = attend(q, k, v, 0.3, seen)
    torch.testing.assert_close(  # torch's own, where it can do the same
        plain,
        F.scaled_dot_product_attention(
            q.transpose(0, 1), k.transpose(0, 1), v.transpose(0, 1), scale=0.3, enable_gqa=True
        ).transpose(0, 1),
    )
    return {
        "dense/q": q,
        "dense/k": k,
        "dense/v": v,
        "dense/query_segment": query_segment,
        "dense/key_segment": key_segment,
        "dense/y": plain,
        "dense/causal": attend(q, k, v, 0.3, seen.tril()),
        "dense/segments": attend(q, k, v, 0.3, segments),
        "dense/causal_segments": attend(q, k, v, 0.3, segments & seen.tril()),
    }


def paged_attention(random: Random) -> Golden:
    """Two sequences of PAGE + 5 and 3 tokens; queries are the last 6 rows of the first and all of the second."""
    golden: Golden = {}
    outputs: dict[str, list[torch.Tensor]] = {"y": [], "window": [], "capped": []}
    for name, tokens, n_queries in [("a", PAGE + 5, 6), ("b", 3, 3)]:
        q, k, v = random(n_queries, 4, 8), random(tokens, 2, 8), random(tokens, 2, 4)
        golden |= {f"paged/{name}/q": q, f"paged/{name}/k": k, f"paged/{name}/v": v}
        age = torch.arange(tokens - n_queries, tokens)[:, None] - torch.arange(tokens)[None]
        outputs["y"].append(attend(q, k, v, 0.35, age >= 0))
        outputs["window"].append(attend(q, k, v, 0.35, (age >= 0) & (age < 5)))
        outputs["capped"].append(attend(q, k, v, 0.35, age >= 0, cap=1.5))
    return golden | {f"paged/{name}": torch.cat(parts) for name, parts in outputs.items()}


def rope(random: Random) -> Golden:
    """(tokens, heads, head_dim) of our ops is (1, heads, tokens, head_dim) there."""
    x = random(6, 2, 16)
    q = x.float().transpose(0, 1)[None]
    positions = torch.tensor([0, 1, 2, 77, 4095, 131071], dtype=torch.int32)
    golden: Golden = {"rope/x": x, "rope/positions": positions[None]}

    def rotated(module: object, rotary: torch.nn.Module, ids: torch.Tensor, part: torch.Tensor) -> torch.Tensor:
        cos, sin = rotary(part, ids)
        return module.apply_rotary_pos_emb(part, part, cos, sin)[0][0].transpose(0, 1)  # type: ignore[attr-defined]

    for name, module, config, rotary in [
        ("half", llama, LlamaConfig, llama.LlamaRotaryEmbedding),
        ("interleaved", cohere, CohereConfig, cohere.CohereRotaryEmbedding),
    ]:
        embedding = rotary(config(hidden_size=32, num_attention_heads=2, num_key_value_heads=2))
        golden[f"rope/{name}_inv_freq"] = embedding.inv_freq  # their bases differ
        golden[f"rope/{name}"] = rotated(module, embedding, positions[None], q)

    scaled = llama.LlamaRotaryEmbedding(LlamaConfig(hidden_size=32, num_attention_heads=2, num_key_value_heads=2))
    scaled.attention_scaling = 1.1386
    golden["rope/scaled"] = rotated(llama, scaled, positions[None], q)

    partial = llama.LlamaRotaryEmbedding(LlamaConfig(hidden_size=16, num_attention_heads=2, num_key_value_heads=2))
    golden["rope/partial_inv_freq"] = partial.inv_freq  # 4 pairs: the first 8 of 16
    turned = rotated(llama, partial, positions[None], q[..., :8])
    golden["rope/partial"] = torch.cat([turned, q[0].transpose(0, 1)[..., 8:]], dim=-1)

    axes = torch.tensor([[0, 1, 2, 2, 2, 5], [0, 1, 2, 3, 4, 5], [0, 1, 4, 2, 9, 300]], dtype=torch.int32)
    multimodal = qwen2_vl.Qwen2VLRotaryEmbedding(
        Qwen2VLTextConfig(
            hidden_size=32,
            num_attention_heads=2,
            num_key_value_heads=2,
            rope_parameters={"rope_type": "default", "rope_theta": 1e6, "mrope_section": [2, 3, 3]},
        )
    )
    golden["rope/axes"] = axes
    golden["rope/multimodal_inv_freq"] = multimodal.inv_freq
    golden["rope/multimodal"] = rotated(qwen2_vl, multimodal, axes[:, None], q)
    return golden


class Routed(torch.nn.Module):
    """DeepSeek's block without its shared experts, which are an ordinary network beside it."""

    def __init__(self, router: torch.nn.Module, experts: torch.nn.Module) -> None:
        super().__init__()
        self.gate, self.experts = router, experts

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, weights, chosen = self.gate(x)
        return self.experts(x.flatten(0, -2), chosen, weights)


def moe(random: Random) -> Golden:
    """The blocks of several models over the same weights."""
    tokens, hidden, intermediate, n_experts = 9, 12, 7, 8
    x, router = random(tokens, hidden), random(n_experts, hidden) / 2
    gate, up = random(n_experts, intermediate, hidden), random(n_experts, intermediate, hidden)
    down = random(n_experts, hidden, intermediate)
    router_bias, selection_bias = random(n_experts), random(n_experts) / 4
    gate_bias, up_bias, down_bias = random(n_experts, intermediate), random(n_experts, intermediate), random(8, hidden)
    golden: Golden = {
        "moe/x": x,
        "moe/gate": gate,
        "moe/up": up,
        "moe/down": down,
        "moe/selection_bias": selection_bias,
        "moe/gate_bias": gate_bias,
        "moe/up_bias": up_bias,
        "moe/down_bias": down_bias,
        "moe/logits": F.linear(x, router),
        "moe/logits_with_bias": F.linear(x, router, router_bias),
    }
    sizes = {"hidden_size": hidden, "num_attention_heads": 2, "num_key_value_heads": 2, "num_experts_per_tok": 3}
    routed = sizes | {"moe_intermediate_size": intermediate, "n_routed_experts": n_experts, "n_group": 4}
    v2 = DeepseekV2Config(**routed, topk_group=2, topk_method="group_limited_greedy", routed_scaling_factor=1.5)
    v3 = DeepseekV3Config(**routed, topk_group=2, norm_topk_prob=True, routed_scaling_factor=2.5)
    local = sizes | {"intermediate_size": intermediate, "num_local_experts": n_experts}
    plain = sizes | {"intermediate_size": intermediate, "num_experts": n_experts, "norm_topk_prob": False}
    blocks = {
        "mixtral": MixtralSparseMoeBlock(MixtralConfig(**local)),
        "olmoe": OlmoeSparseMoeBlock(OlmoeConfig(**plain)),
        "deepseek_v2": Routed(DeepseekV2TopkRouter(v2), DeepseekV2Experts(v2)),
        "deepseek_v3": Routed(DeepseekV3TopkRouter(v3), DeepseekV3Experts(v3)),
        "gpt_oss": GptOssMLP(GptOssConfig(**local)),
    }
    interleaved = torch.stack([gate, up], dim=2).flatten(1, 2).transpose(1, 2)
    values = {
        "gate.weight": router,
        "gate.e_score_correction_bias": selection_bias,
        "experts.gate_up_proj": torch.cat([gate, up], dim=1),
        "experts.down_proj": down,
    }
    of_gpt_oss = {
        "router.weight": router,
        "router.bias": router_bias,
        "experts.gate_up_proj": interleaved,
        "experts.gate_up_proj_bias": torch.stack([gate_bias, up_bias], dim=2).flatten(1),
        "experts.down_proj": down.transpose(1, 2),
        "experts.down_proj_bias": down_bias,
    }
    for name, block in blocks.items():
        source = of_gpt_oss if name == "gpt_oss" else values
        block.double().load_state_dict({key: source[key] for key in block.state_dict()})
        with torch.no_grad():
            y = block(x[None])
        golden[f"moe/{name}"] = (y[0] if name == "gpt_oss" else y).view(tokens, hidden)
    return golden


def write(golden: Golden) -> None:
    lines: list[str] = []
    for name, tensor in golden.items():
        integers = tensor.dtype == torch.int32
        lines.append(" ".join([name, "i32" if integers else "f32", *map(str, tensor.shape)]))
        values = tensor.flatten().tolist()
        lines.append(" ".join(str(v) if integers else f"{v:.9g}" for v in values))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{OUT.name}: {len(golden)} tensors, {OUT.stat().st_size} bytes")


def main() -> None:
    random = Random(7)
    write(
        unary()
        | norms(random)
        | matmuls(random)
        | pictures(random)
        | dense_attention(random)
        | paged_attention(random)
        | rope(random)
        | moe(random)
    )


if __name__ == "__main__":
    main()
