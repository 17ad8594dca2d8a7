"""Every size of the model. A checkpoint, a YAML file and the metadata of pocket.gguf all hold these fields."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml


@dataclass(frozen=True)
class EncoderConfig:
    """Convolutional stem to stride 4, then stages at strides 4, 8, 16, 32 of Fused and attention blocks."""

    stem: tuple[int, ...] = (16, 32)
    dims: tuple[int, ...] = (32, 64, 128, 256)
    blocks: tuple[int, ...] = (1, 2, 2, 0)
    attention: tuple[int, ...] = (0, 0, 1, 4)
    read_depth: int = 2  # attention blocks of the last stage that the read path passes through
    head_dim: int = 32
    mlp_ratio: int = 3


@dataclass(frozen=True)
class LineHeadConfig:
    channels: int = 32
    distance_unit: int = 16  # pixels that a distance of 1 in the map stands for


@dataclass(frozen=True)
class ReaderConfig:
    """Grey strip of `height` rows; columns of 4 pixels; CTC over `characters`, class 0 is the blank."""

    characters: tuple[str, ...] = ()
    height: int = 32
    stem: tuple[int, ...] = (24, 64)
    dims: tuple[int, ...] = (64, 128)
    blocks: tuple[int, ...] = (2, 2)
    hidden_size: int = 256
    layers: int = 3
    head_dim: int = 32
    mlp_ratio: int = 2
    conv_kernel: int = 7
    window: int = 320  # columns of pixels that longer lines are read in

    @property
    def classes(self) -> int:
        return len(self.characters) + 1


@dataclass(frozen=True)
class DecoderConfig:
    vocabulary_size: int = 2048
    hidden_size: int = 256
    layers: int = 3
    heads: int = 8
    kv_heads: int = 8
    intermediate_size: int = 640
    rope_theta: float = 10000.0
    rms_eps: float = 1e-5
    context_length: int = 512


@dataclass(frozen=True)
class PocketConfig:
    image_size: int = 224
    encoder: EncoderConfig = field(default_factory=EncoderConfig)
    line_head: LineHeadConfig = field(default_factory=LineHeadConfig)
    reader: ReaderConfig = field(default_factory=ReaderConfig)
    decoder: DecoderConfig = field(default_factory=DecoderConfig)
    embedding_size: int = 256
    location_bins: int = 64

    @property
    def image_tokens(self) -> int:
        """Rows that a picture takes before a text: the cells of the last map."""
        return (self.image_size // 32) ** 2

    def to_dict(self) -> dict[str, Any]:
        """Plain lists and numbers, for YAML, JSON and checkpoints."""

        def plain(value: Any) -> Any:
            if isinstance(value, dict):
                return {key: plain(item) for key, item in value.items()}
            return list(value) if isinstance(value, tuple) else value

        return plain(dataclasses.asdict(self))

    @staticmethod
    def from_dict(data: dict[str, Any]) -> PocketConfig:
        return _build(PocketConfig, data, "config")

    def save(self, path: Path | str) -> None:
        Path(path).write_text(yaml.safe_dump(self.to_dict(), sort_keys=False, allow_unicode=True), encoding="utf-8")

    @staticmethod
    def load(path: Path | str) -> PocketConfig:
        """From YAML or JSON (which is YAML); a file without characters reads those of the data."""
        return PocketConfig.from_dict(yaml.safe_load(Path(path).read_text(encoding="utf-8")) or {}).with_characters()

    def with_characters(self) -> PocketConfig:
        """With the characters that the reader's data are made of, where none are named."""
        if self.reader.characters:
            return self
        from pocket.data.text.charset import SYMBOLS

        return dataclasses.replace(self, reader=dataclasses.replace(self.reader, characters=tuple(SYMBOLS)))


def _build(kind: type, data: dict[str, Any], where: str) -> Any:
    known = {f.name: f for f in dataclasses.fields(kind)}
    values: dict[str, Any] = {}
    for key, value in data.items():
        if key not in known:
            raise ValueError(f"{where}: unknown field '{key}', expected one of {', '.join(known)}")
        nested = _NESTED.get(key)
        if nested is not None:
            values[key] = _build(nested, value, f"{where}.{key}")
        else:
            values[key] = tuple(value) if isinstance(value, list | str) else value
    return kind(**values)


_NESTED = {"encoder": EncoderConfig, "line_head": LineHeadConfig, "reader": ReaderConfig, "decoder": DecoderConfig}

TINY_CHARACTERS = tuple("abcdefghijklmnopqrstuvwxyz0123456789 .,-é")


def tiny_config() -> PocketConfig:
    """A network of the same kinds of layers that runs in milliseconds, for tests."""
    return PocketConfig(
        encoder=EncoderConfig(
            stem=(8, 32),
            dims=(32, 32, 32, 64),
            blocks=(1, 1, 1, 0),
            attention=(0, 0, 1, 2),
            read_depth=1,
            head_dim=16,
            mlp_ratio=2,
        ),
        line_head=LineHeadConfig(channels=32),
        reader=ReaderConfig(
            characters=TINY_CHARACTERS,
            stem=(8, 32),
            dims=(32, 32),
            blocks=(1, 1),
            hidden_size=32,
            layers=2,
            head_dim=16,
            window=64,
        ),
        decoder=DecoderConfig(
            vocabulary_size=352, hidden_size=64, layers=2, heads=4, kv_heads=2, intermediate_size=96, context_length=128
        ),
        embedding_size=32,
    )


def named_config(name: str) -> PocketConfig:
    """`pocket-s`, `tiny`, or the path of a YAML or JSON file."""
    if name == "pocket-s":
        return PocketConfig().with_characters()
    return tiny_config() if name == "tiny" else PocketConfig.load(name)
