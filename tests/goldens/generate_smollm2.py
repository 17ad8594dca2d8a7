"""Writes tests/data/smollm2/expected.safetensors: what transformers computes from the default model's own GGUF file.

    python generate_smollm2.py --model SmolLM2-135M-Instruct.Q4_1.gguf

The ids are the first of tests/data/smollm2/text.txt, long enough to need several pages of state and several chunks.
transformers decodes the blocks to float32 and undoes llama.cpp's permutation of the q and k rows; both are checked here
against the package gguf before its logits are believed. The file holds

    input_ids    i32 (IDS)
    rows         i32 (ROWS)             positions in input_ids, the first and the last among them
    logits       f32 (ROWS, vocab / COLUMN_STEP)   every COLUMN_STEP-th column
    hidden_last  f32 (ROWS, hidden)     after the final norm
    top_ids      i32 (ROWS, 5)          the largest logits of the whole vocabulary, largest first
"""

from __future__ import annotations

import argparse
from pathlib import Path

import gguf
import numpy as np
import torch
from generate_tokenizers import byte_level_tokenizer, read_model
from safetensors.numpy import save_file
from transformers import AutoModelForCausalLM, PreTrainedModel

DATA = Path(__file__).parent.parent / "data" / "smollm2"
IDS = 640
ROWS = 24
COLUMN_STEP = 16
NAMES = {
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
}


def name_in_transformers(name: str) -> str:
    if name == "token_embd.weight":
        return "model.embed_tokens.weight"
    if name == "output_norm.weight":
        return "model.norm.weight"
    _, layer, part, kind = name.split(".")
    return f"model.layers.{layer}.{NAMES[part]}.{kind}"


def halves(weight: np.ndarray, heads: int) -> np.ndarray:
    """Rows of rotated pairs, one after the other in the file, in the order of all first, then all second members."""
    rows, columns = weight.shape
    return weight.reshape(heads, rows // heads // 2, 2, columns).swapaxes(1, 2).reshape(rows, columns)


def check_weights(model: PreTrainedModel, path: Path) -> None:
    reader = gguf.GGUFReader(path)
    state = model.state_dict()
    heads = {"attn_q": model.config.num_attention_heads, "attn_k": model.config.num_key_value_heads}
    for tensor in reader.tensors:
        weight = gguf.dequantize(tensor.data, tensor.tensor_type)
        part = tensor.name.split(".")[-2]
        if part in heads:
            weight = halves(weight, heads[part])
        if not np.array_equal(weight, state[name_in_transformers(tensor.name)].numpy()):
            raise SystemExit(f"{tensor.name}: transformers reads other values than gguf")
    if len(reader.tensors) + 1 != len(state):  # lm_head is the embedding
        raise SystemExit(f"{len(state)} weights in transformers, {len(reader.tensors)} in the file")


def expected(model: PreTrainedModel, ids: list[int]) -> dict[str, np.ndarray]:
    with torch.no_grad():
        output = model(torch.tensor([ids]), output_hidden_states=True)
    rows = np.linspace(0, len(ids) - 1, ROWS).round().astype(np.int32)
    logits = output.logits[0].numpy()[rows]
    return {
        "input_ids": np.array(ids, np.int32),
        "rows": rows,
        "logits": np.ascontiguousarray(logits[:, ::COLUMN_STEP]),
        "hidden_last": output.hidden_states[-1][0].numpy()[rows],
        "top_ids": np.ascontiguousarray(np.argsort(-logits, axis=1)[:, :5].astype(np.int32)),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    path = parser.parse_args().model.resolve()
    tokens, merges = read_model(path)
    tokenizer = byte_level_tokenizer("smollm", tokens, merges)
    ids = tokenizer.encode((DATA / "text.txt").read_text(), add_special_tokens=False).ids
    model = AutoModelForCausalLM.from_pretrained(
        path.parent, gguf_file=path.name, dtype=torch.float32, attn_implementation="eager"
    )
    check_weights(model, path)
    values = expected(model.eval(), ids[:IDS])
    save_file(values, DATA / "expected.safetensors")
    print(f"{len(ids)} ids in the text; std of the logits {values['logits'].std():.3f}")


if __name__ == "__main__":
    main()
