"""Makes the frozen test set of text: pictures of held-out words in held-out fonts, with their lines and boxes.

    python -m pocket.data.text.make_test_set [--pictures 32]      writes pocket/data/test_set/text.json and text/*.jpg
An item is a kind and a seed; picture(item) draws it again and proves by its checksum that it is the same. Fonts differ
from one machine to another, so some of the pictures are kept as files, and read back from there.
"""

from __future__ import annotations

import argparse
import json
import random
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pocket.data.text.charset import ambiguous
from pocket.data.text.pages import View, page, view, whole

TEST_SET = Path(__file__).parent.parent / "test_set"
ITEMS = {
    "sign": 150,
    "label": 90,
    "terminal": 45,
    "web page": 60,
    "dialog": 45,
    "receipt": 80,
    "document": 80,
    "code": 60,
    "handwriting": 90,
}
FLAT = {"terminal", "web page", "dialog", "document", "code"}  # screenshots and scans: neither turned nor photographed
LONGEST_SIDE = 800
_FIRST_SEED = 7_000_000_000


def look(kind: str, seed: int) -> View:
    """The item's picture: all of the page at about its own size."""
    made, r = page(seed, "test", kind), random.Random(f"test {seed}")
    w, h = made.canvas.size
    scale = min(LONGEST_SIDE / max(w, h), r.uniform(1.0, 1.35))
    size = (round(w * scale), round(h * scale))
    if kind in FLAT:
        return view(made, r, size, (scale, scale), (w / 2, h / 2), 0.0, True, camera=False, with_words=True)
    return whole(made, r, size, squash=False, with_words=True)


def checksum(picture: np.ndarray) -> int:
    return zlib.crc32(np.ascontiguousarray(picture).tobytes())


def describe(kind: str, seed: int, seen: View) -> dict[str, Any]:
    lines = [
        {
            "text": line.text,
            "box": [*(round(float(v), 1) for v in line.box[:4]), round(float(line.box[4]), 4)],
            "count": line.readable and not ambiguous(line.text),
        }
        for line in seen.lines
    ]
    return {
        "kind": kind,
        "seed": seed,
        "checksum": checksum(seen.picture),
        "size": list(seen.picture.shape[1::-1]),
        "caption": seen.caption,
        "lines": lines,
    }


def items() -> list[dict[str, Any]]:
    return json.loads((TEST_SET / "text.json").read_text(encoding="utf-8"))["items"]


def picture(item: dict[str, Any]) -> np.ndarray:
    """The item's pixels, from its file or drawn anew; fails when this machine's fonts draw something else."""
    if "file" in item:
        return np.asarray(Image.open(TEST_SET / item["file"]).convert("RGB"))
    seen = look(item["kind"], item["seed"]).picture
    if checksum(seen) != item["checksum"]:
        raise RuntimeError(
            f"test picture {item['kind']} {item['seed']} is drawn differently here: its fonts or Pillow's FreeType "
            "differ; install the packages of pocket/data/text/packages.txt, or use the items with a file"
        )
    return seen


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=32, help="how many are kept as files, evenly over the kinds")
    args = parser.parse_args()
    out, kept = [], TEST_SET / "text"
    kept.mkdir(parents=True, exist_ok=True)
    total = sum(ITEMS.values())
    for number, (kind, count) in enumerate(ITEMS.items()):
        files, seed = round(args.pictures * count / total), _FIRST_SEED + number * 1_000_000
        made = 0
        while made < count:
            seen = look(kind, seed)
            item = describe(kind, seed, seen)
            seed += 1
            if not any(line["count"] for line in item["lines"]):
                continue  # a picture with nothing to score
            if made < files:
                item["file"] = f"text/{kind.replace(' ', '-')}-{made:02d}.jpg"
                Image.fromarray(seen.picture).save(TEST_SET / item["file"], quality=80)
            out.append(item)
            made += 1
    rows = ",\n".join(json.dumps(item, ensure_ascii=False, separators=(",", ":")) for item in out)
    (TEST_SET / "text.json").write_text(f'{{"items":[\n{rows}\n]}}\n', encoding="utf-8")
    lines = sum(line["count"] for item in out for line in item["lines"])
    print(f"{len(out)} pictures, {lines} lines that count, {sum('file' in item for item in out)} as files")


if __name__ == "__main__":
    main()
