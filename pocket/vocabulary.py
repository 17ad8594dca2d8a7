"""The vocabulary shared by captions, questions, answers, boxes and retrieval: a byte-level BPE of 2,048 entries.

python -m pocket.vocabulary trains it again and writes pocket/tokenizer.json.
"""

from __future__ import annotations

import argparse
import functools
import random
import re
import string
import sys
from collections.abc import Iterator
from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from pocket.data.scenes.names import COLOURS, names

PATH = Path(__file__).with_name("tokenizer.json")
SIZE = 2048
LOCATION_BINS = 64
TASKS = ("<pad>", "<eos>", "<image>", "<caption>", "<ask>", "<answer>", "<find>", "<embed>", "<text>")
LOCATIONS = tuple(f"<loc{i}>" for i in range(LOCATION_BINS))
SPECIAL = TASKS + LOCATIONS
PAD, EOS, IMAGE, CAPTION, ASK, ANSWER, FIND, EMBED, TEXT = range(len(TASKS))
FIRST_LOCATION = len(TASKS)
WORDS = Path("/usr/share/dict/american-english")


@functools.cache
def tokenizer() -> Tokenizer:
    """The committed tokenizer."""
    return Tokenizer.from_file(str(PATH))


def encode(text: str) -> list[int]:
    """Pieces of plain text; special tokens written out in it stay text."""
    out: list[int] = []
    # The library matches special tokens in any input; cutting their "<" off keeps a user's "<eos>" a mere word.
    for part in re.split(r"(?<=<)(?=[a-z]+[0-9]*>)", text):
        out += tokenizer().encode(part).ids
    return out


def decode(ids: list[int]) -> str:
    """Text of pieces; special tokens are left out."""
    return tokenizer().decode([i for i in ids if i >= len(SPECIAL)], skip_special_tokens=False)


def location(value: float) -> int:
    """The token of a coordinate given as a fraction of width or height."""
    return FIRST_LOCATION + min(LOCATION_BINS - 1, max(0, int(value * LOCATION_BINS)))


def coordinate(token: int) -> float:
    """The middle of a location token's bin."""
    return (token - FIRST_LOCATION + 0.5) / LOCATION_BINS


def box_tokens(boxes: tuple[tuple[float, float, float, float], ...]) -> list[int]:
    """The answer to <find>: four location tokens a box. A box's right and lower edges lie at its last bin's end."""
    return [location(v - 1e-6 if i >= 2 else v) for box in boxes for i, v in enumerate(box)]


def words() -> Iterator[str]:
    """Common English words; the dictionary holds names and rare words too, so only short lower-case ones."""
    if WORDS.is_file():
        for word in WORDS.read_text(encoding="utf-8").splitlines():
            if re.fullmatch(r"[a-z]{2,7}", word):
                yield word


def texts(scenes: int) -> Iterator[str]:
    """What the vocabulary is trained on: the texts of scenes, names, words, numbers, signs and prices."""
    from pocket.data.scenes.captions import captions
    from pocket.data.scenes.layout import compose
    from pocket.data.scenes.questions import finds, questions

    for seed in range(scenes):
        rng = random.Random(f"vocabulary/{seed}")
        _, plan = compose(rng, "train")
        yield from captions(plan, rng)
        for asked in questions(plan, rng, "train"):
            yield asked.question
            yield asked.answer
        yield from (f.query for f in finds(plan, rng))
    for entry in names().values():
        for noun in (entry.name, entry.plural, *entry.synonyms):
            yield from [noun, f"a {noun}", f"the {noun}"] * 60  # so that a thing is one piece where it can be
    for colour in COLOURS:
        yield from [colour, f"a {colour} thing"] * 20
    for word in words():
        yield f"{word} {word.capitalize()}"
    rng = random.Random("vocabulary")
    for _ in range(3000):
        yield f"{rng.randint(0, 2100)} {rng.uniform(0, 200):.2f} {rng.randint(0, 23)}:{rng.randint(0, 59):02d}"
    for _ in range(500):
        yield "".join(rng.choice(string.ascii_letters + string.digits + string.punctuation) for _ in range(12))
    for kind in ("a sign", "a receipt", "a document", "a label", "a screen", "a page of code", "a handwritten note"):
        yield from [
            f'{kind} that says "',
            f'the text on {kind} is "',
            f"what does {kind} say?",
            f"a picture of {kind}",
        ] * 60


def train(scenes: int) -> Tokenizer:
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)
    made.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=SIZE,
        special_tokens=list(SPECIAL),
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    made.train_from_iterator(texts(scenes), trainer)
    return made


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--out", type=Path, default=PATH)
    options.add_argument("--scenes", type=int, default=4000, help="how many scenes' texts to train on")
    chosen = options.parse_args()
    made = train(chosen.scenes)
    made.save(str(chosen.out))
    print(f"{made.get_vocab_size()} entries in {chosen.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
