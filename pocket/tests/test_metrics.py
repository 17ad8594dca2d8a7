"""Measures against values worked out by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from pocket.data import metrics as m
from pocket.data.sample import Truth


def test_cider_d_of_an_exact_match_is_ten() -> None:
    references = [["a red cat on a mat"], ["two dogs in a park"], ["one bird over the sea"]]
    assert m.cider_d([r[0] for r in references], references) == pytest.approx([10, 10, 10])


def test_cider_d_by_hand() -> None:
    # Two pictures; every word is in one picture's references only: weight log 2 each, so the logarithms cancel.
    # "a b" against "a c": one of two words common (1/2), no pair of words common: (1/2 + 0 + 0 + 0) / 4 * 10.
    weight = math.log(2)
    # "b" is in no reference: its rarity is log(2 / 1), the same.
    cosine = weight * weight / (math.sqrt(2) * weight * math.sqrt(2) * weight)
    assert m.cider_d(["a b", "x"], [["a c"], ["x y"]])[0] == pytest.approx(10 * cosine / 4)


def test_cider_d_clips_repeats_and_punishes_length() -> None:
    references = [["a c"], ["x y"]]
    # "a a": counts 2 against 1, clipped: min(2, 1) * 1 / (2 * sqrt 2).
    assert m.cider_d(["a a", "x"], references)[0] == pytest.approx(10 * 1 / (2 * math.sqrt(2)) / 4)
    # One word too few: exp(-1 / 72).
    assert m.cider_d(["a", "x"], references)[0] == pytest.approx(10 * math.exp(-1 / 72) / math.sqrt(2) / 4)


def test_words_common_to_all_pictures_count_nothing() -> None:
    assert m.cider_d(["the", "the"], [["the cat"], ["the dog"]]) == [0, 0]


def test_facts_of_captions() -> None:
    truth = Truth(("cat", "car"), (("car", "red"),), (("cat", "left of", "car"),))
    assert m.caption_facts("a red car to the right of a cat on a blue background", truth) == {
        "objects": (2, 2, 2),
        "attributes": (1, 1, 1),
        "relations": (1, 1, 1),
    }
    wrong = m.caption_facts("a blue car above a dog", truth)
    assert wrong == {"objects": (1, 2, 2), "attributes": (0, 1, 1), "relations": (0, 1, 1)}
    scores = m.facts_scores(["a blue car above a dog"], [truth])
    assert scores["objects"] == 0.5 and scores["attributes"] == 0 and scores["objects_f1"] == 0.5


def test_character_errors() -> None:
    assert m.edit_distance("kitten", "sitting") == 3
    assert m.character_error_rate(["abc", ""], ["abd", "xy"]) == pytest.approx(3 / 5)


def test_oriented_boxes() -> None:
    square = m.corners((0, 0, 2, 2))
    assert m.polygon_iou(square, square) == pytest.approx(1)
    assert m.polygon_iou(square, m.corners((1, 0, 3, 2))) == pytest.approx(1 / 3)
    assert m.polygon_iou(square, square[::-1]) == pytest.approx(1)
    turned = [(1, -math.sqrt(2) + 1), (1 + math.sqrt(2), 1), (1, 1 + math.sqrt(2)), (1 - math.sqrt(2), 1)]
    octagon = 8 * math.tan(math.pi / 8)
    assert m.polygon_iou(square, turned) == pytest.approx(octagon / (8 - octagon))
    assert m.polygon_iou(square, m.corners((5, 5, 6, 6))) == 0
    assert m.polygon_iou(square, [(0, 0), (0, 0), (0, 0), (0, 0)]) == 0


def test_box_f1_uses_each_box_once() -> None:
    one, far = m.corners((0, 0, 1, 1)), m.corners((9, 9, 10, 10))
    assert m.box_f1([[one, one]], [[one, far]]) == pytest.approx(0.5)
    assert m.box_f1([[]], [[]]) == 1 and m.box_f1([[one]], [[]]) == 0


def test_recall_counts_ties_against_us() -> None:
    table = np.array([[0.9, 0.1, 0.2], [0.8, 0.5, 0.1], [0.3, 0.3, 0.3]])
    got = m.recall_at(table, (1, 2))
    assert got["picture_to_text_r1"] == pytest.approx(1 / 3) and got["picture_to_text_r2"] == pytest.approx(2 / 3)
    assert got["text_to_picture_r1"] == pytest.approx(1)
