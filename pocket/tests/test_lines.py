"""Lines, maps, and lines again."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from pocket.training.line_targets import (
    Line,
    corners,
    intersection_over_union,
    line_loss,
    lines_of,
    matches,
    outside,
    target_maps,
    visible,
)
from pocket.training.regions import line_of


@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2, math.pi / 2, 3.0])
def test_a_line_is_found_where_it_was_drawn(angle: float) -> None:
    line: Line = (112, 112, 120, 24, angle)
    maps = target_maps([line], [], 56)
    maps[0] = maps[0] * 2 - 1
    found = lines_of(maps[:5], 16)
    assert len(found) == 1
    assert intersection_over_union(found[0], line) > 0.85
    assert abs(math.remainder(found[0][4] - angle, 2 * math.pi)) < 0.02


def test_overlap_of_turned_boxes() -> None:
    a: Line = (10, 10, 20, 10, 0)
    assert intersection_over_union(a, a) == pytest.approx(1)
    assert intersection_over_union(a, (20, 10, 20, 10, 0)) == pytest.approx(1 / 3)
    assert intersection_over_union(a, (10, 10, 10, 20, math.pi / 2)) == pytest.approx(1, abs=1e-3)
    assert intersection_over_union(a, (100, 100, 5, 5, 1)) == 0
    assert matches([a], [a, a]) == 1


def test_corners_and_back() -> None:
    line: Line = (50, 40, 30, 12, 0.7)
    back = line_of(tuple((float(x), float(y)) for x, y in corners(line)))
    assert np.allclose(back, line, atol=1e-4)


def test_what_a_tile_shows_of_a_line() -> None:
    assert visible((112, 50, 600, 20, 0), 224) == pytest.approx((112, 50, 224, 20, 0))
    assert visible((112, -30, 600, 20, 0), 224) is None
    assert outside([(50, 50, 10, 5, 0.0)], [(52, 50, 40, 10, 0.0)]) == []


def test_a_perfect_head_loses_nearly_nothing() -> None:
    target = torch.from_numpy(target_maps([(112, 60, 120, 20, 0.2)], [(112, 150, 80, 10, 0)], 56))[None]
    assert float((target[:, 5] == 0).sum()) > 0
    good = target[:, :5].clone()
    good[:, 0] = good[:, 0] * 40 - 20
    losses = {k: float(v) for k, v in line_loss(good, target).items()}
    assert max(losses.values()) < 0.05
    bad = {k: float(v) for k, v in line_loss(torch.zeros_like(good), target).items()}
    assert bad["core"] > 0.5 and bad["distance"] > 0.5
