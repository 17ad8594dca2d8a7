"""A user's own data: one JSON object a line, each a picture and what is known of it.

    {"image": "a.jpg", "caption": "a red mug"}
    {"image": "b.png", "question": "what is it?", "answer": "a mug"}
    {"image": "c.png", "regions": [{"text": "Sale", "box": [x, y, width, height]}]}
Paths are relative to the file; boxes are in pixels of the picture. A line may hold all of it, several captions as
"captions" and several questions as "questions", objects with "question" and "answer". "quad", four corners clockwise
from the beginning of the writing, may stand for "box".
"""

from __future__ import annotations

import json
import random
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pocket.training.records import Pictures, Record
from pocket.training.regions import Quad, Region, line_of


@dataclass
class Item:
    picture: Path
    record: Record  # lines in pixels of the squashed picture
    regions: list[Region]


class DataError(ValueError):
    """A line that cannot be used; the message names file, line, field and remedy."""


def load_items(path: Path, size: int) -> list[Item]:
    items = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if line.strip():
            where = f"{path}:{number}"
            try:
                data = json.loads(line)
            except ValueError as error:
                raise DataError(f"{where}: not a JSON object ({error}); write one object a line") from error
            items.append(_item(data, path.parent, size, where))
    if not items:
        raise DataError(f"{path}: no lines; write one JSON object a line, each with an image")
    return items


def _item(data: Any, folder: Path, size: int, where: str) -> Item:
    if not isinstance(data, dict) or not isinstance(data.get("image"), str):
        raise DataError(f'{where}: field "image" is missing; expected the path of a picture')
    picture = folder / data["image"]
    if not picture.is_file():
        raise DataError(f"{where}: {picture} does not exist; paths are relative to {folder}")
    captions = data.get("captions", [data["caption"]] if "caption" in data else [])
    questions = data.get("questions", [data] if "question" in data else [])
    for question in questions:
        if "question" not in question or "answer" not in question:
            raise DataError(f'{where}: a question needs the fields "question" and "answer"')
    regions = [Region(picture, str(_need(r, "text", where)), _quad(r, where)) for r in data.get("regions", [])]
    record = Record(
        captions=[str(c) for c in captions],
        questions=[(str(q.get("type", "own")), str(q["question"]), str(q["answer"])) for q in questions],
    )
    if "regions" in data:
        with Image.open(picture) as opened:
            across, down = size / opened.width, size / opened.height
        record.lines = [line_of(tuple((x * across, y * down) for x, y in region.quad)) for region in regions]
    if not (captions or questions or "regions" in data):
        raise DataError(
            f"{where}: nothing is known of {data['image']}; give a caption, a question with its answer, or regions"
        )
    return Item(picture, record, regions)


def _need(region: dict[str, Any], name: str, where: str) -> Any:
    if name not in region:
        raise DataError(f'{where}: a region lacks the field "{name}"')
    return region[name]


def _quad(region: dict[str, Any], where: str) -> Quad:
    if "quad" in region:
        if len(region["quad"]) != 4:
            raise DataError(f'{where}: "quad" has {len(region["quad"])} corners, expected 4')
        return tuple((float(x), float(y)) for x, y in region["quad"])
    box = _need(region, "box", where)
    if len(box) != 4:
        raise DataError(f'{where}: "box" has {len(box)} numbers, expected x, y, width, height')
    x, y, width, height = map(float, box)
    return (x, y), (x + width, y), (x + width, y + height), (x, y + height)


class UserPictures:
    """Batches of items, each as often as the others."""

    def __init__(self, items: list[Item], size: int, seed: int) -> None:
        self.items, self.size, self.chance = items, size, random.Random(seed)
        self.order: list[int] = []

    def __len__(self) -> int:
        return len(self.items)

    def _load(self, item: Item) -> np.ndarray:
        with Image.open(item.picture) as opened:
            small = opened.convert("RGB").resize((self.size, self.size), Image.Resampling.BILINEAR)
        return np.asarray(small)

    def pictures(self, count: int) -> Pictures:
        chosen = []
        while len(chosen) < count:
            if not self.order:
                self.order = list(range(len(self.items)))
                self.chance.shuffle(self.order)
            chosen.append(self.items[self.order.pop()])
        return Pictures(np.stack([self._load(i) for i in chosen]), [i.record for i in chosen])

    def all(self) -> Pictures:
        return Pictures(np.stack([self._load(i) for i in self.items]), [i.record for i in self.items])

    def state(self) -> dict[str, Any]:
        return {"chance": self.chance.getstate(), "order": list(self.order)}

    def load_state(self, state: dict[str, Any]) -> None:
        self.chance.setstate(state["chance"])
        self.order = list(state["order"])
