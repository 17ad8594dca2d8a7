"""Scenes: the same by seed, splits that share nothing held out, texts that are true of the picture."""

from __future__ import annotations

import itertools
import random
import re

import numpy as np
import pytest

from pocket.data.places import home
from pocket.data.sample_json import from_json, to_json
from pocket.data.scenes.captions import captions, truth
from pocket.data.scenes.names import COLOURS, NUMBERS, article, names, plural
from pocket.data.scenes.understand import understand

needs_sprites = pytest.mark.skipif(
    not (home() / "sprites" / "index.json").is_file(), reason="sources of pocket/DATA.md are not installed here"
)


def plans(count: int, split: str = "train", kind: str = "") -> list:
    from pocket.data.scenes.sampler import sample_with_plan

    return [sample_with_plan(seed, split, kind) for seed in range(count)]


def test_grammar_of_names() -> None:
    table = names()
    assert 250 <= sum(bool(n.emoji) for n in table.values()) <= 400
    assert article("apple") == "an apple" and article("unicorn") == "a unicorn" and article("umbrella") == "an umbrella"
    assert article("hourglass") == "an hourglass" and article("orange car") == "an orange car"
    assert plural("wolf") == "wolves" and plural("box of fries") == "boxes of fries" and plural("cherry") == "cherries"
    forms = [n.name for n in table.values()]
    assert len(set(forms)) == len(forms)
    for entry in table.values():
        assert not set(entry.synonyms) & set(forms), f"a synonym of {entry.name} is another thing's name"


@needs_sprites
def test_a_seed_gives_the_same_sample_and_splits_differ() -> None:
    from pocket.data.scenes.sampler import Scenes

    one, two = Scenes(3, "train")[11], Scenes(3, "train")[11]
    assert np.array_equal(one.picture, two.picture) and to_json(one) == to_json(two)
    assert to_json(Scenes(3, "test")[11]) != to_json(one)
    assert one.picture.shape == (224, 224, 3) and one.picture.dtype == np.uint8
    with pytest.raises(ValueError, match="split"):
        Scenes(3, "dev")[0]


@needs_sprites
def test_drawings_pairs_and_photographs_are_held_out() -> None:
    from pocket.data.scenes.drawings import library
    from pocket.data.scenes.layout import held_pair
    from pocket.data.scenes.photos import photographs

    shelf = library()
    for entry in shelf.things:
        train, test = (shelf.rows(entry.name, s) for s in ("train", "test"))
        artists = {shelf.index[r]["artist"] for r in {*train, *test}}
        if len(artists) >= 3:
            assert not {shelf.index[r]["artist"] for r in train} & {shelf.index[r]["artist"] for r in test}, entry.name
    assert not set(photographs("train").rows) & set(photographs("test").rows)
    for _, plan in plans(60, "train"):
        for a, b in itertools.combinations({p.thing.name for p in plan.placed}, 2):
            if plan.kind not in ("on", "inside"):
                assert not held_pair(a, b)


@needs_sprites
def test_captions_are_five_and_state_exactly_what_is_true() -> None:
    for split in ("train", "test"):
        for made, plan in plans(120, split):
            assert len(set(made.captions)) == 5
            want = truth(plan)
            for text in made.captions:
                said = understand(text)
                assert sorted(said.objects) == sorted(want.objects), text
                assert sorted(said.attributes) == sorted(want.attributes), text
                assert len(said.relations) == len(want.relations), text
                for word in re.findall(r"\ban? \w+", text):
                    assert word == article(word.split()[1]), text


@needs_sprites
def test_boxes_lie_in_the_picture_and_find_lists_all() -> None:
    for made, plan in plans(80):
        assert len(made.objects) == sum(map(len, plan.groups))
        for thing in made.objects:
            left, top, right, bottom = thing.box
            assert 0 <= left < right <= 1 and 0 <= top < bottom <= 1, thing
        for asked in made.finds:
            noun = asked.query.removeprefix("the ")
            shown = [
                o for o in made.objects if noun in (o.name, o.noun, plural(o.name), f"{o.colour} {plural(o.name)}")
            ]
            assert len(asked.boxes) == len(shown), asked


