"""What the line head shall say about a picture: maps at stride 4, made of the lines' boxes.

A box is (cx, cy, w, h, angle): pixels, angle in radians from the picture's x axis to the direction of writing,
clockwise as the picture is seen (y grows downwards). The upper edge lies at -h/2 along (-sin, cos).
"""

from __future__ import annotations

import numpy as np

STRIDE = 4
UNIT = 16.0  # pixels of the distances' unit
MAPS = ("core", "upper", "lower", "cosine", "sine")


def line_targets(
    boxes: np.ndarray, readable: np.ndarray, height: int = 224, width: int = 224
) -> tuple[np.ndarray, np.ndarray]:
    """The five maps (5, height/4, width/4), and the mask of cells that count: 0 inside lines that nobody could read.

    The core is the box shrunk to half its height, its ends shortened by a quarter of the height. Distances and
    direction hold inside cores; elsewhere they are 0 and carry no loss.
    """
    rows, columns = height // STRIDE, width // STRIDE
    maps = np.zeros((5, rows, columns), np.float32)
    mask = np.ones((rows, columns), np.float32)
    nearest = np.full((rows, columns), np.inf, np.float32)
    for box, good in sorted(zip(boxes, readable, strict=True), key=lambda pair: bool(pair[1])):
        cx, cy, w, h, angle = (float(v) for v in box)
        cos, sin = np.cos(angle), np.sin(angle)
        reach_x, reach_y = (abs(w * cos) + abs(h * sin)) / 2, (abs(w * sin) + abs(h * cos)) / 2
        x0, x1 = (int(np.clip(v // STRIDE + o, 0, columns)) for v, o in ((cx - reach_x, 0), (cx + reach_x, 1)))
        y0, y1 = (int(np.clip(v // STRIDE + o, 0, rows)) for v, o in ((cy - reach_y, 0), (cy + reach_y, 1)))
        if x0 >= x1 or y0 >= y1:
            continue
        x = (np.arange(x0, x1, dtype=np.float32) + 0.5) * STRIDE - cx
        y = (np.arange(y0, y1, dtype=np.float32)[:, None] + 0.5) * STRIDE - cy
        along, across = x * cos + y * sin, y * cos - x * sin
        if not good:
            inside = (np.abs(along) <= w / 2) & (np.abs(across) <= h / 2)
            mask[y0:y1, x0:x1][inside] = 0
            continue
        # small lines: at least one row of cells, whatever the grid's phase
        half = max(h / 4, STRIDE / 2)
        core = (np.abs(across) <= half) & (np.abs(along) <= max(w / 2 - h / 4, w / 4))
        off = np.abs(across) / h
        core &= off < nearest[y0:y1, x0:x1]
        nearest[y0:y1, x0:x1][core] = off[core]
        upper, lower = np.maximum(h / 2 + across, 0) / UNIT, np.maximum(h / 2 - across, 0) / UNIT
        for i, value in enumerate((1.0, upper, lower, cos, sin)):
            maps[i, y0:y1, x0:x1][core] = np.broadcast_to(value, core.shape)[core]
        mask[y0:y1, x0:x1][core] = 1
    return maps, mask
