"""The tokenizer and the chat template, as pocket.gguf has them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

TOKENIZER_FILE = Path(__file__).with_name("tokenizer.json")
LOCATION_BINS = 64
TASK_TOKENS = ("<pad>", "<eos>", "<image>", "<caption>", "<ask>", "<answer>", "<find>", "<embed>", "<text>")
PAD, EOS, IMAGE, CAPTION, ASK, ANSWER, FIND, EMBED, TEXT = range(len(TASK_TOKENS))
FIRST_LOCATION = len(TASK_TOKENS)
SPECIAL_TOKENS = (*TASK_TOKENS, *(f"<loc{i}>" for i in range(LOCATION_BINS)))

NORMAL, CONTROL = 1, 3

# A picture without a text asks for its caption. Texts are lower-cased, as all texts of the training were.
CHAT_TEMPLATE = (
    "{%- for message in messages -%}"
    "{%- set say = namespace(text='') -%}"
    "{%- if message['content'] is string -%}{%- set say.text = message['content'] -%}"
    "{%- else -%}{%- for part in message['content'] -%}"
    "{%- if part['type'] == 'image' -%}{{- '<image>' -}}"
    "{%- elif part['type'] == 'text' -%}{%- set say.text = say.text + part['text'] -%}{%- endif -%}"
    "{%- endfor -%}{%- endif -%}"
    "{%- set text = say.text | trim | lower -%}"
    "{%- if message['role'] == 'assistant' -%}{{- ' ' + text + '<eos>' -}}"
    "{%- elif text -%}{{- '<ask> ' + text + '<answer>' -}}"
    "{%- else -%}{{- '<caption>' -}}{%- endif -%}"
    "{%- endfor -%}"
)


def byte_alphabet() -> list[str]:
    """The printable character that stands for each byte in byte-level BPE, as GPT-2 chose them."""
    printable = {*range(33, 127), *range(161, 173), *range(174, 256)}
    others = iter(range(256, 512))
    return [chr(b) if b in printable else chr(next(others)) for b in range(256)]


def byte_tokenizer(merges: int = 23) -> dict[str, Any]:
    """A tokenizer.json of bytes and a few pairs of letters, for the tiny model of the tests."""
    alphabet = byte_alphabet()
    pairs = [(a, b) for a in ("t", "r", "s", "l", "\u0120") for b in "haeio"][:merges]
    tokens = [*SPECIAL_TOKENS, *alphabet, *(a + b for a, b in pairs)]
    special = [
        {
            "id": i,
            "content": t,
            "special": True,
            "single_word": False,
            "lstrip": False,
            "rstrip": False,
            "normalized": False,
        }
        for i, t in enumerate(SPECIAL_TOKENS)
    ]
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": special,
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": True},
        "post_processor": None,
        "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": {t: i for i, t in enumerate(tokens)},
            "merges": [list(p) for p in pairs],
        },
    }


def load_tokenizer(vocabulary_size: int) -> dict[str, Any]:
    """The tokenizer.json of this size: the committed one, or the tests' one of bytes."""
    small = byte_tokenizer()
    if vocabulary_size == len(small["model"]["vocab"]):
        return small
    data = json.loads(TOKENIZER_FILE.read_text(encoding="utf-8"))
    if len(data["model"]["vocab"]) != vocabulary_size:
        found = len(data["model"]["vocab"])
        raise ValueError(f"{TOKENIZER_FILE}: {found} entries, the model has {vocabulary_size} token rows")
    return data


def tokenizer_metadata(tokenizer: dict[str, Any]) -> dict[str, Any]:
    """`tokenizer.*` of GGUF."""
    vocabulary: dict[str, int] = tokenizer["model"]["vocab"]
    tokens = [""] * len(vocabulary)
    for token, index in vocabulary.items():
        tokens[index] = token
    special = {entry["id"] for entry in tokenizer["added_tokens"]}
    merges = [m if isinstance(m, str) else " ".join(m) for m in tokenizer["model"]["merges"]]
    return {
        "tokenizer.ggml.model": "gpt2",
        "tokenizer.ggml.pre": "gpt-2",
        "tokenizer.ggml.tokens": tokens,
        "tokenizer.ggml.token_type": [CONTROL if i in special else NORMAL for i in range(len(tokens))],
        "tokenizer.ggml.merges": merges,
        "tokenizer.ggml.eos_token_id": EOS,
        "tokenizer.ggml.padding_token_id": PAD,
        "tokenizer.ggml.add_bos_token": False,
        "tokenizer.ggml.add_eos_token": False,
        "tokenizer.chat_template": CHAT_TEMPLATE,
    }
