"""Training of all but the reader: captions, questions, finding, retrieval on the see path, lines on the read path."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Iterable
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from pocket.model.encoder import Trunk
from pocket.model.pocket_model import PocketModel
from pocket.training import sequences
from pocket.training.cells import CellClasses
from pocket.training.line_targets import line_loss, target_maps
from pocket.training.records import Pictures, Record
from pocket.training.retrieval import Memory, siglip_loss
from pocket.training.see_evaluation import evaluate_see

# Weights of the losses; each is about 1 when training begins to work.
WEIGHTS = {"text": 1.0, "match": 0.2, "cells": 0.5, "core": 1.0, "distance": 1.0, "direction": 0.5}


class PictureSource(Protocol):
    def pictures(self, count: int) -> Pictures: ...


def to_input(x: np.ndarray, device: torch.device) -> Tensor:
    """(n, 3, size, size), -1 to 1, from bytes."""
    t = torch.from_numpy(np.ascontiguousarray(x)).to(device).permute(0, 3, 1, 2).float().div_(127.5).sub_(1)
    return t.contiguous(memory_format=torch.channels_last)


def resize(x: Tensor, size: int) -> Tensor:
    """As pictures are squashed: bilinear, with antialiasing."""
    if x.shape[-1] == size:
        return x
    x = F.interpolate(x, (size, size), mode="bilinear", antialias=True)
    return x.contiguous(memory_format=torch.channels_last)


def jitter(x: Tensor) -> Tensor:
    """Brightness and contrast; colours keep their names, so their hue stays."""
    n = x.shape[0]
    gain = torch.rand(n, 1, 1, 1, device=x.device) * 0.3 + 0.85
    shift = (torch.rand(n, 1, 1, 1, device=x.device) - 0.5) * 0.2
    return (x * gain + shift).clamp(-1, 1).contiguous(memory_format=torch.channels_last)


class SeeTask:
    name = "see"
    epoch_samples = 100_000  # made pictures have no end

    def __init__(
        self,
        model: PocketModel,
        tasks: list[str],
        sources: list[tuple[PictureSource, float]],
        held: dict[str, Iterable[Pictures]],
        encode: sequences.Encoder,
        classes: CellClasses | None,
        batch_size: int,
        device: torch.device,
        seed: int,
        see_size: int | None = None,
    ) -> None:
        self.config, self.tasks, self.sources, self.held = model.config, set(tasks), sources, held
        self.encode, self.classes, self.batch_size, self.device = encode, classes, batch_size, device
        self.see_size = see_size or model.config.image_size
        self.chance = random.Random(seed)
        self.memory = Memory()
        self.share_of_negatives = 0.12  # pictures without writing that the line head sees

    # Data ------------------------------------------------------------------------------------------------------------

    def next_batch(self) -> Pictures:
        """Of each source its share; what is left of a fraction is drawn."""
        parts = []
        ready = self._ready()
        total = sum(share for _, share in ready)
        for source, share in ready:
            wanted = self.batch_size * share / total
            count = int(wanted) + (self.chance.random() < wanted - int(wanted))
            if count:
                parts.append(source.pictures(count))
        return Pictures(np.concatenate([p.x for p in parts]), [r for p in parts for r in p.records])

    def _ready(self) -> list[tuple[PictureSource, float]]:
        """Sources that have something; a maker that has not begun yet holds up nothing."""
        while True:
            ready = [(s, share) for s, share in self.sources if not hasattr(s, "ready") or s.ready()]
            if ready:
                return ready
            time.sleep(1)

    def size(self, batch: Pictures) -> int:
        return len(batch)

    def _rows(self, batch: Pictures) -> tuple[list[int], list[int]]:
        """Pictures of the see path, and of the read path."""
        see, read = [], []
        for i, record in enumerate(batch.records):
            speaks = record.captions or record.questions or record.finds or record.objects
            if speaks and self.tasks - {"lines"}:
                see.append(i)
            known = record.lines is not None
            if (
                known
                and "lines" in self.tasks
                and (record.lines or not speaks or self.chance.random() < self.share_of_negatives)
            ):
                read.append(i)
        return see, read

    # Losses ----------------------------------------------------------------------------------------------------------

    def loss(self, model: nn.Module, batch: Pictures) -> tuple[Tensor, dict[str, float]]:
        assert isinstance(model, PocketModel)
        see, read = self._rows(batch)
        x = jitter(to_input(batch.x, self.device))
        see_trunk, read_trunk = self._trunks(model, x, see, read)
        losses: dict[str, Tensor] = {}
        if see_trunk is not None:
            self._see_losses(model, model.encoder.see(see_trunk), [batch.records[i] for i in see], losses)
        if read_trunk is not None:
            maps = model.line_head(model.encoder.read(read_trunk))
            targets = self._line_targets([batch.records[i] for i in read], maps.shape[-1])
            losses.update(line_loss(maps, targets))
        total = sum((WEIGHTS[name] * value for name, value in losses.items()), torch.zeros((), device=self.device))
        if not total.requires_grad:  # nothing to learn from these pictures
            total = total + model.logit_scale * 0
        return total, {name: float(value.detach()) for name, value in losses.items()}

    def _trunks(
        self, model: PocketModel, x: Tensor, see: list[int], read: list[int]
    ) -> tuple[Trunk | None, Trunk | None]:
        """For the see path and for the read path. Where both see the same size they share the work.

        Smaller pictures teach names three times as fast. Lines are always read at full size.
        """
        if self.see_size == x.shape[-1]:
            used = sorted({*see, *read})
            if not used:
                return None, None
            trunk = model.encoder.trunk(x if len(used) == len(x) else x[used])
            place = {i: k for k, i in enumerate(used)}
            rows = [torch.tensor([place[i] for i in part], device=x.device) for part in (see, read)]
            first, second = (trunk.rows(r) if len(r) else None for r in rows)
            return first, second
        return (
            model.encoder.trunk(resize(x[see], self.see_size)) if see else None,
            model.encoder.trunk(x[read]) if read else None,
        )

    def _see_losses(
        self, model: PocketModel, maps: list[Tensor], records: list[Record], losses: dict[str, Tensor]
    ) -> None:
        tokens = model.tokens(maps)
        bins = self.config.location_bins
        segments = [sequences.choose_segments(r, self.tasks, self.encode, bins, self.chance) for r in records]
        if any(segments):
            losses["text"] = self._text_loss(model, tokens, segments)
        if "retrieve" in self.tasks:
            chosen = [i for i, r in enumerate(records) if r.captions and r.distinct]
            if len(chosen) > 1:
                losses["match"] = self._match_loss(model, tokens[chosen], [records[i].captions[0] for i in chosen])
        if self.classes is not None and hasattr(model, "cell_heads") and any(r.objects for r in records):
            scores = model.cell_heads(maps)
            known = [i for i, r in enumerate(records) if r.objects]
            kept = [records[i] for i in known]
            losses["cells"] = sum(
                (self.classes.loss(s[known], kept) for s in scores), torch.zeros((), device=self.device)
            ) / len(scores)

    def _text_loss(self, model: PocketModel, tokens: Tensor, segments: list[list[sequences.Segment]]) -> Tensor:
        packed = sequences.pack(segments, tokens.shape[1], self.config.image_tokens, self.device)
        each = F.cross_entropy(text_scores(model, tokens, packed), packed.targets, reduction="none")
        return (each * packed.weights).sum() / packed.weights.sum()

    def _match_loss(self, model: PocketModel, tokens: Tensor, captions: list[str]) -> Tensor:
        ids, valid = sequences.pad_texts([sequences.embed_ids(self.encode, c) for c in captions], self.device)
        pictures, texts = model.image_embed(tokens), model.embed_text(ids, valid)
        loss = siglip_loss(pictures, texts, captions, model.logit_scale, model.logit_bias, self.memory)
        self.memory.add(pictures, texts, captions)
        return loss

    def _line_targets(self, records: list[Record], side: int) -> Tensor:
        maps = [target_maps(r.lines or [], r.ignored, side) for r in records]
        return torch.from_numpy(np.stack(maps)).to(self.device)

    # Evaluation and state --------------------------------------------------------------------------------------------

    @torch.no_grad()
    def evaluate(self, model: nn.Module) -> dict[str, float]:
        assert isinstance(model, PocketModel)
        values: dict[str, float] = {}
        for name, pictures in self.held.items():
            found = evaluate_see(model, pictures, self.encode, self.classes, self.device, self.see_size)
            values.update({f"{name}_{key}" if len(self.held) > 1 else key: v for key, v in found.items()})
        return values

    def calibrate(self, model: nn.Module, recalibrate: Callable[[nn.Module, list[tuple[Tensor, ...]]], None]) -> None:
        """Statistics for norms that a file had folded."""
        assert isinstance(model, PocketModel)

        class BothPaths(nn.Module):
            def __init__(self) -> None:
                super().__init__()
                self.encoder, self.line_head = model.encoder, model.line_head

            def forward(self, x: Tensor) -> Tensor:
                return self.line_head(self.encoder.read(self.encoder.trunk(x)))

        batches = [(to_input(self.next_batch().x, self.device),) for _ in range(8)]
        recalibrate(BothPaths(), batches)

    def state(self) -> dict[str, Any]:
        sources = [s.state() if hasattr(s, "state") else None for s, _ in self.sources]
        return {
            "chance": self.chance.getstate(),
            "memory": self.memory.state(),
            "sources": sources,
            "classes": None if self.classes is None else vars_of(self.classes),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        self.chance.setstate(state["chance"])
        self.memory.load_state(state["memory"], self.device)
        for (source, _), its in zip(self.sources, state["sources"], strict=False):
            if its is not None and hasattr(source, "load_state"):
                source.load_state(its)


def vars_of(classes: CellClasses) -> dict[str, list[str]]:
    return {"names": classes.names, "colours": classes.colours}


def text_scores(model: PocketModel, tokens: Tensor, packed: sequences.Packed) -> Tensor:
    """Logits (n, vocabulary) at the places where something is to be said."""
    rows = torch.cat([tokens, model.decoder.embed(packed.ids).to(tokens.dtype)], 1)
    hidden = model.decoder.hidden(rows, packed.positions, packed.mask)
    return model.decoder.score(hidden[packed.places[:, 0], packed.places[:, 1]]).float()
