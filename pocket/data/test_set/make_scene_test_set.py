"""Freezes the test set of scenes: python -m pocket.data.test_set.make_scene_test_set

Writes scenes.json (an item a line: seed, references, questions, finds, objects, truth) and some pictures as JPEG,
so that tests and `evaluate` run from a clone that has none of the sources. The first RETRIEVAL items have distinct full
captions.
"""

from __future__ import annotations

import io
import json
import sys
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from pocket.data.sample import Sample
from pocket.data.sample_json import from_json, to_json
from pocket.data.scenes.sampler import sample_with_plan

FOLDER = Path(__file__).parent
ITEMS, RETRIEVAL = 1300, 1000
PICTURES, QUALITY = 120, 80
FIRST_SEED = 5_000_000


def checksum(picture: np.ndarray) -> int:
    """Of a picture so coarse that another version of a library's resampling gives the same in nearly all cases."""
    small = Image.fromarray(picture).convert("L").resize((4, 4), Image.Resampling.BOX)
    return zlib.crc32((np.asarray(small) // 32).tobytes())


def made() -> Iterator[tuple[int, Sample]]:
    """Items in order: no two of the first RETRIEVAL say the same; empty scenes come after them only."""
    seen: set[str] = set()
    seed, count = FIRST_SEED, 0
    while count < ITEMS:
        sample, plan = sample_with_plan(seed, "test")
        full = sample.captions[0]
        if count >= RETRIEVAL or (plan.placed and full not in seen):
            seen.add(full)
            yield seed, sample
            count += 1
        seed += 1


def items() -> list[dict]:
    """The frozen items as they stand in scenes.json."""
    lines = (FOLDER / "scenes.json").read_text(encoding="utf-8").splitlines()
    return [json.loads(line.rstrip(",")) for line in lines if line.startswith("{")]


def committed() -> list[Sample]:
    """The subset whose pictures are in the repository."""
    out = []
    for item in items():
        path = FOLDER / "pictures" / f"{item['seed']}.jpg"
        if path.is_file():
            with Image.open(path) as opened:
                out.append(from_json(np.array(opened.convert("RGB")), json.dumps(item)))
    return out


def every() -> list[Sample]:
    """All items, their pictures made from their seeds (needs the sources of DATA.md), texts as frozen."""
    return [from_json(sample_with_plan(i["seed"], "test")[0].picture, json.dumps(i)) for i in items()]


def main() -> int:
    lines = []
    (FOLDER / "pictures").mkdir(exist_ok=True)
    for number, (seed, sample) in enumerate(made()):
        head = {"seed": seed, "sum": checksum(sample.picture), "retrieval": number < RETRIEVAL}
        lines.append(json.dumps(head)[:-1] + "," + to_json(sample)[1:])
        if number % (ITEMS // PICTURES) == 0 and number // (ITEMS // PICTURES) < PICTURES:
            packed = io.BytesIO()
            Image.fromarray(sample.picture).save(packed, "JPEG", quality=QUALITY)
            (FOLDER / "pictures" / f"{seed}.jpg").write_bytes(packed.getvalue())
    (FOLDER / "scenes.json").write_text("[\n" + ",\n".join(lines) + "\n]\n", encoding="utf-8")
    print(f"{len(lines)} items, {PICTURES} of them with pictures")
    return 0


if __name__ == "__main__":
    sys.exit(main())
