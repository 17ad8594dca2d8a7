"""The fonts that texts are drawn in: faces of the packages in packages.txt that hold readable Latin letters.

A face's kind is its package's section there. Whole families are held out for the split "test"; families that are copies
of one design (Arimo and Liberation Sans, say) count as one.
"""

from __future__ import annotations

import functools
import glob
import json
import os
import random
import tempfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from fontTools.ttLib import TTFont
from PIL import Image, ImageFont

from pocket.data.split import belongs
from pocket.data.text.charset import DRAWN_ONLY, SYMBOLS, base_letter

KINDS = {
    "Plain sans": "sans",
    "Serif": "serif",
    "Fixed width": "mono",
    "Hand and script": "hand",
    "Posters and signs": "poster",
}
SHARE = {"sans": 0.36, "serif": 0.24, "mono": 0.16, "hand": 0.13, "poster": 0.11}
FACES_OF_A_FAMILY = 8
HELD_PARTS = 7
_SALT = "face 3350 "  # chosen so that every kind has held-out families, and the commonest designs none

_PACKAGES = Path(__file__).with_name("packages.txt")
# Parts of paths: what is no text face, has one case or small capitals, or is beyond reading.
_SKIP = (
    "symbol",
    "emoji",
    "math",
    "icon",
    "dingbat",
    "ornament",
    "barcode",
    "initial",
    "outline",
    "lmmi",
    "cmex",
    "cmsy",
    "cmmi",
    "keyboard",
    "smallcaps",
    "-sc-",
    "caps10",
    "swash",
    "d050000l",
    "shadow",
    "invisible",
    "lignes",
    "unicase",
    "isabella",
    "staypuft",
    "titling",
    "runic",
    "hollow",
    "sketch",
    "lastresort",
    "flipbook",
    "conakry",
    "redacted",
    "ellebol",
    "ellenbo",
    "ellenik",
    "ellenit",
    "elegbold",
    "elegital",
    "biolinum_k",
    "ocrbe.",
    "ocrbx.",
    "dkgbi",
    "pautada",
    "futhark",
    "alfa-beta",
    "joscelyn",
    "junkyard",
    "fraktur",
    "fette",
    "gamaliel",
    "guiada",
    "puntos",
    "puntead",
    "dseg",
    "prevodtsi",
    "ethiopi",
    "washra",
    "monoisome",
)
_DESIGNS = {  # beginnings of family names that are one design, or copies of one
    "liberation": ("liberation", "arimo", "tinos", "cousine"),
    "nimbus": ("nimbus", "freesans", "freeserif", "freemono", "tex", "urw", "c059", "p052", "z003", "palladio"),
    "computer": ("computer", "cmu", "lm", "latin"),
    "vera": ("dejavu", "hack", "aerial", "veranda", "tymes", "bitstream", "vera"),
    "lato": ("lato", "carlito"),
    "noto": ("noto", "open", "droid"),
    "inconsolata": ("inconsolata", "ricty"),
    "karla": ("karla", "karmilla"),
    "averia": ("averia", "avería"),
    **{name: (name,) for name in ("nanum", "gentium", "ocr", "lobster", "charis", "beteckna", "abecedario", "elstob")},
}


def _design(name: str) -> str:
    """The family of a face by its name: the first word, or the design that it copies."""
    word = name.lower().replace("-", " ").split()[0]
    for design, beginnings in _DESIGNS.items():
        if word.startswith(beginnings):
            return design
    return word


@dataclass(frozen=True)
class Face:
    path: str
    kind: str
    family: str
    chars: frozenset[str]
    capitals: bool = False  # small letters look like capitals, so only capitals are drawn

    def drawable(self, text: str) -> str:
        """The text without what the face cannot draw, in capitals where it has nothing else."""
        text = text.upper() if self.capitals else text
        return " ".join("".join(c for c in text if c in self.chars).split())


def packages() -> dict[str, str]:
    """Every package of packages.txt and its section."""
    section, out = "", {}
    for line in _PACKAGES.read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            section = line[1:].strip()
        else:
            out.update(dict.fromkeys(line.split(), section))
    return out


def _files() -> Iterator[tuple[str, str]]:
    """Path and kind of every font file of the listed packages; of all fonts where there is no dpkg."""
    found = False
    for package, section in sorted(packages().items()):
        listing = Path(f"/var/lib/dpkg/info/{package}.list")
        if section not in KINDS or not listing.exists():
            continue
        found = True
        for path in sorted(listing.read_text(encoding="utf-8").splitlines()):
            if path.lower().endswith((".ttf", ".otf")):
                yield path, KINDS[section]
    if not found:
        for path in sorted(glob.glob("/usr/share/fonts/**/*.[ot]tf", recursive=True)):
            yield path, "sans"


