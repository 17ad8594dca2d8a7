"""What the line head loses on a picture's lines, and lines read back from its maps.

A line is (cx, cy, width, height, angle) in pixels, the angle that of the writing in radians, y pointing down.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from scipy import ndimage
from torch import Tensor

from pocket.data.text.line_targets import STRIDE, line_targets

Floats = NDArray[np.float32]
Line = tuple[float, float, float, float, float]
CORE, WEIGHT = 0, 5  # channels of targets: core, above, below, cosine, sine, weight


def target_maps(lines: list[Line], ignored: list[Line], side: int) -> Floats:
    """(6, side, side): core 0 or 1, distances up and down in units, cosine, sine, and 0 where nothing is asked."""
    boxes = np.array([*lines, *ignored], np.float32).reshape(-1, 5)
    readable = np.arange(len(boxes)) < len(lines)
    maps, mask = line_targets(boxes, readable, side * STRIDE, side * STRIDE)
    return np.concatenate([maps, mask[None]])


def _frame(dx: Any, dy: Any, angle: float) -> tuple[Any, Any]:
    """Along the writing, and across it downwards."""
    c, s = np.cos(angle), np.sin(angle)
    return dx * c + dy * s, dy * c - dx * s


def line_loss(maps: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Core: the hardest negatives and dice; distances and direction: within cores."""
    logits, core, weight = maps[:, 0].float(), targets[:, CORE], targets[:, WEIGHT]
    each = F.binary_cross_entropy_with_logits(logits, core, reduction="none") * weight
    positive = core > 0
    count = int(positive.sum())
    negatives = each[~positive]
    hardest = negatives.topk(min(len(negatives), max(3 * count, 500))).values
    bce = (each[positive].sum() + hardest.sum()) / (count + len(hardest))
    sure = torch.sigmoid(logits) * weight
    dice = 1 - (2 * (sure * core).sum() + 1) / (sure.sum() + (core * weight).sum() + 1)
    if not count:
        return {"core": bce}
    at = positive.nonzero(as_tuple=True)
    found = maps.permute(0, 2, 3, 1)[at].float()
    wanted = targets.permute(0, 2, 3, 1)[at]
    # Relative to the line's height: a pixel is much of a small line and little of a large one.
    height = (wanted[:, 1] + wanted[:, 2]).clamp_min(0.25)
    distance = ((found[:, 1:3] - wanted[:, 1:3]).abs().sum(1) / height).mean()
    direction = (1 - F.cosine_similarity(found[:, 3:5], wanted[:, 3:5], dim=1)).mean()
    return {"core": bce + dice, "distance": distance, "direction": direction}


def lines_of(maps: Floats, unit: float, threshold: float = 0.0) -> list[Line]:
    """Lines from maps (5, h, w): connected cores, grown by the distances that their cells say."""
    labels, count = ndimage.label(maps[0] > threshold, structure=np.ones((3, 3)))
    lines = []
    for index, window in enumerate(ndimage.find_objects(labels), 1):
        rows, columns = np.nonzero(labels[window] == index)
        rows, columns = rows + window[0].start, columns + window[1].start
        if len(rows) < 2 and count > 1:
            continue
        above, below, cosine, sine = (maps[k, rows, columns] for k in range(1, 5))
        angle = float(np.arctan2(sine.mean(), cosine.mean()))
        u, v = _frame(columns * STRIDE + STRIDE / 2, rows * STRIDE + STRIDE / 2, angle)
        top, bottom = float(np.median(v - above * unit)), float(np.median(v + below * unit))
        height = max(1.0, bottom - top)
        left, right = float(u.min() - 2 - height / 4), float(u.max() + 2 + height / 4)
        middle, level = (left + right) / 2, (top + bottom) / 2
        c, s = np.cos(angle), np.sin(angle)
        lines.append((middle * c - level * s, middle * s + level * c, right - left, height, angle))
    return lines


def corners(line: Line) -> Floats:
    """(4, 2), from the beginning of the writing's upper edge, with the clock."""
    cx, cy, width, height, angle = line
    c, s = np.cos(angle), np.sin(angle)
    u = np.array([-1, 1, 1, -1]) * width / 2
    v = np.array([-1, -1, 1, 1]) * height / 2
    return np.stack([cx + u * c - v * s, cy + u * s + v * c], 1).astype(np.float32)


def _area(polygon: Floats) -> float:
    x, y = polygon[:, 0], polygon[:, 1]
    return 0.5 * abs(float(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1))))


def intersection_over_union(a: Line, b: Line) -> float:
    """Of two turned boxes, by cutting one along the other's edges."""
    polygon = corners(a)
    square = corners(b)
    for k in range(4):
        p, d = square[k], square[(k + 1) % 4] - square[k]
        if not len(polygon):
            return 0.0
        side = d[0] * (polygon[:, 1] - p[1]) - d[1] * (polygon[:, 0] - p[0])
        kept = []
        for i in range(len(polygon)):
            j = (i + 1) % len(polygon)
            if side[i] >= 0:
                kept.append(polygon[i])
            if (side[i] >= 0) != (side[j] >= 0):
                kept.append(polygon[i] + (polygon[j] - polygon[i]) * (side[i] / (side[i] - side[j])))
        polygon = np.array(kept, np.float32).reshape(-1, 2)
    both = _area(polygon) if len(polygon) > 2 else 0.0
    return both / max(1e-9, a[2] * a[3] + b[2] * b[3] - both)


def visible(line: Line, size: int) -> Line | None:
    """The part whose middle axis lies in the picture: a tile shows pieces of long lines. None where less than half a
    height is left of it."""
    cx, cy, width, height, angle = line
    c, s = float(np.cos(angle)), float(np.sin(angle))
    first, last = -width / 2, width / 2
    for at, step in ((cx, c), (cy, s)):
        if abs(step) < 1e-6:
            if not 0 <= at <= size:
                return None
            continue
        ends = sorted(((0 - at) / step, (size - at) / step))
        first, last = max(first, ends[0]), min(last, ends[1])
    if last - first < height / 2:
        return None
    middle = (first + last) / 2
    return cx + middle * c, cy + middle * s, last - first, height, angle


def outside(found: list[Line], ignored: list[Line]) -> list[Line]:
    """Without those whose middle lies in a line that nobody is asked to find."""
    kept = []
    for line in found:
        frames = [(*_frame(line[0] - i[0], line[1] - i[1], i[4]), i) for i in ignored]
        if not any(abs(u) < i[2] / 2 and abs(v) < i[3] / 2 for u, v, i in frames):
            kept.append(line)
    return kept


def matches(found: list[Line], wanted: list[Line], least: float = 0.5) -> int:
    """Pairs whose boxes agree, the best first, each used once."""
    pairs = sorted(
        ((intersection_over_union(f, w), i, j) for i, f in enumerate(found) for j, w in enumerate(wanted)), reverse=True
    )
    used_found: set[int] = set()
    used_wanted: set[int] = set()
    for score, i, j in pairs:
        if score < least:
            break
        if i not in used_found and j not in used_wanted:
            used_found.add(i)
            used_wanted.add(j)
    return len(used_found)
