"""The frozen test set of scenes: whole, distinct where retrieval needs it, the same as its seeds."""

from __future__ import annotations

import pytest

from pocket.data.metrics import facts_scores
from pocket.data.places import home
from pocket.data.test_set.make_scene_test_set import checksum, committed, items


def test_items_are_whole_and_distinct() -> None:
    frozen = items()
    assert len(frozen) == 1300 and len({i["seed"] for i in frozen}) == 1300
    texts = [i["captions"][0] for i in frozen if i["retrieval"]]
    assert len(texts) == len(set(texts)) == 1000
    assert all(len(i["captions"]) == 5 and i["questions"] and i["finds"] for i in frozen)


def test_the_committed_pictures_have_their_texts() -> None:
    subset = committed()
    assert 100 <= len(subset) <= 120
    assert all(s.picture.shape == (224, 224, 3) for s in subset)
    scores = facts_scores([s.captions[1] for s in subset], [s.truth for s in subset])
    assert scores["objects"] == scores["attributes"] == scores["relations"] == 1


@pytest.mark.skipif(not (home() / "sprites" / "index.json").is_file(), reason="sources of pocket/DATA.md missing")
def test_seeds_still_give_the_frozen_pictures() -> None:
    from pocket.data.scenes.sampler import sample_with_plan

    frozen = items()[:: 1300 // 20]
    made = [sample_with_plan(i["seed"], "test")[0] for i in frozen]
    assert [m.captions for m in made] == [tuple(i["captions"]) for i in frozen]
    assert sum(checksum(m.picture) == i["sum"] for m, i in zip(made, frozen, strict=True)) >= 18
