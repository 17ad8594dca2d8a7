"""Render every drawing of every name once into one file of sprites: python -m pocket.data.scenes.render_drawings

Reads the installed sources (DATA.md) and writes POCKET_HOME/sprites/sprites.npy, an array of 128x128 RGBA pictures
that generators map into memory, and index.json, which says what each row shows.
"""

from __future__ import annotations

import functools
import io
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from pocket.data.places import home
from pocket.data.scenes.names import Name, names

SIZE = 128
LARGEST = 40_000_000  # pixels; a few drawings of OpenClipart are stored far larger than any use
NOTO = Path("/usr/share/fonts/truetype/noto/NotoColorEmoji.ttf")
EMOJIONE = Path("/usr/share/rubygems-integration/all/gems/gemojione-3.3.0/assets/svg")
OPENCLIPART = Path("/usr/share/openclipart/png")
TUXPAINT = Path("/usr/share/tuxpaint/stamps")
# Icon sets of npm, and the artist a set belongs to: two sets of one artist show the same designs.
ICONIFY = {
    "twemoji": "twemoji",
    "openmoji": "openmoji",
    "fluent-emoji": "fluent",
    "fluent-emoji-flat": "fluent",
    "emojione-v1": "emojione",
    "noto-v1": "noto",
}
FILES = Path(__file__).with_name("files.tsv")


@dataclass(frozen=True, slots=True)
class Drawing:
    """One picture of one name. Drawings of one artist count as the same identity when one is held out."""

    name: str
    source: str
    artist: str
    key: str


def svg(data: bytes) -> Image.Image | None:
    """The SVG at 192 pixels, or None where the renderer refuses it."""
    command = ["rsvg-convert", "--unlimited", "-w", "192", "-h", "192", "--keep-aspect-ratio"]
    done = subprocess.run(command, input=data, capture_output=True, check=False)
    return Image.open(io.BytesIO(done.stdout)).convert("RGBA") if done.returncode == 0 and done.stdout else None


@functools.cache
def iconify(package: str) -> tuple[dict, dict]:
    folder = home() / "sources" / "node_modules" / "@iconify-json" / package
    if not folder.is_dir():
        return {}, {}
    icons = json.loads((folder / "icons.json").read_text(encoding="utf-8"))
    chars = json.loads((folder / "chars.json").read_text(encoding="utf-8"))
    return icons, chars


def icon_name(icons: dict, chars: dict, code: str) -> str | None:
    """A set's own name of a code point; sets without a table of characters use the same (CLDR's) names as Twemoji."""
    for table in (chars, iconify("twemoji")[1], iconify("fluent-emoji-flat")[1], iconify("openmoji")[1]):
        name = table.get(code) or table.get(code + "-fe0f")
        name = icons.get("aliases", {}).get(name, {}).get("parent", name)
        if name in icons.get("icons", {}):
            return name
    return None


def from_iconify(package: str, emoji: str) -> Image.Image | None:
    icons, chars = iconify(package)
    name = icon_name(icons, chars, f"{ord(emoji):x}")
    if name is None:
        return None
    icon = icons["icons"][name]
    width, height = icon.get("width", icons.get("width", 16)), icon.get("height", icons.get("height", 16))
    head = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
    return svg(f'{head} viewBox="0 0 {width} {height}" width="256" height="256">{icon["body"]}</svg>'.encode())


def from_noto(emoji: str) -> Image.Image | None:
    if not NOTO.is_file():
        return None
    font = ImageFont.truetype(str(NOTO), 109)
    picture = Image.new("RGBA", (160, 140))
    ImageDraw.Draw(picture).text((0, 0), emoji + "\ufe0f", font=font, embedded_color=True)
    return picture


def from_emojione(emoji: str) -> Image.Image | None:
    path = EMOJIONE / f"{ord(emoji):04X}.svg"
    return svg(path.read_bytes()) if path.is_file() else None


def from_file(key: str) -> Image.Image | None:
    root, _, rest = key.partition(":")
    path = {"clip": OPENCLIPART, "tux": TUXPAINT}[root] / rest
    if not path.is_file():
        return None
    if path.suffix == ".svg":
        return svg(path.read_bytes())
    with Image.open(path) as picture:
        return picture.convert("RGBA") if picture.width * picture.height <= LARGEST else None


def file_artist(key: str) -> str:
    """Files that differ in a number or format only ("crown1.svg", "crown2.png") are variants of one drawing."""
    return re.sub(r"[-_\d]+$", "", Path(key).stem).lower()


@functools.cache
def file_drawings() -> dict[str, list[str]]:
    """Files of OpenClipart and Tux Paint that were looked at and show the name, from files.tsv."""
    out: dict[str, list[str]] = {}
    if FILES.is_file():
        for line in FILES.read_text(encoding="utf-8").splitlines():
            if line and line[0] != "#":
                name, key = line.split("\t")
                out.setdefault(name, []).append(key)
    return out


def drawings_of(entry: Name) -> list[tuple[Drawing, Image.Image | None]]:
    """Every drawing of a name that this machine has, trimmed; None where a source lacks it."""
    out: list[tuple[Drawing, Image.Image | None]] = []
    for emoji in entry.emoji:
        code = f"{ord(emoji):x}"
        out.append((Drawing(entry.name, "noto", "noto", code), from_noto(emoji)))
        out.append((Drawing(entry.name, "emojione", "emojione", code), from_emojione(emoji)))
        for package, artist in ICONIFY.items():
            out.append((Drawing(entry.name, package, artist, code), from_iconify(package, emoji)))
    for key in file_drawings().get(entry.name, []):
        out.append((Drawing(entry.name, key.partition(":")[0], file_artist(key), key), from_file(key)))
    return [(drawing, trimmed(picture) if picture is not None else None) for drawing, picture in out]


def trimmed(picture: Image.Image) -> Image.Image | None:
    """The drawing without its empty border, its longer side SIZE, centred on a transparent square."""
    box = picture.getchannel("A").point(lambda a: 255 if a > 12 else 0).getbbox()
    if box is None or min(box[2] - box[0], box[3] - box[1]) < 8:
        return None
    cut = picture.crop(box)
    scale = SIZE / max(cut.size)
    size = (max(1, round(cut.width * scale)), max(1, round(cut.height * scale)))
    cut = cut.resize(size, Image.Resampling.LANCZOS if scale < 1 else Image.Resampling.BICUBIC)
    out = Image.new("RGBA", (SIZE, SIZE))
    out.paste(cut, ((SIZE - size[0]) // 2, (SIZE - size[1]) // 2))
    return out


def main() -> int:
    rows: list[dict[str, str]] = []
    sprites: list[np.ndarray] = []
    with ThreadPoolExecutor(4) as pool:  # the renderer is a program of its own
        found = list(pool.map(drawings_of, names().values()))
    for drawings in found:
        seen: set[bytes] = set()
        for drawing, picture in drawings:
            if picture is None or picture.tobytes() in seen:
                continue
            seen.add(picture.tobytes())
            rows.append({k: getattr(drawing, k) for k in ("name", "source", "artist", "key")})
            sprites.append(np.asarray(picture))
    folder = home() / "sprites"
    folder.mkdir(parents=True, exist_ok=True)
    np.save(folder / "part.npy", np.stack(sprites))
    (folder / "part.npy").rename(folder / "sprites.npy")  # a generator may have the old file mapped
    (folder / "index.json").write_text(json.dumps(rows, ensure_ascii=False, indent=0), encoding="utf-8")
    print(f"{len(rows)} drawings of {len({r['name'] for r in rows})} names in {folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
