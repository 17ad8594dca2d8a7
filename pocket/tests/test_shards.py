"""Shards: complete or not there, each sample used a few times and no more, the same order for the same seed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from pocket.data.shards import Shards, every_strip, read_shard, waiting, write_shard


def _strips(first: int, count: int) -> dict[str, dict[str, np.ndarray]]:
    """Strips of two widths; the text is the strip's number."""
    groups = {}
    for width, numbers in (("48", range(first, first + count)), ("80", range(first + count, first + 2 * count))):
        x = np.stack([np.full((32, int(width)), n % 256, np.uint8) for n in numbers])
        groups[width] = {"x": x, "text": np.array([str(n) for n in numbers])}
    return groups


def _drain(data: Shards) -> list[str]:
    seen = []
    try:
        while True:
            x, texts = data.strips(columns=48 * 5, smallest=2)
            assert len(x) == len(texts) and all(int(t) % 256 == row[0, 0] for t, row in zip(texts, x, strict=True))
            seen += texts
    except StopIteration:
        return seen


def test_a_shard_reads_back_and_leaves_no_parts(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.npz", _strips(0, 3))
    back = read_shard(tmp_path / "a.npz")
    assert back["48"]["text"].tolist() == ["0", "1", "2"] and back["80"]["x"].shape == (3, 32, 80)
    assert os.listdir(tmp_path) == ["a.npz"]


def test_unequal_arrays_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="different lengths"):
        write_shard(tmp_path / "a.npz", {"48": {"x": np.zeros((2, 32, 48)), "text": np.array(["a"])}})
    assert not list(tmp_path.glob("*.npz"))


def test_a_failed_write_never_appears(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(file: object, **_: np.ndarray) -> None:
        file.write(b"half")
        raise OSError("disk full")

    monkeypatch.setattr(np, "savez", broken)
    with pytest.raises(OSError, match="disk full"):
        write_shard(tmp_path / "a.npz", _strips(0, 3))
    assert not waiting(tmp_path) and not list(tmp_path.glob("*.npz"))


@pytest.mark.parametrize("uses", [1, 4])
def test_each_sample_is_used_exactly_so_often_and_shards_are_deleted(tmp_path: Path, uses: int) -> None:
    for i in range(3):
        write_shard(tmp_path / f"{i}.npz", _strips(100 * i, 20))
    counts = Counter(_drain(Shards(tmp_path, seed=1, uses=uses, patience=0)))
    assert len(counts) == 3 * 40 and set(counts.values()) == {uses}
    assert not list(tmp_path.glob("*"))


def test_a_killed_reader_does_not_give_samples_more_uses(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.npz", _strips(0, 20))
    seen: Counter[str] = Counter()
    for _ in range(9):  # each begins anew and stops in its first pass
        data = Shards(tmp_path, seed=1, uses=4, patience=0)
        try:
            seen.update(data.strips(columns=48 * 5)[1])
        except StopIteration:
            break
    assert max(seen.values()) <= 4
    assert not list(tmp_path.glob("*.npz"))


def test_the_same_seed_gives_the_same_batches(tmp_path: Path) -> None:
    orders = []
    for seed in (7, 7, 8):
        folder = tmp_path / str(len(orders))
        folder.mkdir()
        for i in range(2):
            write_shard(folder / f"{i}.npz", _strips(100 * i, 20))
        orders.append(_drain(Shards(folder, seed=seed, patience=0)))
    assert orders[0] == orders[1] != orders[2]


def test_new_shards_are_picked_up(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.npz", _strips(0, 5))
    data = Shards(tmp_path, uses=1, patience=0)
    data.strips(columns=48)
    write_shard(tmp_path / "b.npz", _strips(100, 5))
    assert any(int(t) >= 100 for t in _drain(data))


def test_waiting_shards_are_those_not_begun(tmp_path: Path) -> None:
    for name in "abc":
        write_shard(tmp_path / f"{name}.npz", _strips(0, 5))
    Shards(tmp_path, window=2, patience=0).strips(columns=48)
    assert [p.name for p in waiting(tmp_path)] == ["c.npz"]


def test_evaluation_reads_all_once_and_marks_nothing(tmp_path: Path) -> None:
    write_shard(tmp_path / "a.npz", _strips(0, 20))
    texts = [t for _, ts in every_strip(tmp_path, columns=48 * 7) for t in ts]
    assert sorted(map(int, texts)) == list(range(40))
    assert os.listdir(tmp_path) == ["a.npz"]


def test_the_command_goes_on_where_it_stopped(tmp_path: Path) -> None:
    pytest.importorskip("fontTools")
    from pocket.data.text import fonts

    try:
        fonts.families("train")
    except RuntimeError:
        pytest.skip("needs the packages of pocket/data/text/packages.txt")
    command = [
        sys.executable,
        "-m",
        "pocket.data.make_shards",
        "strips",
        "--out",
        str(tmp_path),
        "--seed",
        "4",
        "--samples",
        "12",
    ]
    for _ in range(2):
        subprocess.run([*command, "--count", "1"], check=True, capture_output=True)
    shards = sorted(tmp_path.glob("*.npz"))
    assert [p.name for p in shards] == ["strips-train-4-000000.npz", "strips-train-4-000001.npz"]
    texts = [sorted(t for f in read_shard(p).values() for t in f["text"]) for p in shards]
    assert texts[0] != texts[1]
