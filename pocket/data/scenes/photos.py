"""Photographs and abstract pictures behind scenes: python -m pocket.data.scenes.photos makes them small, once."""

from __future__ import annotations

import functools
import json
import re
import sys
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from pocket.data.places import home

HEIGHT, WIDTH = 288, 432
FOLDERS = (
    "/usr/share/backgrounds",
    "/usr/share/wallpapers",
    "/usr/share/lomiri-wallpapers",
)
HELD_PARTS = 6  # about every sixth is for tests only
# Wallpapers that were looked at and are photographs; others of those packages are abstract pictures.
PHOTOS = (
    "Bridge_by|Dragonfly_by|Infinite-Sea|aitzgorri|life_by|picosdeeuropa|seeding_by|sunset_by|nature/|BytheWater"
    "|OneStandsOut|Path/|Volna|summer_1am|EveningGlow|Autumn"
)
# These show things of the vocabulary, or writing.
LEFT_OUT = (
    "Kleiber|Picture_|Wine_by|calla|firstgeneration|kylin|free_by|friends_by|pixels|goldfish|greentock|LadyBird"
    "|the-mouse|FallenLeaf|FlyingKonqui|Kite|SafeLanding|Gulp|ColorfulCups|Float-into|Elephants|licorice"
)


@dataclass(frozen=True, slots=True)
class Photographs:
    data: np.ndarray
    rows: tuple[int, ...]
    names: tuple[str, ...] = ()

    def abstract(self, row: int) -> bool:
        return not re.search(PHOTOS, self.names[row])


def identity(path: Path) -> str:
    """One name for all sizes of a wallpaper."""
    parts = [p for p in path.parts if not re.fullmatch(r"contents|images(_dark)?|screenshot.*", p)]
    stem = re.sub(r"\d+x\d+", "", path.stem)
    return "/".join(parts[-2:-1]) + "/" + stem


def held(name: str) -> bool:
    return zlib.crc32(name.encode()) % HELD_PARTS == 0


@functools.cache
def photographs(split: str) -> Photographs:
    """The photographs of a split; none where the packages were not installed when sprites were made."""
    folder = home() / "sprites"
    if not (folder / "photos.json").is_file():
        return Photographs(np.zeros((0, HEIGHT, WIDTH, 3), np.uint8), ())
    entries = json.loads((folder / "photos.json").read_text(encoding="utf-8"))
    usable = [i for i, name in enumerate(entries) if not re.search(LEFT_OUT, name)]
    rows = tuple(i for i in usable if held(entries[i]) == (split == "test"))
    return Photographs(np.load(folder / "photos.npy", mmap_mode="r"), rows, tuple(entries))


def small(path: Path) -> np.ndarray | None:
    """A photograph cut to 3:2, or None where it is a plain drawing (few colours) or cannot be read."""
    try:
        with Image.open(path) as opened:
            opened.draft("RGB", (WIDTH * 2, HEIGHT * 2))
            picture = opened.convert("RGB")
    except OSError:
        return None
    if min(picture.size) < HEIGHT:
        return None
    scale = max(WIDTH / picture.width, HEIGHT / picture.height)
    picture = picture.resize((round(picture.width * scale + 0.5), round(picture.height * scale + 0.5)))
    left, top = (picture.width - WIDTH) // 2, (picture.height - HEIGHT) // 2
    data = np.asarray(picture.crop((left, top, left + WIDTH, top + HEIGHT)))
    return data if len(np.unique(data[::4, ::4].reshape(-1, 3) // 8, axis=0)) > 120 else None


def main() -> int:
    found: dict[str, np.ndarray] = {}
    paths = [p for folder in FOLDERS if Path(folder).is_dir() for p in sorted(Path(folder).rglob("*"))]
    for path in paths:
        if path.suffix.lower() not in (".jpg", ".jpeg", ".png", ".webp") or "screenshot" in path.name:
            continue
        name = identity(path)
        if name not in found and (data := small(path)) is not None:
            found[name] = data
    folder = home() / "sprites"
    folder.mkdir(parents=True, exist_ok=True)
    if found:
        np.save(folder / "part.npy", np.stack(list(found.values())))
        (folder / "part.npy").rename(folder / "photos.npy")
        (folder / "photos.json").write_text(json.dumps(list(found)), encoding="utf-8")
    print(f"{len(found)} photographs, {sum(map(held, found))} of them held out for tests")
    return 0


if __name__ == "__main__":
    sys.exit(main())
