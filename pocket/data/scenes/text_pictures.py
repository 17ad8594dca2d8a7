"""Captions and questions for pictures of text, from the kind of page and its lines."""

from __future__ import annotations

import random

from pocket.data.sample import Question
from pocket.data.scenes.names import NUMBERS, article

LONGEST = 32  # characters of text that a caption or an answer repeats
# How a kind of page is spoken of; other kinds are named as they are.
SPOKEN = {
    "code": "page of code",
    "handwriting": "handwritten note",
    "terminal": "computer terminal",
    "dialog": "dialog window",
    "photograph": "photo",
    "nothing": "picture",
}


def spoken(kind: str) -> str:
    return SPOKEN.get(kind, kind.replace("_", " "))


def shown_text(lines: list[str]) -> str:
    """The text that a caption may repeat: all of a short one, else nothing."""
    text = " ".join(" ".join(lines).split()).lower()
    return text if 0 < len(text) <= LONGEST and len(lines) <= 3 else ""


def describe_page(
    kind: str, lines: list[str], rng: random.Random, split: str = "train"
) -> tuple[tuple[str, ...], tuple[Question, ...]]:
    """Five captions, and questions, of a page: `kind` as pages.py returns it ("receipt" …), lines in reading order."""
    noun = spoken(kind)
    a = article(noun)
    text = shown_text(lines)
    if text:
        forms = [
            f'{a} that says "{text}"',
            f'{a} with the text "{text}"',
            f'there is {a} that says "{text}"',
            f'a picture of {a} that says "{text}"',
            f'{a} that reads "{text}"',
            f'the text "{text}" on {a}',
        ]
    elif lines:
        forms = [
            f"{a} with text",
            f"a picture of {a} with text",
            f"there is {a} with text on it",
            f"{a} with lines of text",
            f"we see {a} with text",
            f"{a} with something written on it",
        ]
    else:
        forms = [
            f"{a} without any writing",
            f"{a} without text",
            f"{a} with nothing written on it",
            f"there is {a} without any text",
            f"{a} with no words on it",
        ]
    captions = (forms[0], *rng.sample(forms[1:], 4))
    last = split == "test"
    what = ["what is this?", "what does the picture show?", "what kind of picture is this?", "what are we looking at?"]
    asked = [Question("what", rng.choice(what if last else what[:-1]), noun)]
    if text:
        says = [
            f"what does the {noun} say?",
            "what does it say?",
            "what is written here?",
            f"what is written on the {noun}?",
        ]
        says.append("which text do you see?")
        asked.append(Question("text", rng.choice(says if last else says[:-1]), text))
    there = ["is there text in the picture?", "is anything written here?", "can you read something here?"]
    asked.append(Question("exists", rng.choice(there if last else there[:-1]), "yes" if lines else "no"))
    if 0 < len(lines) < len(NUMBERS):
        asked.append(Question("count", "how many lines of text are there?", NUMBERS[len(lines)]))
    rng.shuffle(asked)
    return captions, tuple(asked)
