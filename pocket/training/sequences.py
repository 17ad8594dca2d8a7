"""Texts of a picture, packed behind its rows: each segment sees the picture and itself alone."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from pocket.gguf_tokenizer import ANSWER, ASK, CAPTION, EMBED, EOS, FIND, FIRST_LOCATION, PAD
from pocket.training.records import Box, Record

CAPTION_SEGMENT, ANSWER_SEGMENT, FIND_SEGMENT = range(3)
# Weights of a token's loss. Answers are short and decide more than a caption's tenth word.
TOKEN_WEIGHTS = {CAPTION_SEGMENT: 1.0, ANSWER_SEGMENT: 3.0, FIND_SEGMENT: 1.0}
MOST_BOXES = 4


class Encoder(Protocol):
    def __call__(self, text: str) -> list[int]: ...


@dataclass
class Segment:
    ids: list[int]
    asked: int  # tokens at the beginning that are given, not to be said
    kind: int
    label: str = ""  # of a question: its type


def text_ids(encode: Encoder, text: str) -> list[int]:
    """As the chat template writes it: one space before, none after."""
    return encode(" " + text.strip().lower())


def caption_segment(encode: Encoder, caption: str) -> Segment:
    return Segment([CAPTION, *text_ids(encode, caption), EOS], 1, CAPTION_SEGMENT)


def answer_segment(encode: Encoder, question: str, answer: str, label: str = "") -> Segment:
    prompt = [ASK, *text_ids(encode, question), ANSWER]
    return Segment([*prompt, *text_ids(encode, answer), EOS], len(prompt), ANSWER_SEGMENT, label)


def find_segment(encode: Encoder, query: str, boxes: list[Box], bins: int) -> Segment:
    prompt = [FIND, *text_ids(encode, query), ANSWER]
    locations = [FIRST_LOCATION + location(v, i >= 2, bins) for box in boxes[:MOST_BOXES] for i, v in enumerate(box)]
    return Segment([*prompt, *locations, EOS], len(prompt), FIND_SEGMENT)


def location(value: float, end: bool, bins: int) -> int:
    """The bin of a coordinate; a right or lower edge lies in the last bin that the box reaches into."""
    return min(bins - 1, max(0, int((value - 1e-6 if end else value) * bins)))


def embed_ids(encode: Encoder, text: str) -> list[int]:
    return [EMBED, *text_ids(encode, text)]


def choose_segments(
    record: Record, tasks: set[str], encode: Encoder, bins: int, chance: random.Random, find_share: float = 0.5
) -> list[Segment]:
    """One caption, one question, and sometimes a thing to be found."""
    segments = []
    if "caption" in tasks and record.captions:
        segments.append(caption_segment(encode, chance.choice(record.captions)))
    if "ask" in tasks and record.questions:
        label, question, answer = chance.choice(record.questions)
        segments.append(answer_segment(encode, question, answer, label))
    if "find" in tasks and record.finds and chance.random() < find_share:
        segments.append(find_segment(encode, *chance.choice(record.finds), bins))
    return segments


@dataclass
class Packed:
    """Texts of a batch behind the pictures' rows. Row i of `targets` is scored at `places[i]`."""

    ids: Tensor  # (batch, tokens)
    positions: Tensor  # (batch, picture rows + tokens)
    mask: Tensor  # (batch, 1, rows, rows), true where seen
    places: Tensor  # (n, 2): picture, row
    targets: Tensor  # (n,)
    weights: Tensor  # (n,)
    owners: Tensor  # (n,): index into `segments`
    segments: list[Segment]


def row_positions(image_rows: int, full_rows: int) -> Tensor:
    """Of a picture's rows; those of a smaller picture are spread over the places of a full one's."""
    side, full = int(image_rows**0.5), int(full_rows**0.5)
    steps = ((torch.arange(side) + 0.5) * full / side).long()
    return (steps[:, None] * full + steps[None, :]).flatten()


def pack(batch: list[list[Segment]], image_rows: int, full_rows: int, device: torch.device) -> Packed:
    """Texts begin at position full_rows, whatever the picture's size."""
    length = max(1, max((sum(len(s.ids) - 1 for s in segments) for segments in batch), default=1))
    ids = torch.full((len(batch), length), PAD)
    owner = torch.full((len(batch), image_rows + length), -1)  # segment of each row; -1: picture, -2: padding
    owner[:, image_rows:] = -2
    positions = torch.cat([row_positions(image_rows, full_rows), full_rows + torch.arange(length)]).repeat(
        len(batch), 1
    )
    places, targets, weights, owners, flat = [], [], [], [], []
    for b, segments in enumerate(batch):
        at = 0
        for s in segments:
            count = len(s.ids) - 1  # the last token is only said, never read
            ids[b, at : at + count] = torch.tensor(s.ids[:-1])
            owner[b, image_rows + at : image_rows + at + count] = len(flat)
            positions[b, image_rows + at : image_rows + at + count] = full_rows + torch.arange(count)
            for k in range(s.asked - 1, count):
                places.append((b, image_rows + at + k))
                targets.append(s.ids[k + 1])
                weights.append(TOKEN_WEIGHTS[s.kind])
                owners.append(len(flat))
            flat.append(s)
            at += count
    rows = torch.arange(image_rows + length)
    causal = rows[:, None] >= rows[None, :]
    same = (owner[:, :, None] == owner[:, None, :]) | (owner[:, None, :] == -1)
    return Packed(
        ids.to(device),
        positions.to(device),
        (causal & same)[:, None].to(device),
        torch.tensor(places, device=device).reshape(-1, 2),
        torch.tensor(targets, device=device),
        torch.tensor(weights, device=device),
        torch.tensor(owners, device=device),
        flat,
    )


def pad_texts(rows: list[list[int]], device: torch.device) -> tuple[Tensor, Tensor]:
    """Ids, and which of them are not padding."""
    longest = max(map(len, rows))
    ids = torch.tensor([r + [PAD] * (longest - len(r)) for r in rows], device=device)
    valid = torch.tensor([[k < len(r) for k in range(longest)] for r in rows], device=device)
    return ids, valid
