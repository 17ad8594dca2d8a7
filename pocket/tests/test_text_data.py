"""The text data: reproducible, split, and labelled with what is drawn."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pocket.data.split import belongs, held
from pocket.data.text import fonts, words
from pocket.data.text.canvas import Canvas, plain
from pocket.data.text.charset import CLASS_OF, SYMBOLS, ambiguous, encode, label
from pocket.data.text.line_targets import line_targets
from pocket.data.text.pages import TILE, boxes_of, page, tiles, view
from pocket.data.text.strip_shards import shard
from pocket.data.text.strips import WIDTHS, strip


def _have_fonts() -> bool:
    try:
        fonts.families("train"), fonts.families("test"), words.english("train")
    except RuntimeError:
        return False
    return True


needs_fonts = pytest.mark.skipif(not _have_fonts(), reason="needs the packages of pocket/data/text/packages.txt")


def test_symbols_are_distinct_and_ascii_comes_first() -> None:
    assert len(set(SYMBOLS)) == len(SYMBOLS)
    assert SYMBOLS[:95] == "".join(map(chr, range(32, 127)))
    assert CLASS_OF[" "] == 1


def test_label_folds_what_print_cannot_tell_apart() -> None:
    assert label("“It’s” 1–2…") == '"It\'s" 1-2...'
    assert encode("a’") == [CLASS_OF["a"], CLASS_OF["'"]]


@pytest.mark.parametrize("text", ["l", "O", ".", "ll", "cow"])
def test_look_alikes_are_ambiguous(text: str) -> None:
    assert ambiguous(text)


@pytest.mark.parametrize("text", ["A", "7", "lid", "Cat", "cows are", "100"])
def test_ordinary_texts_are_not_ambiguous(text: str) -> None:
    assert not ambiguous(text)


def test_every_name_is_in_exactly_one_split() -> None:
    names = [f"name{i}" for i in range(2000)]
    assert all(belongs(n, "train") != belongs(n, "test") for n in names)
    assert 100 < sum(held(n) for n in names) < 240  # one in twelve
    with pytest.raises(ValueError, match="expected 'train' or 'test'"):
        belongs("name", "valid")


@needs_fonts
def test_fonts_and_words_of_the_splits_are_disjoint() -> None:
    faces = {s: {f for k in fonts.families(s).values() for group in k for f in group} for s in ("train", "test")}
    assert not {f.family for f in faces["train"]} & {f.family for f in faces["test"]}
    assert {f.kind for f in faces["test"]} == {f.kind for f in faces["train"]}
    for lists in (words.english, words.rare):
        assert not {w.lower() for w in lists("train")} & {w.lower() for w in lists("test")}


@needs_fonts
def test_a_strip_is_its_seed() -> None:
    for seed in range(40):
        (a, text), (b, again) = strip(seed, "train"), strip(seed, "train")
        assert text == again and np.array_equal(a, b)
        assert a.shape[0] == 32 and a.shape[1] in WIDTHS and a.dtype == np.uint8
        assert text and set(text) <= set(SYMBOLS) and text == label(text) and len(encode(text)) == len(text)
    assert len({strip(seed, "train")[1] for seed in range(40)}) > 35


@needs_fonts
def test_strips_show_something() -> None:
    assert np.mean([strip(seed, "train")[0].std() > 4 for seed in range(100)]) > 0.95


@needs_fonts
def test_test_strips_hold_nothing_ambiguous_and_no_word_of_training() -> None:
    train = {w.lower() for w in words.english("train")} - set(words.COMMON)
    texts = [strip(seed, "test")[1] for seed in range(200)]
    assert not any(map(ambiguous, texts))
    single = [t.lower() for t in texts if len(t) > 5 and t.isalpha() and t.isascii()]
    assert single and not [t for t in single if t in train]


@needs_fonts
def test_a_shard_of_strips_has_all_samples_in_buckets() -> None:
    groups = shard(5, "train", 60)
    assert sum(len(fields["x"]) for fields in groups.values()) == 60
    assert all(fields["x"].shape[1:] == (32, int(width)) for width, fields in groups.items())


def _ink(picture: Image.Image) -> tuple[int, int, int, int]:
    return Image.fromarray(255 - np.asarray(picture.convert("L"))).getbbox()


@needs_fonts
@pytest.mark.parametrize("anchor", ["left", "middle", "right"])
def test_a_line_box_is_its_ink(anchor: str) -> None:
    face = fonts.pick(random.Random(1), "train", ("sans",))
    canvas = plain(400, 100, (255, 255, 255))
    canvas.text(200, 20, "Several words", face, 24, (0, 0, 0), anchor)
    (line,) = canvas.lines
    drawn = np.concatenate([line.corners[0], line.corners[2]])
    assert np.abs(drawn - _ink(canvas.picture)).max() <= 1
    assert [w.text for w in line.words] == ["Several", "words"]
    first, second = (w.corners for w in line.words)
    assert line.corners[0][0] - 4 < first[0][0] < first[1][0] < second[0][0] < second[1][0] < line.corners[1][0] + 4


@needs_fonts
@pytest.mark.parametrize("angle", [0, 30, 90, -135, 180])
def test_a_turned_box_holds_the_ink_and_points_along_the_text(angle: float) -> None:
    face = fonts.pick(random.Random(1), "train", ("sans",))
    canvas = plain(300, 300, (255, 255, 255))
    canvas.turned_text(150, 150, "Turned text", face, 24, (0, 0, 0), angle)
    cx, cy, w, h, a = boxes_of(canvas.lines[0].corners[None])[0]
    assert np.isclose(np.cos(a - np.radians(angle)), 1, atol=1e-4)
    dark = np.argwhere(np.asarray(canvas.picture.convert("L")) < 128)[:, ::-1] + 0.5 - (cx, cy)
    along, across = dark @ (np.cos(a), np.sin(a)), dark @ (-np.sin(a), np.cos(a))
    assert abs(np.abs(along).max() * 2 - w) < 4 and abs(np.abs(across).max() * 2 - h) < 4
    # the T stands at the beginning
    assert np.sum(along < -0.45 * w) > 0


@needs_fonts
def test_a_view_moves_boxes_with_the_pixels() -> None:
    made = page(11, "train", "document")
    blank = Canvas(Image.new("RGB", made.canvas.size, (255, 255, 255)))
    face = fonts.pick(random.Random(1), "train", ("sans",))
    blank.text(200, 300, "Across", face, 40, (0, 0, 0))
    made = type(made)(blank, "document", "", [blank.picture, blank.picture.reduce(2)])
    for scale, angle in ((1.0, 0.0), (0.6, 20.0), (1.4, -70.0)):
        at = blank.lines[0].corners.mean(0)
        r = random.Random(3)
        seen = view(made, r, (TILE, TILE), (scale, scale), tuple(at), angle, False, camera=False, with_words=True)
        (line,) = seen.lines
        grey = np.asarray(Image.fromarray(seen.picture).convert("L")).astype(float)
        inside = np.hypot(*(np.indices(grey.shape) - TILE / 2)) < 100
        dark = np.argwhere((grey < 128) & inside)[:, ::-1] + 0.5 - line.box[:2]
        a = float(line.box[4])
        along, across = dark @ (np.cos(a), np.sin(a)), dark @ (-np.sin(a), np.cos(a))
        assert np.isclose(np.cos(a - np.radians(angle)), 1, atol=1e-3)
        assert abs(np.ptp(along) + 1 - line.box[2]) < 5 and abs(np.ptp(across) + 1 - line.box[3]) < 5
        assert abs((along.max() + along.min()) / 2) < 2 and abs((across.max() + across.min()) / 2) < 2
        assert [w.text for w in line.words] == ["Across"]


@needs_fonts
def test_tiles_are_their_seed() -> None:
    a, b = tiles(21, "train"), tiles(21, "train")
    for x, y in zip(a, b, strict=True):
        assert np.array_equal(x.picture, y.picture) and x.caption == y.caption and x.kind == y.kind
        assert [line.text for line in x.lines] == [line.text for line in y.lines]
        assert x.picture.shape == (TILE, TILE, 3)


def test_targets_of_a_straight_line() -> None:
    maps, mask = line_targets(np.array([[112, 112, 160, 32, 0.0]]), np.array([True]))
    core = maps[0] > 0
    ys, xs = np.nonzero(core)
    # half the height: 16 pixels, four cells; the ends shortened by 8 pixels each: 144 pixels, 36 cells
    assert (ys.min(), ys.max()) == (26, 29) and (xs.min(), xs.max()) == (10, 45) and core.sum() == 4 * 36
    assert np.allclose((maps[1] + maps[2])[core], 2)  # 32 pixels in units of 16
    assert maps[1][26, 20] < maps[1][29, 20]  # nearer to the upper edge above
    assert np.allclose(maps[1][26, 20] * 16, (26.5 * 4) - 96)
    assert np.all(maps[3][core] == 1) and np.all(maps[4][core] == 0) and mask.all()


@pytest.mark.parametrize("degrees", [90, 180, -45])
def test_targets_turn_with_the_line(degrees: float) -> None:
    a = np.radians(degrees)
    maps, _ = line_targets(np.array([[112, 112, 100, 24, a]]), np.array([True]))
    core = maps[0] > 0
    ys, xs = np.nonzero(core)
    assert np.allclose(maps[3][core], np.cos(a), atol=1e-6) and np.allclose(maps[4][core], np.sin(a), atol=1e-6)
    across = ((ys + 0.5) * 4 - 112) * np.cos(a) - ((xs + 0.5) * 4 - 112) * np.sin(a)
    assert np.allclose(maps[1][core] * 16, 12 + across, atol=1e-3)


def test_small_lines_keep_a_row_of_cells_and_unreadable_ones_are_masked() -> None:
    for y in np.arange(100, 104, 0.5):
        maps, _ = line_targets(np.array([[112, y, 60, 7, 0.0]]), np.array([True]))
        assert maps[0].any(0).sum() >= 12
    maps, mask = line_targets(np.array([[112, 112, 60, 6, 0.0]]), np.array([False]))
    assert not maps.any() and 0 < (mask == 0).sum() <= 15 * 3
    maps, mask = line_targets(np.array([[500, 112, 60, 20, 0.0]]), np.array([True]))
    assert not maps.any() and mask.all()


def test_packages_list_has_sections_of_known_kinds() -> None:
    assert set(fonts.KINDS) <= set(fonts.packages().values())
    assert sum(section in fonts.KINDS for section in fonts.packages().values()) >= 150
    assert Path(fonts.__file__).with_name("packages.txt").exists()
