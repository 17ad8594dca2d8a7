"""Figures on held-out pictures while training: all in one pass, without writing a text token by token.

A greedy answer is right exactly when, each time the right beginning is given, the right next token scores best.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import torch

from pocket.model.pocket_model import PocketModel
from pocket.training import sequences
from pocket.training.cells import CellClasses
from pocket.training.line_targets import lines_of, matches, outside, target_maps, visible
from pocket.training.records import Pictures
from pocket.training.retrieval import recall_at

CHUNK = 32


@torch.no_grad()
def evaluate_see(
    model: PocketModel,
    held: Iterable[Pictures],
    encode: sequences.Encoder,
    classes: CellClasses | None,
    device: torch.device,
    see_size: int,
) -> dict[str, float]:
    sums: dict[str, list[float]] = defaultdict(list)
    vectors: tuple[list[torch.Tensor], list[torch.Tensor]] = ([], [])
    core = [0.0, 0.0]
    boxes = [0, 0, 0]  # matched, found, wanted
    for batch in held:
        for first in range(0, len(batch), CHUNK):
            part = Pictures(batch.x[first : first + CHUNK], batch.records[first : first + CHUNK])
            _texts(model, part, encode, classes, device, see_size, sums, vectors)
            _lines(model, part, device, core, boxes)
    sums = {name: v for name, v in sums.items() if v}
    out = {name: float(np.mean(v)) for name, v in sums.items() if not name.startswith("answer ")}
    answers = {name: float(np.mean(v)) for name, v in sums.items() if name.startswith("answer ")}
    out.update({name.replace("answer ", "answer/"): v for name, v in answers.items()})
    if answers:
        out["answer_mean"] = float(np.mean(list(answers.values())))
    if vectors[0]:
        similarity = torch.cat(vectors[0]) @ torch.cat(vectors[1]).T
        out["r1_picture"], out["r1_text"] = recall_at(similarity, 1), recall_at(similarity.T, 1)
    if core[1]:
        out["core_iou"] = core[0] / core[1]
        precision, recall = boxes[0] / max(1, boxes[1]), boxes[0] / max(1, boxes[2])
        out["box_f1"] = 2 * precision * recall / max(1e-9, precision + recall)
    return out


def _texts(
    model: PocketModel,
    part: Pictures,
    encode: sequences.Encoder,
    classes: CellClasses | None,
    device: torch.device,
    see_size: int,
    sums: dict[str, list[float]],
    vectors: tuple[list[torch.Tensor], list[torch.Tensor]],
) -> None:
    from pocket.training.see_task import resize, text_scores, to_input

    rows = [i for i, r in enumerate(part.records) if r.captions or r.questions]
    if not rows:
        return
    records = [part.records[i] for i in rows]
    maps = model.encoder.see(model.encoder.trunk(resize(to_input(part.x[rows], device), see_size)))
    tokens = model.tokens(maps)
    bins = model.config.location_bins
    segments = []
    for r in records:
        own = [sequences.caption_segment(encode, r.captions[0])] if r.captions else []
        own += [sequences.answer_segment(encode, q, a, t) for t, q, a in r.questions[:4]]
        own += [sequences.find_segment(encode, q, b, bins) for q, b in r.finds[:1]]
        segments.append(own)
    packed = sequences.pack(segments, tokens.shape[1], model.config.image_tokens, device)
    right = (text_scores(model, tokens, packed).argmax(-1) == packed.targets).cpu().numpy()
    owners = packed.owners.cpu().numpy()
    for k, segment in enumerate(packed.segments):
        mine = right[owners == k]
        if segment.kind == sequences.CAPTION_SEGMENT:
            sums["caption_tokens"].extend(map(float, mine))
            sums["caption_exact"].append(float(mine.all()))
        elif segment.kind == sequences.ANSWER_SEGMENT:
            sums[f"answer {segment.label}"].append(float(mine.all()))
        else:
            sums["find_tokens"].extend(map(float, mine))
    distinct = [i for i, r in enumerate(records) if r.captions and r.distinct]
    if distinct:
        ids, valid = sequences.pad_texts(
            [sequences.embed_ids(encode, records[i].captions[0]) for i in distinct], device
        )
        vectors[0].append(model.image_embed(tokens[distinct]).float())
        vectors[1].append(model.embed_text(ids, valid).float())
    if classes is not None and hasattr(model, "cell_heads"):
        for name, scores in zip(("cells_16", "cells_32"), model.cell_heads(maps), strict=True):
            good, count = classes.accuracy(scores, records)
            sums[name] += [1.0] * good + [0.0] * (count - good)


def _lines(model: PocketModel, part: Pictures, device: torch.device, core: list[float], boxes: list[int]) -> None:
    from pocket.training.see_task import to_input

    rows = [i for i, r in enumerate(part.records) if r.lines]
    if not rows:
        return
    maps = (
        model.line_head(model.encoder.read(model.encoder.trunk(to_input(part.x[rows], device)))).float().cpu().numpy()
    )
    unit = model.config.line_head.distance_unit
    for m, i in zip(maps, rows, strict=True):
        record = part.records[i]
        wanted = record.lines or []
        target = target_maps(wanted, record.ignored, m.shape[-1])
        said, true, asked = m[0] > 0, target[0] > 0, target[5] > 0
        core[0] += float((said & true & asked).sum())
        core[1] += float(((said | true) & asked).sum())
        size = part.x.shape[1]
        shown = [visible(line, size) for line in wanted]
        cut = [line for line, part_of in zip(wanted, shown, strict=True) if part_of is None]
        wanted = [line for line in shown if line is not None]
        found = outside([v for v in (visible(f, size) for f in lines_of(m, unit)) if v], [*record.ignored, *cut])
        boxes[0] += matches(found, wanted)
        boxes[1] += len(found)
        boxes[2] += len(wanted)
