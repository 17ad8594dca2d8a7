"""Published data sets as training data: read once from their own files, kept as shards beside them."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pocket.data.published import coco_captions, text_ocr, vqa_v2
from pocket.data.sample import Sample
from pocket.data.sample_json import to_json
from pocket.training.records import Pictures
from pocket.training.regions import Region, line_of
from pocket.training.sources import HeldPictures, PictureShards

IN_A_SHARD = 1000
HELD_EVERY = 20  # one picture in 20 is for evaluation
FOREVER = 10**9
# What train_multitask may be asked for, and the reader of its files. Retrieval is captions told apart.
NAMES = {"coco_captions": "coco_captions", "coco_retrieval": "coco_captions", "textocr": "textocr", "vqa2": "vqa2"}


def samples(name: str, folder: Path) -> Iterator[Sample]:
    """Of the published files in a folder: annotations and pictures lie in it, or in any folder below it."""

    def find(pattern: str) -> Path | None:
        return next(iter(sorted(folder.rglob(pattern))), None)

    def need(pattern: str) -> Path:
        found = find(pattern)
        if found is None:
            raise FileNotFoundError(f"{folder}: no {pattern}, which {name} needs; give its folder as {name}=FOLDER")
        return found

    if NAMES.get(name) is None:
        raise ValueError(f"unknown dataset '{name}', expected one of scenes, pages, strips, {', '.join(NAMES)}")
    pictures = picture_folder(folder)
    if NAMES[name] == "coco_captions":
        yield from coco_captions(need("captions_*.json"), pictures)
    elif NAMES[name] == "textocr":
        yield from text_ocr(need("TextOCR*.json"), pictures)
    else:
        questions = need("*OpenEnded*questions.json")
        split = next((s for s in ("train2014", "val2014", "test2015") if s in questions.name), "val2014")
        yield from vqa_v2(questions, find("*mscoco*annotations.json"), pictures, split)


def picture_folder(folder: Path) -> Path:
    """Where the pictures lie: the folder, or the one below it with the first of them."""
    first = next((f for f in sorted(folder.rglob("*")) if f.suffix.lower() in (".jpg", ".jpeg", ".png")), None)
    if first is None:
        raise FileNotFoundError(f"{folder}: no pictures (.jpg, .png) in it or below it")
    return first.parent


def record_line(sample: Sample, distinct: bool) -> str:
    """A sample's line for a shard; regions of text become lines in pixels."""
    data: dict[str, Any] = json.loads(to_json(sample))
    data["distinct"] = distinct
    size = sample.picture.shape[0]
    regions = getattr(sample, "texts", ())
    if regions:
        quads = [tuple((x * size, y * size) for x, y in region.corners) for region in regions]
        data["lines"] = [line_of(quad) for quad in quads if len(quad) == 4]
    return json.dumps(data)


def write_shards(name: str, found: Iterable[Sample], out: Path) -> None:
    from pocket.data.shards import write_shard

    train, held = out / "train", out / "train-test"
    for part in (train, held):
        part.mkdir(parents=True, exist_ok=True)
    lists: dict[Path, list[Sample]] = {train: [], held: []}
    counts = dict.fromkeys(lists, 0)

    def flush(part: Path) -> None:
        if lists[part]:
            fields = {
                "x": np.stack([s.picture for s in lists[part]]),
                "record": np.array([record_line(s, name.startswith("coco")) for s in lists[part]]),
            }
            write_shard(part / f"{name}-{counts[part]:04d}.npz", {"pictures": fields})
            counts[part] += 1
            lists[part].clear()

    total = 0
    for number, sample in enumerate(found):
        part = held if number % HELD_EVERY == HELD_EVERY - 1 else train
        lists[part].append(sample)
        total += part == train
        if len(lists[part]) == IN_A_SHARD:
            flush(part)
    for part in lists:
        flush(part)
    if not total:
        raise ValueError(f"{out.parent}: no pictures of {name} found: annotations and pictures do not match")
    (out / "count").write_text(str(total))


class PublishedPictures:
    def __init__(self, name: str, folder: Path, seed: int, size: int) -> None:
        self.place = folder / f".pocket-{name}"
        if not (self.place / "count").exists():
            print(f"{name}: reading {folder}", flush=True)
            write_shards(name, samples(name, folder), self.place)
        self.count = int((self.place / "count").read_text())
        for mark in (self.place / "train").glob("*.uses"):
            mark.unlink()
        self.shards = PictureShards(self.place / "train", seed, FOREVER)
        self.shards.shards.keep = True

    def __len__(self) -> int:
        return self.count

    def pictures(self, count: int) -> Pictures:
        return self.shards.pictures(count)

    def held(self, limit: int) -> HeldPictures:
        return HeldPictures(self.place / "train-test", limit)

    def state(self) -> dict[str, Any]:
        return self.shards.state()

    def load_state(self, state: dict[str, Any]) -> None:
        self.shards.load_state(state)


def textocr_regions(folder: Path) -> list[Region]:
    """Words of TextOCR with their corners, in the original pictures."""
    file = next(iter(sorted(folder.rglob("TextOCR*.json"))), None)
    if file is None:
        raise FileNotFoundError(f"{folder}: no TextOCR*.json; give its folder as textocr=FOLDER")
    data = json.loads(file.read_text(encoding="utf-8"))
    pictures = picture_folder(folder)
    regions = []
    for key, image in data["imgs"].items():
        path = pictures / Path(image["file_name"]).name
        if not path.is_file():
            continue
        for number in data["imgToAnns"].get(key, []):
            word = data["anns"][str(number)]
            points = word["points"]
            if word["utf8_string"] != "." and len(points) == 8:
                quad = tuple((points[i], points[i + 1]) for i in range(0, 8, 2))
                regions.append(Region(path, word["utf8_string"], quad))
    return regions
