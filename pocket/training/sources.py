"""Where batches come from: shards that other processes write."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from pocket.training.line_targets import Line
from pocket.training.records import Pictures, Record

Batch = tuple[np.ndarray, list[str]]


class StripShards:
    """Strips by width, from a folder of shards."""

    def __init__(self, folder: Path, seed: int, uses: int = 4) -> None:
        from pocket.data.shards import Shards

        self.shards = Shards(folder, seed=seed, uses=uses)

    def strips(self, columns: int) -> Batch:
        return self.shards.strips(columns)

    def state(self) -> dict[str, Any]:
        """The order of what follows. Which samples are used up stands beside the shards."""
        return {"random": self.shards.r.getstate()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.shards.r.setstate(state["random"])


class HeldStrips:
    """Strips for evaluation: the same ones each time, at most `limit`, spread over widths."""

    def __init__(self, folder: Path, limit: int, columns: int = 48 * 144) -> None:
        self.folder, self.limit, self.columns = folder, limit, columns

    def __iter__(self) -> Iterator[Batch]:
        from pocket.data.shards import read_shard

        files = sorted(self.folder.glob("*.npz"))
        if not files:
            return
        groups = read_shard(files[0])
        total = sum(len(fields["x"]) for fields in groups.values())
        for name, fields in groups.items():
            count = max(1, min(len(fields["x"]), self.limit * len(fields["x"]) // total))
            step = max(1, self.columns // int(name))
            for i in range(0, count, step):
                last = min(count, i + step)
                yield fields["x"][i:last], [str(t) for t in fields["text"][i:last]]


class _Count(dict[str, int]):
    """The same number for every group."""

    def __init__(self, count: int) -> None:
        super().__init__()
        self.count = count

    def __missing__(self, group: str) -> int:
        return self.count


class PictureShards:
    """Pictures with their records, from a folder of shards. A folder without any yet is passed over."""

    def __init__(self, folder: Path, seed: int, uses: int = 4, without_writing: bool = False) -> None:
        from pocket.data.shards import Shards

        self.folder, self.without_writing = folder, without_writing
        self.shards = Shards(folder, seed=seed, uses=uses)

    def ready(self) -> bool:
        return bool(self.shards.open) or any(self.folder.glob("*.npz"))

    def pictures(self, count: int) -> Pictures:
        _, fields = self.shards.batch(_Count(count))
        return parse_fields(fields, self.without_writing)

    def state(self) -> dict[str, Any]:
        return {"random": self.shards.r.getstate()}

    def load_state(self, state: dict[str, Any]) -> None:
        self.shards.r.setstate(state["random"])


def parse_fields(fields: dict[str, np.ndarray], without_writing: bool) -> Pictures:
    """Records as lines of JSON, or a page's tiles as arrays."""
    if "boxes" in fields:
        return Pictures(fields["x"], [_tile(fields, i) for i in range(len(fields["x"]))])
    records = [Record.parse(str(line)) for line in fields["json" if "json" in fields else "record"]]
    if without_writing:
        for record in records:
            record.lines = record.lines if record.lines is not None else []
    return Pictures(fields["x"], records)


def _tile(fields: dict[str, np.ndarray], i: int) -> Record:
    lines: tuple[list[Line], list[Line]] = ([], [])
    for box, readable in zip(fields["boxes"][i], fields["readable"][i][: fields["lines"][i]], strict=False):
        lines[not readable].append(tuple(map(float, box)))
    caption = str(fields["caption"][i])
    return Record(
        [caption] if caption else [], lines=lines[0], ignored=lines[1], kind=str(fields["kind"][i]), distinct=False
    )


class HeldPictures:
    """The same pictures each time, at most `limit`, from a folder that nothing is removed from."""

    def __init__(self, folder: Path, limit: int, chunk: int = 64) -> None:
        self.folder, self.limit, self.chunk = folder, limit, chunk

    def __iter__(self) -> Iterator[Pictures]:
        from pocket.data.shards import read_shard

        left = self.limit
        for file in sorted(self.folder.glob("*.npz")):
            for fields in read_shard(file).values():
                for i in range(0, min(len(fields["x"]), left), self.chunk):
                    last = min(i + self.chunk, i + left, len(fields["x"]))
                    yield parse_fields({k: v[i:last] for k, v in fields.items()}, False)
                    left -= last - i
