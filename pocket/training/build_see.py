"""The see task from the names of datasets: made pictures in shards, or published files."""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import torch
from tokenizers import Tokenizer

from pocket.gguf_tokenizer import load_tokenizer
from pocket.model.config import PocketConfig
from pocket.model.pocket_model import CellHeads, PocketModel
from pocket.training.cells import CellClasses
from pocket.training.records import Pictures
from pocket.training.see_task import SeeTask
from pocket.training.sequences import Encoder
from pocket.training.sources import HeldPictures, PictureShards

MADE = ("scenes", "pages")
SHARES = {"scenes": 0.75, "pages": 0.25}  # of a batch, where both are there


def tokenizer_of(config: PocketConfig) -> Tokenizer:
    return Tokenizer.from_str(json.dumps(load_tokenizer(config.decoder.vocabulary_size)))


def encoder_of(config: PocketConfig) -> Encoder:
    """Texts to the model's tokens; special tokens written in them stay plain characters."""
    tokenizer = tokenizer_of(config)

    def encode(text: str) -> list[int]:
        # The library matches special tokens in any input; without its "<" a user's "<eos>" is a mere word.
        parts = re.split(r"(?<=<)(?=[a-z]+[0-9]*>)", text)
        return [i for part in parts for i in tokenizer.encode(part, add_special_tokens=False).ids]

    return encode


def cell_classes(saved: dict[str, Any] | None) -> CellClasses:
    """Those of the checkpoint, or of the data as it is now."""
    if saved is not None:
        for worker in saved["workers"]:
            for state in [worker["task"], *worker["task"].get("parts", [])]:
                if state.get("classes"):
                    return CellClasses(**state["classes"])
    from pocket.data.scenes.names import colour_ids, name_ids

    return CellClasses(list(name_ids()), list(colour_ids()))


def build_see_task(
    a: argparse.Namespace,
    tasks: list[str],
    datasets: dict[str, Path | None],
    folder: Path,
    model: PocketModel,
    device: torch.device,
    saved: dict[str, Any] | None,
) -> SeeTask:
    datasets = {k: v for k, v in datasets.items() if k != "strips"} or dict.fromkeys(MADE)
    sources: list[tuple[Any, float]] = []
    held: dict[str, Iterable[Pictures]] = {}
    epoch = 0
    for k, (name, place) in enumerate(datasets.items()):
        if name in MADE:
            made = place or folder / name
            sources.append((PictureShards(made, a.seed + k, a.uses, name == "scenes"), SHARES[name]))
            held[name] = HeldPictures(made.with_name(made.name + "-test"), min(a.held_limit, 300))
        else:
            from pocket.training.published_source import PublishedPictures

            source = PublishedPictures(name, place or folder / name, a.seed + k, model.config.image_size)
            sources.append((source, 1.0))
            held[name] = source.held(min(a.held_limit, 300))
            epoch += len(source)
    classes = None
    if any(name in MADE for name in datasets):
        classes = cell_classes(saved)
        model.cell_heads = CellHeads(model.config, classes.count)
    task = SeeTask(
        model, tasks, sources, held, encoder_of(model.config), classes, a.batch_size, device, a.seed, a.see_size
    )
    if epoch:
        task.epoch_samples = epoch
    return task
