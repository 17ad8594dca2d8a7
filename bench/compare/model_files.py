"""The models that are measured: files that are named, and files made once from presets."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from blocks import TYPES
from make_model import PRESETS, make_model, model_bytes
from processes import ProgramFailed, run

# Types that llama-quantize makes of BF16, with what it calls them and about how many bits a weight takes.
QUANTIZED = {"q4_k_m": ("Q4_K_M", 5.0), "q5_k_m": ("Q5_K_M", 5.8), "q6_k": ("Q6_K", 6.6)}
VOCABULARY_BYTES = 10_000_000
SPARE_BYTES = 500_000_000  # left free on the disk

Say = Callable[[str], None]


class NoModel(Exception):
    """The message says which, and what would help."""


@dataclass(frozen=True)
class Recipe:
    preset: str
    type: str

    @property
    def file_name(self) -> str:
        return f"random-{self.preset}-{self.type}.gguf"

    @property
    def base(self) -> Recipe:
        """What it is quantized from; itself when it is written directly."""
        return Recipe(self.preset, "bf16") if self.type in QUANTIZED else self

    def expected_bytes(self) -> int:
        preset = PRESETS[self.preset]
        if self.type in QUANTIZED:
            tensors = int(model_bytes(preset, TYPES["bf16"]) / 16 * QUANTIZED[self.type][1])
        else:
            tensors = model_bytes(preset, TYPES[self.type])
        return tensors + VOCABULARY_BYTES


def galago_home() -> Path:
    home = os.environ.get("GALAGO_HOME")
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    return Path(home) if home else Path(data) / "galago"


def parse(arguments: Sequence[str], types: Sequence[str]) -> list[Path | Recipe]:
    """FILE.gguf, PRESET, or PRESET:TYPE[,TYPE...]."""

    def parsed() -> Iterator[Path | Recipe]:
        for argument in arguments:
            preset, _, own = argument.partition(":")
            if preset in PRESETS:
                for kind in own.split(",") if own else types:
                    if kind not in TYPES and kind not in QUANTIZED:
                        raise NoModel(f"{argument}: the type {kind} is not among {', '.join([*TYPES, *QUANTIZED])}")
                    yield Recipe(preset, kind)
            elif Path(argument).is_file():
                yield Path(argument).resolve()
            else:
                raise NoModel(f"{argument}: no file, and not among {', '.join(PRESETS)} (with :TYPE)")

    return list(dict.fromkeys(parsed()))


class Cache:
    """A folder of made models."""

    def __init__(self, folder: Path, vocabularies: Path, quantize: Path | None, say: Say) -> None:
        self.folder, self.vocabularies, self.quantize, self.say = folder, vocabularies, quantize, say

    def missing(self, recipes: Sequence[Recipe]) -> list[Recipe]:
        needed = (one for recipe in recipes if not self.path(recipe).exists() for one in (recipe.base, recipe))
        return [recipe for recipe in dict.fromkeys(needed) if not self.path(recipe).exists()]

    def check_space(self, recipes: Sequence[Recipe]) -> None:
        missing = self.missing(recipes)
        if not missing:
            return
        needed = sum(recipe.expected_bytes() for recipe in missing)
        self.folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(self.folder).free
        self.say(f"to make: {len(missing)} models, {needed / 1e9:.1f} GB in {self.folder} ({free / 1e9:.1f} GB free)")
        if needed + SPARE_BYTES > free:
            raise NoModel(f"{self.folder}: {needed / 1e9:.1f} GB are needed; name fewer models, or another --models")

    def path(self, recipe: Recipe) -> Path:
        return self.folder / recipe.file_name

    def get(self, recipe: Recipe) -> Path:
        path = self.path(recipe)
        if path.exists():
            return path
        self.folder.mkdir(parents=True, exist_ok=True)
        if recipe.type in QUANTIZED:
            self.quantized(recipe, path)
        else:
            preset = PRESETS[recipe.preset]
            self.say(f"making {path.name}")
            make_model(recipe.preset, preset, TYPES[recipe.type], self.vocabulary(preset.vocabulary_file), path)
        return path

    def vocabulary(self, name: str) -> Path:
        file = self.vocabularies / name if self.vocabularies.is_dir() else self.vocabularies
        if not file.exists():
            raise NoModel(f"{file}: not there; --vocab names a GGUF file with a vocabulary, or a folder of them")
        return file

    def quantized(self, recipe: Recipe, path: Path) -> None:
        if self.quantize is None:
            raise NoModel(f"{path.name}: made by llama-quantize, and llama.cpp is not built")
        base = self.get(recipe.base)
        self.say(f"quantizing {path.name}")
        part = path.with_name(f".{path.name}.{os.getpid()}.part")
        try:
            run([self.quantize, base, part, QUANTIZED[recipe.type][0]])
            part.rename(path)
        except ProgramFailed as failure:
            raise NoModel(f"{path.name}: {failure}") from failure
        finally:
            part.unlink(missing_ok=True)
