"""What is held out of training: words, font families and pictures, chosen by a hash of their names."""

from __future__ import annotations

import zlib


def held(text: str, parts: int = 12) -> bool:
    """True for about one name in `parts`: those that only the split "test" may use."""
    return zlib.crc32(text.encode()) % parts == 0


def belongs(text: str, split: str, parts: int = 12) -> bool:
    """True when a name may be used by the split "train" or "test"."""
    if split not in ("train", "test"):
        raise ValueError(f"split {split!r}: expected 'train' or 'test'")
    return held(text, parts) == (split == "test")