@needs_sprites
def test_a_coloured_shape_is_of_that_colour_where_its_box_is() -> None:
    seen = 0
    for made, plan in plans(150, kind="single"):
        thing = made.objects[0]
        if thing.name not in ("circle", "square", "hexagon", "cross", "diamond") or plan.background.kind == "photo":
            continue
        x, y = (int(v * 224) for v in thing.centre)
        patch = made.picture[y - 2 : y + 3, x - 2 : x + 3].reshape(-1, 3).mean(0)
        assert np.abs(patch - np.array(COLOURS[thing.colour])).max() < 90, thing
        seen += 1
    assert seen > 5


@needs_sprites
def test_relations_hold_between_the_boxes() -> None:
    for _, plan in plans(60, kind="pair"):
        for a, word, b in plan.relations:
            (ax, ay), (bx, by) = plan.placed[a].centre, plan.placed[b].centre
            assert {"left of": ax < bx, "right of": ax > bx, "above": ay < by, "below": ay > by}[word]
    for made, plan in plans(25, kind="inside"):
        inner, outer = made.objects[0].box, made.objects[1].box
        assert inner[0] >= outer[0] - 0.02 and inner[2] <= outer[2] + 0.02, plan
    for made, plan in plans(25, kind="stacked"):
        assert abs(made.objects[0].box[3] - made.objects[1].box[1]) < 0.06, plan


@needs_sprites
def test_answers_are_true_and_balanced() -> None:
    yes: dict[str, list[bool]] = {}
    for made, _ in plans(300):
        for asked in made.questions:
            if asked.answer in ("yes", "no"):
                yes.setdefault(asked.type, []).append(asked.answer == "yes")
            if asked.type == "count" and asked.answer != "zero":
                counts = [NUMBERS[sum(o.name == n for o in made.objects)] for n in {o.name for o in made.objects}]
                assert asked.answer in counts
            if asked.type == "colour":
                assert asked.answer in {o.colour for o in made.objects}
            if asked.type == "exists" and asked.answer == "no":
                noun = re.sub(r".*?\ban? (.*?)( in the picture)?\?$", r"\1", asked.question)
                assert noun not in {o.noun for o in made.objects}, asked
    for kind in ("exists", "relation"):
        assert 0.38 < np.mean(yes[kind]) < 0.62, kind


@needs_sprites
def test_one_wording_of_each_question_is_kept_for_tests() -> None:
    from pocket.data.scenes.questions import WORDINGS, worded

    for key, options in WORDINGS.items():
        blank = {k: "x" for k in ("k", "n", "m", "a", "r", "o")}
        rng = random.Random(1)
        asked = {worded(key, rng, "train", **blank) for _ in range(60)}
        assert options[-1].format(**blank) not in asked
        assert options[-1].format(**blank) in {worded(key, rng, "test", **blank) for _ in range(60)}


@needs_sprites
def test_a_sample_survives_json() -> None:
    from pocket.data.scenes.scene_shards import samples_of, shard

    fields = shard(4, "train", 3)["scenes"]
    back = samples_of(fields)
    assert [to_json(s) for s in back] == [str(t) for t in fields["json"]]
    assert from_json(back[0].picture, to_json(back[0])).questions == back[0].questions


@needs_sprites
def test_captions_are_words_of_one_plan() -> None:
    _, plan = plans(1, kind="many")[0]
    assert captions(plan, random.Random(1)) == captions(plan, random.Random(1))


@pytest.mark.parametrize("kind", ["receipt", "sign", "code", "nothing", "unheard of"])
def test_pages_are_described(kind: str) -> None:
    from pocket.data.scenes.text_pictures import describe_page

    for lines in ([], ["Open"], ["one line of many", "that nobody would repeat in a caption", "x", "y"]):
        texts, asked = describe_page(kind, lines, random.Random(2), "test")
        assert len(set(texts)) == 5 and {q.type for q in asked} >= {"what", "exists"}
        assert all(q.answer == "open" for q in asked if q.type == "text")
