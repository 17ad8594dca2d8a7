"""The vocabulary: special tokens in their places, any text survives, boxes survive within a bin."""

from __future__ import annotations

import random

from pocket import vocabulary as v


def test_special_tokens_come_first_in_the_agreed_order() -> None:
    made = v.tokenizer()
    assert made.get_vocab_size() == v.SIZE == 2048
    assert [made.token_to_id(t) for t in v.SPECIAL] == list(range(73))
    names = ("<pad>", "<eos>", "<image>", "<caption>", "<ask>", "<answer>", "<find>", "<embed>", "<text>")
    assert v.TASKS == names and made.id_to_token(v.FIRST_LOCATION) == "<loc0>"


def test_any_text_survives() -> None:
    rng = random.Random(3)
    texts = [
        "a red apple",
        "",
        "  two  spaces ",
        "Ünïcode 日本語 🦊\n\ttab",
        "<eos> and <loc3> are only words here",
        "<<ask>>",
    ]
    texts += [
        "".join(chr(rng.choice([rng.randint(32, 126), rng.randint(0, 0xD7FF)])) for _ in range(30)) for _ in range(200)
    ]
    for text in texts:
        ids = v.encode(text)
        assert v.decode(ids) == text
        assert all(i >= len(v.SPECIAL) for i in ids), text


def test_common_words_are_few_pieces() -> None:
    assert len(v.encode("a big red car to the left of a dog on a blue background")) <= 15
    assert len(v.encode("what colour is the background?")) <= 7


def test_boxes_become_location_tokens() -> None:
    box = (0.1, 0.2, 0.5, 1.0)
    ids = v.box_tokens((box,))
    assert ids == [v.FIRST_LOCATION + n for n in (6, 12, 31, 63)]
    assert all(abs(v.coordinate(i) - x) <= 1 / 64 for i, x in zip(ids, box, strict=True))