def _usable(path: str) -> bool:
    low = os.path.basename(path).lower()
    if any(s in path.lower() for s in _SKIP):
        return False
    plain_noto = ("notosans-", "notoserif-", "notosansmono-", "notosansdisplay-", "notomono-")
    return "noto" not in low or low.startswith(plain_noto)


def _shape(font: ImageFont.FreeTypeFont, c: str) -> np.ndarray:
    """A glyph's ink, stretched to a small square: the same for a letter in two sizes."""
    mask, _ = font.getmask2(c, mode="L")
    picture = Image.frombytes("L", mask.size, bytes(mask))
    ink = np.asarray(picture.crop(picture.getbbox()).resize((12, 12), Image.Resampling.BOX), np.float32).ravel()
    return (ink - ink.mean()) / (np.linalg.norm(ink - ink.mean()) + 1e-6)


def _single_case(font: ImageFont.FreeTypeFont) -> bool:
    """True when small letters are capitals in small, as in faces for titles: two letters of three look alike."""
    return sum(float(_shape(font, c) @ _shape(font, c.upper())) > 0.58 for c in "abdeghmnqrty") >= 8


def _face(path: str, kind: str) -> Face | None:
    """The face of a file, or None where letters are missing, are symbols, or are the same in both cases."""
    try:
        file = TTFont(path, lazy=True)
        cmap = set(file.getBestCmap() or ())
        names = file["name"]
        name = str(names.getDebugName(16) or names.getDebugName(1) or os.path.basename(path))
        font = ImageFont.truetype(path, 24, layout_engine=ImageFont.Layout.BASIC)
        drawn = {c: bytes(font.getmask(c)) for c in SYMBOLS + "".join(DRAWN_ONLY) if ord(c) in cmap}
    except Exception:  # fontTools raises whatever a damaged file leads it to
        return None
    needed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789.,-"
    if not all(drawn.get(c) for c in needed) or len({drawn[c] for c in "AaBbDdEeGgmi019"}) < 15:
        return None
    missing = bytes(font.getmask("\uffff"))
    chars = {c for c, mask in drawn.items() if c == " " or (any(mask) and mask != missing)}
    chars = {c for c in chars if base_letter(c) == c or drawn[c] != drawn.get(base_letter(c))} | {" "}
    return Face(path, kind, _design(name), frozenset(chars), _single_case(font))


def _cache_file(files: list[tuple[str, str]]) -> Path:
    sizes = "".join(f"{p}{os.path.getsize(p)}" for p, _ in files if os.path.exists(p))
    key = zlib.crc32((sizes + SYMBOLS + Path(__file__).read_text(encoding="utf-8")).encode())
    return Path(tempfile.gettempdir()) / f"pocket-fonts-{os.getuid()}-{key:08x}.json"


@functools.lru_cache(None)
def all_faces() -> tuple[Face, ...]:
    """All usable faces of both splits. The probing takes half a minute and is kept in a temporary file."""
    files = [(p, k) for p, k in _files() if _usable(p) and os.path.exists(p)]
    cache = _cache_file(files)
    if cache.exists():
        rows = json.loads(cache.read_text(encoding="utf-8"))
        return tuple(Face(p, k, f, frozenset(c), u) for p, k, f, c, u in rows)
    faces = [face for path, kind in files if (face := _face(path, kind))]
    part = cache.with_suffix(f".{os.getpid()}")
    rows = [(f.path, f.kind, f.family, "".join(sorted(f.chars)), f.capitals) for f in faces]
    part.write_text(json.dumps(rows), encoding="utf-8")
    part.rename(cache)
    return tuple(faces)


@functools.lru_cache(None)
def families(split: str) -> dict[str, tuple[tuple[Face, ...], ...]]:
    """Faces by kind and family, at most FACES_OF_A_FAMILY of each, spread over the family's files."""
    by: dict[str, dict[str, list[Face]]] = {}
    for face in all_faces():
        if belongs(_SALT + face.family, split, HELD_PARTS):
            by.setdefault(face.kind, {}).setdefault(face.family, []).append(face)
    if not by:
        raise RuntimeError("no fonts found: install the packages of pocket/data/text/packages.txt")
    out = {}
    for kind, groups in sorted(by.items()):
        step = {f: max(1, len(v) / FACES_OF_A_FAMILY) for f, v in groups.items()}
        out[kind] = tuple(
            tuple(v[int(i * step[f])] for i in range(min(len(v), FACES_OF_A_FAMILY))) for f, v in sorted(groups.items())
        )
    return out


def pick(r: random.Random, split: str, kinds: tuple[str, ...] = tuple(SHARE)) -> Face:
    """A face: first its kind, then its family, so that families of many weights do not drown the others."""
    have = families(split)
    kinds = tuple(k for k in kinds if k in have) or tuple(have)
    kind = r.choices(kinds, [SHARE[k] for k in kinds])[0]
    return r.choice(r.choice(have[kind]))


@functools.lru_cache(2500)  # about 1 GB
def font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size, layout_engine=ImageFont.Layout.BASIC)
