"""The data of a test: the frozen set, published files, or held-out shards."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pocket.data.sample import Sample
from pocket.evaluation.scores import TextPicture
from pocket.training.line_targets import corners

DATASETS = ("test_set", "coco_captions", "textocr", "vqa2", "coco_retrieval")


def frozen_scenes(every: bool) -> list[Sample]:
    """Those whose pictures are in the repository, or all: made from their seeds, which needs the sources of DATA.md."""
    from pocket.data.test_set import make_scene_test_set

    return make_scene_test_set.every() if every else make_scene_test_set.committed()


def frozen_texts(every: bool) -> list[TextPicture]:
    from pocket.data.text.make_test_set import items, picture

    out = []
    for item in items():
        if every or "file" in item:
            lines = [
                (line["text"], [(float(x), float(y)) for x, y in corners(tuple(line["box"]))], bool(line["count"]))
                for line in item["lines"]
            ]
            out.append(TextPicture(picture(item), item["kind"], lines))
    return out


def published_texts(folder: Path) -> Iterator[TextPicture]:
    """Words of TextOCR in the pictures as they are."""
    from pocket.training.published_source import textocr_regions

    regions = sorted(textocr_regions(folder), key=lambda r: str(r.picture))
    for path, group in itertools.groupby(regions, key=lambda r: r.picture):
        with Image.open(path) as opened:
            pixels = np.asarray(opened.convert("RGB"))
        yield TextPicture(pixels, "textocr", [(r.text, list(r.quad), True) for r in group])


def load(dataset: str, every: bool, limit: int | None, tasks: list[str]) -> tuple[list[Sample], list[TextPicture]]:
    """Samples, and pictures with text, of `NAME` or `NAME=FOLDER`."""
    name, _, place = dataset.partition("=")
    if name not in DATASETS:
        raise SystemExit(f"--dataset: unknown '{name}', expected one of {', '.join(DATASETS)}")
    most = limit if limit is not None else sys.maxsize
    samples: list[Sample] = []
    texts: list[TextPicture] = []
    if name == "test_set":
        if set(tasks) - {"read"}:
            samples = frozen_scenes(every)[:most]
        if "read" in tasks:
            texts = _spread(frozen_texts(every), most)
    else:
        from pocket.data.places import home
        from pocket.training import published_source

        folder = Path(place) if place else home() / "shards" / name
        if name == "textocr":
            texts = list(itertools.islice(published_texts(folder), most))
        else:
            samples = list(itertools.islice(published_source.samples(name, folder), most))
    return samples, texts


def _spread(items: list[TextPicture], most: int) -> list[TextPicture]:
    """At most so many, of all kinds."""
    step = max(1, -(-len(items) // most)) if most < len(items) else 1
    return items[::step]
