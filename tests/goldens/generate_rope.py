"""Writes tests/data/models/rope.jsonl: rope's keys of configurations, and the frequencies transformers makes of them.

    python tests/goldens/generate_rope.py [--check]

Needs torch and transformers (written with 5.23.0). One JSON object a line: "name", "config" (of config.json),
"layer_type" or null, "length" (of the sequence; null: what the configuration trains for), "inv_freq" (float32),
"attention_factor".
"""

import argparse
import copy
import json
import sys
from pathlib import Path

import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

OUT = Path(__file__).resolve().parents[1] / "data" / "models" / "rope.jsonl"

# 12 pairs to a head, so that ramps have inner points.
SIZES = {"hidden_size": 96, "num_attention_heads": 4, "head_dim": 24, "max_position_embeddings": 512}
YARN = {"rope_type": "yarn", "factor": 16.0, "original_max_position_embeddings": 128}
LLAMA3 = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}
LONG = {
    "rope_type": "longrope",
    "short_factor": [1.0 + 0.1 * i for i in range(12)],
    "long_factor": [1.5 + 0.7 * i for i in range(12)],
}


def without(values: dict, key: str) -> dict:
    return {k: v for k, v in values.items() if k != key}


def scaled(**scaling: object) -> dict:
    return {**SIZES, "rope_theta": 10000.0, "rope_scaling": scaling}


# name: (config, layer_type, length)
CASES = {
    "default": ({**SIZES}, None, None),
    "theta": ({**SIZES, "rope_theta": 500000.0}, None, None),
    "theta in rope_parameters": ({**SIZES, "rope_parameters": {"rope_theta": 70000.0}}, None, None),
    "partial": ({**SIZES, "rope_theta": 10000.0, "partial_rotary_factor": 0.25}, None, None),
    "partial in rope_parameters": (
        {**SIZES, "rope_parameters": {"rope_theta": 10000.0, "partial_rotary_factor": 0.5}},
        None,
        None,
    ),
    "head_dim of hidden_size": ({**without(SIZES, "head_dim"), "hidden_size": 64, "rope_theta": 10000.0}, None, None),
    "linear": (scaled(rope_type="linear", factor=8.0), None, None),
    "linear, old key": (scaled(type="linear", factor=3.0), None, None),
    "dynamic, short": (scaled(rope_type="dynamic", factor=4.0), None, 400),
    "dynamic, long": (scaled(rope_type="dynamic", factor=4.0), None, 2000),
    "dynamic, longer": (scaled(rope_type="dynamic", factor=4.0), None, 4000),
    "dynamic, another factor": (scaled(rope_type="dynamic", factor=2.0), None, 2000),
    "dynamic, another max_position_embeddings": (
        {**scaled(rope_type="dynamic", factor=4.0), "max_position_embeddings": 1024},
        None,
        2000,
    ),
    "yarn": (scaled(**YARN), None, None),
    "yarn, another factor": (scaled(**{**YARN, "factor": 4.0}), None, None),
    "yarn, beta_fast": (scaled(**YARN, beta_fast=4.0), None, None),
    "yarn, beta_slow": (scaled(**YARN, beta_slow=4.0), None, None),
    "yarn, not truncated": (scaled(**YARN, truncate=False), None, None),
    "yarn, attention_factor": (scaled(**YARN, attention_factor=1.25), None, None),
    "yarn, mscale": (scaled(**YARN, mscale=1.0, mscale_all_dim=0.707), None, None),
    "yarn, mscale_all_dim": (scaled(**YARN, mscale=0.707, mscale_all_dim=1.0), None, None),
    "yarn, mscale alone": (scaled(**{**YARN, "factor": 2.0}, mscale=0.5), None, None),
    "yarn, original context of the model": (scaled(**without(YARN, "original_max_position_embeddings")), None, None),
    "yarn, original context beside the scaling": (
        {**scaled(**YARN), "original_max_position_embeddings": 2048},
        None,
        None,
    ),
    "yarn, null factor": (
        scaled(**{**YARN, "factor": None, "original_max_position_embeddings": 64}),
        None,
        None,
    ),
    "llama3": (scaled(**LLAMA3), None, None),
    "llama3, another factor": (scaled(**{**LLAMA3, "factor": 32.0}), None, None),
    "llama3, low_freq_factor": (scaled(**{**LLAMA3, "low_freq_factor": 2.0}), None, None),
    "llama3, high_freq_factor": (scaled(**{**LLAMA3, "high_freq_factor": 16.0}), None, None),
    "llama3, original context": (scaled(**{**LLAMA3, "original_max_position_embeddings": 64}), None, None),
    "longrope, short": ({**scaled(**LONG), "original_max_position_embeddings": 64}, None, 64),
    "longrope, long": ({**scaled(**LONG), "original_max_position_embeddings": 64}, None, 65),
    "longrope, factor": ({**scaled(**LONG, factor=32.0), "original_max_position_embeddings": 64}, None, 64),
    "longrope, attention_factor": (scaled(**LONG, attention_factor=1.5), None, 64),
    "longrope, not extended": (scaled(**LONG), None, 64),
    "proportional": (
        {
            **SIZES,
            "rope_parameters": {"rope_type": "proportional", "rope_theta": 1e6, "partial_rotary_factor": 0.25},
        },
        None,
        None,
    ),
    "proportional, factor": (
        {
            **SIZES,
            "rope_parameters": {
                "rope_type": "proportional",
                "rope_theta": 1e6,
                "partial_rotary_factor": 0.75,
                "factor": 4.0,
            },
        },
        None,
        None,
    ),
}
LAYERS = {
    "full_attention": {"rope_type": "linear", "factor": 8.0, "rope_theta": 1e6},
    "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
}
for kind in LAYERS:
    CASES[f"of {kind}"] = ({**SIZES, "rope_parameters": LAYERS}, kind, None)


def default_frequencies(config: LlamaConfig, parameters: dict) -> torch.Tensor:
    """What LlamaRotaryEmbedding.compute_default_rope_parameters computes, for a part of the head too."""
    head_dim = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    dim = int(head_dim * parameters.get("partial_rotary_factor", 1.0))
    return 1.0 / (parameters["rope_theta"] ** (torch.arange(0, dim, 2, dtype=torch.int64).float() / dim))


def golden(name: str, keys: dict, layer_type: str | None, length: int | None) -> dict:
    config = LlamaConfig(**copy.deepcopy(keys))
    for key in ("partial_rotary_factor", "original_max_position_embeddings"):
        if key in keys:
            setattr(config, key, keys[key])
    config.standardize_rope_params()
    parameters = config.rope_parameters[layer_type] if layer_type else config.rope_parameters
    kind = parameters["rope_type"]
    factor = 1.0
    if kind == "default":
        frequencies = default_frequencies(config, parameters)
    else:
        frequencies, factor = ROPE_INIT_FUNCTIONS[kind](config, seq_len=length, layer_type=layer_type)
    return {
        "name": name,
        "config": keys,
        "layer_type": layer_type,
        "length": length,
        "inv_freq": [float(f"{value:.9g}") for value in frequencies.float().tolist()],
        "attention_factor": float(f"{factor:.9g}"),
    }


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the file instead of writing it")
    arguments = parser.parse_args()
    text = "".join(json.dumps(golden(name, *case)) + "\n" for name, case in CASES.items())
    if arguments.check:
        return 0 if OUT.read_text() == text else 1
    OUT.parent.mkdir(parents=True, exist_ok=True)
    OUT.write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
