"""Checkpoints in two folders, each written whole under another name first, so that no moment has none."""

from __future__ import annotations

import os
import pickle
import random
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import torch

LAST, BEFORE = "last.pt", "before.pt"


def seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)


def random_state() -> dict[str, Any]:
    state: dict[str, Any] = {
        "python": random.getstate(),
        "numpy": np.random.get_state(),
        "torch": torch.get_rng_state(),
    }
    if torch.cuda.is_available():
        state["cuda"] = torch.cuda.get_rng_state()
    return state


def set_random_state(state: dict[str, Any]) -> None:
    random.setstate(state["python"])
    np.random.set_state(state["numpy"])
    torch.set_rng_state(state["torch"])
    if "cuda" in state and torch.cuda.is_available():
        torch.cuda.set_rng_state(state["cuda"])


class Checkpoints:
    """`last.pt`, and `before.pt`, the one before it, in a folder and in its mirror."""

    def __init__(self, folder: Path, mirror: Path | None = None) -> None:
        self.folders = [folder] + ([mirror] if mirror else [])

    def save(self, state: dict[str, Any]) -> Path:
        first = self.folders[0]
        first.mkdir(parents=True, exist_ok=True)
        partial = first / "partial.pt"
        with partial.open("wb") as file:
            torch.save(state, file)
            file.flush()
            os.fsync(file.fileno())
        target = first / LAST
        if target.exists():
            target.replace(first / BEFORE)
        partial.replace(target)
        for folder in self.folders[1:]:
            # A second place that fails must not end the training: the first one is whole.
            try:
                folder.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(target, folder / "partial.pt")
                (folder / "partial.pt").replace(folder / LAST)
            except OSError as error:
                print(f"{folder}: not mirrored: {error}", flush=True)
        return target

    def load_newest(self) -> dict[str, Any] | None:
        """A damaged file gives way to the next one."""
        files = [f / name for f in self.folders for name in (LAST, BEFORE) if (f / name).is_file()]
        for file in sorted(files, key=lambda f: -f.stat().st_mtime):
            try:
                return load_checkpoint(file)
            except (RuntimeError, EOFError, OSError, ValueError, KeyError, pickle.UnpicklingError) as error:
                print(f"{file}: not readable ({error}), trying the next one", flush=True)
        return None


def load_checkpoint(path: Path) -> dict[str, Any]:
    return torch.load(path, map_location="cpu", weights_only=False)
