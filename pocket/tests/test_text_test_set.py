"""The frozen test set of text: what is in it, and that it is drawn again as it was."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from PIL import Image

from pocket.data.text import fonts, make_test_set
from pocket.data.text.charset import SYMBOLS, ambiguous
from pocket.data.text.make_test_set import ITEMS, TEST_SET, checksum, items, look, picture


def test_it_holds_every_kind_with_lines_to_score() -> None:
    all_items = items()
    assert Counter(item["kind"] for item in all_items) == ITEMS
    assert len({item["seed"] for item in all_items}) == len(all_items)
    for item in all_items:
        assert any(line["count"] for line in item["lines"])
        for line in item["lines"]:
            assert set(line["text"]) <= set(SYMBOLS) and len(line["box"]) == 5
            assert not (line["count"] and ambiguous(line["text"]))


def test_the_pictures_kept_as_files_are_there_and_small() -> None:
    kept = [item for item in items() if "file" in item]
    assert {item["kind"] for item in kept} == set(ITEMS)
    for item in kept:
        assert Image.open(TEST_SET / item["file"]).size == tuple(item["size"])
        assert picture(item).shape == (item["size"][1], item["size"][0], 3)
    assert sum((TEST_SET / item["file"]).stat().st_size for item in kept) < 2 << 20


def test_a_picture_is_drawn_as_it_was_where_the_fonts_are() -> None:
    for kind in ("sign", "code"):
        item = next(i for i in items() if i["kind"] == kind and "file" in i)
        try:
            fonts.families("test")
            seen = look(kind, item["seed"])
        except RuntimeError as error:
            pytest.skip(str(error))
        if checksum(seen.picture) != item["checksum"]:
            pytest.skip("this machine's fonts or FreeType differ from those of the test set")
        file = picture(item).astype(float)
        assert np.abs(file - seen.picture).mean() < 8  # the file went through JPEG
        assert [line.text for line in seen.lines] == [line["text"] for line in item["lines"]]


def test_a_picture_drawn_differently_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    item = next(i for i in items() if "file" not in i)
    blank = type("Seen", (), {"picture": np.zeros((4, 4, 3), np.uint8)})
    monkeypatch.setattr(make_test_set, "look", lambda kind, seed: blank)
    with pytest.raises(RuntimeError, match=r"drawn differently here.*packages\.txt"):
        picture(item)
