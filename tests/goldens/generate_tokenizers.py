"""Writes tests/data/text: small tokenizers and what the package tokenizers makes of random Unicode texts.

    python generate_tokenizers.py --model SmolLM2-135M-Instruct.Q4_1.gguf

Each NAME.json holds a tokenizer.json ("tokenizer", SmolLM2's bytes and first merges under another pre-tokenizer), the
name of that pre-tokenizer in GGUF files ("pre"), and cases [text, ids, ids with special tokens as text].
smollm2.cases.json holds cases of the whole SmolLM2 vocabulary. With --fuzz N nothing is written: N fresh texts per
tokenizer go to --galago, whose answers are compared.
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import tempfile
from pathlib import Path

import gguf
from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

OUT = Path(__file__).parent.parent / "data" / "text"
MERGES = 900
CASES = 120
LLAMA3 = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2 = LLAMA3.replace(r"\p{N}{1,3}", r"\p{N}")
QWEN35 = QWEN2.replace(r"?\p{L}+", r"?[\p{L}\p{M}]+").replace(r"[^\s\p{L}\p{N}]", r"[^\s\p{L}\p{M}\p{N}]")


def split(pattern: str) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.Split(Regex(pattern), "isolated")


def byte_level(use_regex: bool) -> pre_tokenizers.PreTokenizer:
    return pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=use_regex)


PRE = {
    "gpt-2": [byte_level(True)],
    "smollm": [pre_tokenizers.Digits(individual_digits=True), byte_level(True)],
    "llama-bpe": [split(LLAMA3), byte_level(False)],
    "qwen2": [split(QWEN2), byte_level(False)],
    "qwen35": [split(QWEN35), byte_level(False)],
    "deepseek-coder": [
        split("[\r\n]"),
        split(r"\s?\p{L}+"),
        split(r"\s?\p{P}+"),
        split("[一-龥ࠀ-一가-\ud7ff]+"),
        pre_tokenizers.Digits(individual_digits=True),
        byte_level(False),
    ],
}
RANGES = [(0x20, 0x7E)] * 6 + [
    (0xA0, 0x24F), (0x300, 0x36F), (0x370, 0x3FF), (0x400, 0x52F), (0x5D0, 0x5EA), (0x600, 0x6FF), (0x900, 0x97F),
    (0xE00, 0xE7F), (0x1780, 0x17FF), (0x2000, 0x206F), (0x2070, 0x218B), (0x2190, 0x23FF), (0x3000, 0x30FF),
    (0x4E00, 0x9FFF), (0xAC00, 0xD7A3), (0xFE00, 0xFE0F), (0xFF00, 0xFFEF), (0x1F1E6, 0x1F1FF), (0x1F300, 0x1FAFF),
]  # fmt: skip
SPACES = list(" \t\n\r") * 3 + list("\u00a0\u2003\u3000\u0085\u2028\x0b\x0c\u1680\u200b\ufeff\u180e")
FRAGMENTS = [
    "'s", "'S", "'ll", "'LL", "'re", "'vE", "'t", "'M", "'d", "'\u017f", "½", "²", "Ⅷ", "٣", "१२३", "3.14", "1234567",
    "  ", "   ", "\n\n", "\r\n", " \n ", "\t\t", "a", "the", "Hello", " World", "don't", "I'Ve", "...", "!!!", "=====",
    "日本語", "한국어", "កាន់", "é", "e\u0301", "👨‍👩‍👧", "🇩🇪", "ﬁ", "ß", "İ", "ǅ", "ª", "ʰ", "_", "\0",
    "<|im_start|>", "<|im_end|>", "<|endoftext|>",
]  # fmt: skip


def random_text(rng: random.Random) -> str:
    parts = []
    for _ in range(rng.randint(1, 14)):
        kind = rng.random()
        if kind < 0.4:
            parts.append(rng.choice(FRAGMENTS))
        elif kind < 0.6:
            parts.append("".join(rng.choice(SPACES) for _ in range(rng.randint(1, 4))))
        else:
            low, high = rng.choice(RANGES)
            parts.append("".join(chr(rng.randint(low, high)) for _ in range(rng.randint(1, 6))))
    return "".join(parts)


def byte_level_tokenizer(name: str, tokens: list[str], merges: list[tuple[str, str]]) -> Tokenizer:
    vocabulary = {token: index for index, token in enumerate(tokens)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=merges, ignore_merges=name == "llama-bpe"))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(PRE[name])
    tokenizer.decoder = decoders.ByteLevel()
    special = [token for token in tokens if token.startswith("<|")]
    tokenizer.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return tokenizer


def sentence_piece_tokenizer(merges: list[tuple[str, str]]) -> Tokenizer:
    """Llama 2's form: spaces are U+2581, characters outside the vocabulary become byte tokens."""
    plain = [pair for pair in merges if all(all(c.isascii() or c == "Ġ" for c in part) for part in pair)]
    plain = [(left.replace("Ġ", "▁"), right.replace("Ġ", "▁")) for left, right in plain]
    characters = sorted({c for pair in plain for part in pair for c in part})
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256)), *characters]
    tokens += [token for token in dict.fromkeys(left + right for left, right in plain) if token not in tokens]
    known = set(tokens)
    plain = [(left, right) for left, right in plain if left in known and right in known]
    tokenizer = Tokenizer(
        models.BPE(
            vocab={token: index for index, token in enumerate(tokens)},
            merges=plain,
            unk_token="<unk>",
            fuse_unk=True,
            byte_fallback=True,
        )
    )
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence(
        [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    )
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    special = [AddedToken(token, special=True, normalized=False) for token in ("<unk>", "<s>", "</s>")]
    tokenizer.add_special_tokens(special)
    tokenizer.add_tokens([AddedToken("<|im_end|>", lstrip=True, rstrip=True, normalized=False)])
    return tokenizer


def cases(tokenizer: Tokenizer, seed: str, count: int) -> list[list]:
    rng = random.Random(seed)
    texts = [random_text(rng) for _ in range(count)]
    answers = []
    for as_text in (False, True):
        tokenizer.encode_special_tokens = as_text
        answers.append([item.ids for item in tokenizer.encode_batch(texts, add_special_tokens=False)])
    return [list(case) for case in zip(texts, *answers, strict=True)]


def read_model(path: Path) -> tuple[list[str], list[tuple[str, str]]]:
    fields = gguf.GGUFReader(path).fields
    tokens = fields["tokenizer.ggml.tokens"].contents()
    merges = [tuple(line.split(" ", 1)) for line in fields["tokenizer.ggml.merges"].contents()]
    return tokens, merges


def small(tokens: list[str], merges: list[tuple[str, str]]) -> tuple[list[str], list[tuple[str, str]]]:
    kept = merges[:MERGES]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    special = [token for token in tokens if token.startswith("<|")]
    return [*special, *letters, *(left + right for left, right in kept)], kept


def tokenizers_of(model: Path) -> dict[str, Tokenizer]:
    tokens, merges = small(*read_model(model))
    result = {name: byte_level_tokenizer(name, tokens, merges) for name in PRE}
    result["sentence-piece"] = sentence_piece_tokenizer(merges)
    return result


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, ensure_ascii=True, separators=(",", ":")) + "\n")


