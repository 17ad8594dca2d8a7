"""Shards: files of made samples, written by low-priority processes ahead of training, which uses each a few times.

A shard is one .npz file, `NAME.npz`; arrays of a group ("48/x", "48/text": the strips 48 wide) have equal lengths. It
appears complete, by renaming. A reader marks each pass over a shard before it begins (`NAME.uses`), so that a sample is
used at most `uses` times even when training is killed and started again, and deletes the shard after the last.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

Groups = dict[str, dict[str, np.ndarray]]


def write_shard(path: Path, groups: Groups) -> None:
    """Writes a shard so that no reader ever sees a part of it."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    arrays = {f"{group}/{name}": array for group, fields in groups.items() for name, array in fields.items()}
    for group, fields in groups.items():
        lengths = {name: len(array) for name, array in fields.items()}
        if len(set(lengths.values())) > 1:
            raise ValueError(f"{path.name}: arrays of group {group} have different lengths {lengths}")
    with part.open("wb") as file:
        np.savez(file, **arrays)
        file.flush()
        os.fsync(file.fileno())
    part.rename(path)


def read_shard(path: Path) -> Groups:
    groups: Groups = {}
    with np.load(path) as arrays:
        for key in arrays.files:
            group, name = key.split("/", 1)
            groups.setdefault(group, {})[name] = arrays[key]
    return groups


def waiting(directory: Path) -> list[Path]:
    """Shards that no reader has begun."""
    return sorted(p for p in directory.glob("*.npz") if not p.with_suffix(".uses").exists())


class _Open:
    """A shard in memory: what is left of the present pass, and how many passes may follow."""

    def __init__(self, path: Path, uses: int, r: random.Random) -> None:
        self.path, self.uses, self.r = path, uses, r
        self.groups = read_shard(path)
        self.left: dict[str, list[int]] = {}

    def begin_pass(self) -> bool:
        mark = self.path.with_suffix(".uses")
        done = int(mark.read_text()) if mark.exists() else 0
        if done >= self.uses:
            return False
        part = mark.with_suffix(".uses.part")
        part.write_text(str(done + 1))
        part.rename(mark)
        for group, fields in self.groups.items():
            order = list(range(len(next(iter(fields.values())))))
            self.r.shuffle(order)
            self.left[group] = order
        return True

    def drop(self) -> None:
        self.path.unlink(missing_ok=True)
        self.path.with_suffix(".uses").unlink(missing_ok=True)


class Shards:
    """Batches from a folder of shards, mixed over `window` open ones; new files are picked up as they appear.

    batch(sizes) draws a group and as many samples of it as sizes[group] says. Waits when no shard is left (`patience`
    seconds at most, then raises StopIteration; None: for ever). The same seed and files give the same batches.
    """

    def __init__(
        self,
        directory: str | Path,
        seed: int = 0,
        uses: int = 4,
        window: int = 2,
        patience: float | None = None,
        keep: bool = False,
    ) -> None:
        self.directory, self.uses, self.window, self.patience = Path(directory), uses, window, patience
        self.keep = keep  # leaves used-up shards on disk (their marks, too)
        self.r = random.Random(seed)
        self.open: list[_Open] = []
        self.drawn = 0

    def _refill(self) -> None:
        start, told = time.monotonic(), False
        while True:
            names = {o.path for o in self.open}
            for path in sorted(self.directory.glob("*.npz")):
                if len(self.open) >= self.window:
                    return
                if path not in names:
                    self._take(path)
            if self.open:
                return
            if self.patience is not None and time.monotonic() - start > self.patience:
                raise StopIteration(f"{self.directory}: no unused shard within {self.patience} seconds")
            if not told:
                print(f"waiting for shards in {self.directory}", flush=True)
                told = True
            time.sleep(min(2.0, 0.1 if self.patience is not None else 2.0))

    def _take(self, path: Path) -> None:
        shard = _Open(path, self.uses, random.Random(self.r.random()))
        if shard.begin_pass():
            self.open.append(shard)
        elif not self.keep:
            shard.drop()

    def _close_used(self, smallest: int) -> None:
        for shard in list(self.open):
            if all(len(v) < smallest for v in shard.left.values()) and not shard.begin_pass():
                self.open.remove(shard)
                if not self.keep:
                    shard.drop()

    def batch(self, size_of: dict[str, int]) -> tuple[str, dict[str, np.ndarray]]:
        """A group's name and arrays of size_of[group] samples of it, fewer at a shard's end."""
        self._close_used(1)
        if len(self.open) < self.window:
            self._refill()
        remaining: dict[str, int] = {}
        for shard in self.open:
            for group, left in shard.left.items():
                remaining[group] = remaining.get(group, 0) + len(left)
        group = self.r.choices(list(remaining), list(remaining.values()))[0]
        parts: list[tuple[_Open, list[int]]] = []
        wanted = min(size_of[group], remaining[group])
        for shard in self.open:
            have = shard.left.get(group, [])
            share = min(len(have), -(-wanted * len(have) // remaining[group]))
            share = min(share, wanted - sum(len(i) for _, i in parts))
            taken, shard.left[group] = have[len(have) - share :], have[: len(have) - share]
            if taken:
                parts.append((shard, taken))
        fields = parts[0][0].groups[group]
        self.drawn += sum(len(i) for _, i in parts)
        return group, {name: np.concatenate([s.groups[group][name][i] for s, i in parts]) for name in fields}

    def strips(self, columns: int, smallest: int = 8) -> tuple[np.ndarray, list[str]]:
        """A batch of strips whose widths add up to about `columns`: (n, 32, width) bytes, and their texts."""
        _, fields = self.batch(_Sizes(columns, smallest))
        return fields["x"], [str(t) for t in fields["text"]]


class _Sizes(dict[str, int]):
    """Batch sizes by width, for groups named by their width."""

    def __init__(self, columns: int, smallest: int) -> None:
        super().__init__()
        self.columns, self.smallest = columns, smallest

    def __missing__(self, group: str) -> int:
        return max(self.smallest, self.columns // int(group))


def every_strip(directory: str | Path, columns: int = 48 * 144) -> Iterator[tuple[np.ndarray, list[str]]]:
    """All strips of a folder once, in order: for evaluation. Marks and deletes nothing."""
    for path in sorted(Path(directory).glob("*.npz")):
        for group, fields in read_shard(path).items():
            step = max(1, columns // int(group))
            for i in range(0, len(fields["x"]), step):
                yield fields["x"][i : i + step], [str(t) for t in fields["text"][i : i + step]]
