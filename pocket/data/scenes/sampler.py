"""Scenes by seed and split: the same numbers give the same sample everywhere that has the same sources."""

from __future__ import annotations

import random
from collections.abc import Iterator

from pocket.data.sample import Sample
from pocket.data.scenes.camera import photographed
from pocket.data.scenes.captions import captions, truth
from pocket.data.scenes.layout import Plan, compose
from pocket.data.scenes.questions import finds, questions

SPLITS = ("train", "test")


def sample_with_plan(seed: int, split: str, kind: str = "") -> tuple[Sample, Plan]:
    """The sample of a seed, and the plan it was made from (for tests of the generator)."""
    if split not in SPLITS:
        raise ValueError(f"split {split!r}: expected one of {', '.join(SPLITS)}")
    rng = random.Random(f"{split}/{seed}")
    picture, plan = compose(rng, split, kind)
    made = Sample(
        picture=photographed(picture, rng),
        captions=captions(plan, rng),
        questions=questions(plan, rng, split),
        finds=finds(plan, rng),
        objects=tuple(p.as_object() for p in plan.placed),
        truth=truth(plan),
    )
    return made, plan


class Scenes:
    """An endless sequence of scenes: Scenes(seed, "train")[17] is always the same picture with the same texts."""

    def __init__(self, seed: int, split: str) -> None:
        self.seed, self.split = seed, split

    def __getitem__(self, index: int) -> Sample:
        return sample_with_plan(self.seed * 1_000_000_000 + index, self.split)[0]

    def __iter__(self) -> Iterator[Sample]:
        index = 0
        while True:
            yield self[index]
            index += 1