def generate(model: Path) -> None:
    OUT.mkdir(parents=True, exist_ok=True)
    for name, tokenizer in tokenizers_of(model).items():
        found = cases(tokenizer, name, CASES)
        tokenizer.encode_special_tokens = False
        pre = name if name in PRE else ""
        write(OUT / f"{name}.json", {"pre": pre, "tokenizer": json.loads(tokenizer.to_str()), "cases": found})
    whole = byte_level_tokenizer("smollm", *read_model(model))
    fixed = [["4 ½ months", "1234567890", "x²+½=3.14", "Ⅷ ٣ १२३", " \n 2024-11-21\n"]]
    found = cases(whole, "smollm2", 400)
    for text in fixed[0]:
        ids = whole.encode(text, add_special_tokens=False).ids
        found.append([text, ids, ids])
    write(OUT / "smollm2.cases.json", {"cases": found})


def fuzz(model: Path, galago: Path, count: int) -> None:
    """Compares fresh texts, in one file a tokenizer, by `galago tokenize FOLDER --file F --json`."""
    for name, tokenizer in tokenizers_of(model).items():
        with tempfile.TemporaryDirectory() as folder:
            tokenizer.save(f"{folder}/tokenizer.json")
            Path(folder, "config.json").write_text("{}")
            rng = random.Random()
            for index in range(count):
                text = random_text(rng)
                Path(folder, "text").write_bytes(text.encode())
                command = [galago, "tokenize", folder, "--file", f"{folder}/text", "--json"]
                got = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)["ids"]
                expected = tokenizer.encode(text, add_special_tokens=False).ids
                if got != expected:
                    raise SystemExit(f"{name}, text {index} {text!a}: got {got}, expected {expected}")
        print(f"{name}: {count} texts agree")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--fuzz", type=int, default=0)
    parser.add_argument("--galago", type=Path)
    options = parser.parse_args()
    if options.fuzz:
        fuzz(options.model, options.galago, options.fuzz)
    else:
        generate(options.model)


if __name__ == "__main__":
    main()
