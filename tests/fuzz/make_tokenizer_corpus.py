"""Writes the seeds of fuzz_tokenizer_json: python make_tokenizer_corpus.py (into corpus/tokenizer_json)."""

from __future__ import annotations

import json
from pathlib import Path

CORPUS = Path(__file__).parent / "corpus" / "tokenizer_json"
SEPARATOR = b"\x1e"
VOCAB = {"a": 0, "b": 1, "ab": 2, "Ġ": 3, "Ġa": 4, "<s>": 5, "</s>": 6, "<unk>": 7, "▁": 8, "▁a": 9, "<0xC2>": 10}
MERGES = ["a b", "Ġ a", "▁ a"]
ADDED = {"content": "<s>", "single_word": True, "lstrip": True, "rstrip": True, "normalized": False, "special": True}
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)


def tokenizer(**parts: object) -> bytes:
    model = {"type": "BPE", "vocab": VOCAB, "merges": MERGES, **parts.pop("model", {})}
    return json.dumps({"added_tokens": [{"id": 5, **ADDED}], **parts, "model": model}).encode()


def seeds() -> dict[str, bytes]:
    regex = {"type": "Split", "pattern": {"Regex": LLAMA3}, "behavior": "Isolated", "invert": False}
    runs = {"type": "Split", "pattern": {"Regex": r"\s?[a-z\p{N}]{1,3}|[^\n]+"}, "behavior": "MergedWithNext"}
    byte_level = {"type": "ByteLevel", "add_prefix_space": True, "use_regex": False}
    template = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
    }
    normalizers = [{"type": "Prepend", "prepend": "▁"}, {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}]
    decoders = [
        {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
        {"type": "ByteFallback"},
        {"type": "Fuse"},
        {"type": "Strip", "content": " ", "start": 1, "stop": 0},
    ]
    config = json.dumps({"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "add_bos_token": True}).encode()
    clip = json.dumps({"tokenizer_class": "CLIPTokenizer", "bos_token": "<s>", "eos_token": "</s>"}).encode()
    text = "a ab <s> it's 12345 \u00bd \n\n b".encode()
    return {
        "byte_level": SEPARATOR.join([
            tokenizer(pre_tokenizer={"type": "Sequence", "pretokenizers": [regex, byte_level]},
                      decoder={"type": "ByteLevel"}, post_processor=template), b"", text]),
        "runs": SEPARATOR.join([
            tokenizer(pre_tokenizer={"type": "Sequence", "pretokenizers": [
                {"type": "Digits", "individual_digits": True}, {"type": "Punctuation"}, runs, byte_level]}),
            b"", text]),
        "sentence_piece": SEPARATOR.join([
            tokenizer(model={"byte_fallback": True, "fuse_unk": True, "unk_token": "<unk>"},
                      normalizer={"type": "Sequence", "normalizers": normalizers},
                      decoder={"type": "Sequence", "decoders": decoders}), config, text]),
        "metaspace": SEPARATOR.join([
            tokenizer(normalizer={"type": "NFKC"}, pre_tokenizer={
                "type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": True},
                decoder={"type": "Metaspace", "replacement": "▁"}), config, text]),
        "whitespace": SEPARATOR.join([
            tokenizer(normalizer={"type": "Lowercase"}, pre_tokenizer={"type": "Whitespace"},
                      model={"end_of_word_suffix": "</w>"}), b"{}", text]),
        "clip": SEPARATOR.join([json.dumps(VOCAB).encode(), clip, b"#version: 0.2\na b\n"]),
        "merges": SEPARATOR.join([json.dumps(VOCAB).encode(), b'{"add_prefix_space": true}', b"a b\n"]),
    }  # fmt: skip


def main() -> None:
    CORPUS.mkdir(parents=True, exist_ok=True)
    for name, content in seeds().items():
        (CORPUS / name).write_bytes(content)


if __name__ == "__main__":
    main()
