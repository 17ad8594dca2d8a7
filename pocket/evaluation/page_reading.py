"""Reads a whole picture in torch, simply: one pass of tiles at its own size, one at half. The engine does it better."""

from __future__ import annotations

import numpy as np
import torch
from PIL import Image

from pocket.evaluation.answers import FoundLine
from pocket.model.pocket_model import PocketModel
from pocket.training.ctc import Alphabet
from pocket.training.line_targets import Line, corners, intersection_over_union, lines_of
from pocket.training.regions import cut
from pocket.training.see_task import to_input

OVERLAP = 32
SCALES = (1.0, 0.5)
BELIEVED = (7.0, 56.0)  # heights of lines in a tile


def _tiles(size: int, length: int) -> list[int]:
    if length <= size:
        return [0]
    count = -(-(length - OVERLAP) // (size - OVERLAP))
    return [round(i * (length - size) / max(1, count - 1)) for i in range(count)]


@torch.no_grad()
def find_lines(model: PocketModel, picture: np.ndarray, device: torch.device) -> list[Line]:
    """In pixels of the picture. The maps of a scale's tiles are laid together before lines are looked for."""
    size, unit = model.config.image_size, model.config.line_head.distance_unit
    found: list[Line] = []
    for scale in SCALES:
        width, height = (max(1, round(v * scale)) for v in picture.shape[1::-1])
        if scale < 1 and max(width, height) < size // 2:
            continue
        image = Image.fromarray(picture).resize((width, height), Image.Resampling.BILINEAR)
        wide, tall = (-(-max(v, size) // 4) * 4 for v in (width, height))
        canvas = Image.new("RGB", (wide, tall), image.getpixel((0, 0)))
        canvas.paste(image, (0, 0))
        pixels = np.asarray(canvas)
        maps = np.full((5, tall // 4, wide // 4), -20, np.float32)
        for top in _tiles(size, tall):
            for left in _tiles(size, wide):
                top, left = top // 4 * 4, left // 4 * 4
                x = to_input(pixels[top : top + size, left : left + size][None], device)
                m = model.line_head(model.encoder.read(model.encoder.trunk(x)))[0].float().cpu().numpy()
                here = maps[:, top // 4 : top // 4 + size // 4, left // 4 : left // 4 + size // 4]
                better = m[0] > here[0]
                here[:, better] = m[:, better]
        for cx, cy, w, h, angle in lines_of(maps, unit):
            if BELIEVED[0] <= h <= BELIEVED[1]:
                line = (cx / scale, cy / scale, w / scale, h / scale, angle)
                if all(intersection_over_union(line, other) < 0.3 for other in found):
                    found.append(line)
    return sorted(found, key=lambda line: (round(line[1] / max(8, line[3])), line[0]))


@torch.no_grad()
def read_page(model: PocketModel, picture: np.ndarray, device: torch.device) -> list[FoundLine]:
    alphabet = Alphabet(model.config.reader.characters)
    image = Image.fromarray(picture).convert("L")
    out = []
    for line in find_lines(model, picture, device):
        quad = tuple((float(x), float(y)) for x, y in corners(line))
        strip = torch.from_numpy(cut(image, quad, model.config.reader.height).copy()).to(device)
        text = alphabet.greedy(model.reader(strip.float().div(127.5).sub(1)[None, None]).float())[0].strip()
        if text:
            out.append(FoundLine(text, list(quad)))
    return out
