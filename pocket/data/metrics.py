"""Measures of captions, reading, boxes and retrieval, each after its published definition."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence

import numpy as np

from pocket.data.sample import Truth
from pocket.data.scenes.understand import same_relation, understand

Ngrams = list[Counter[tuple[str, ...]]]
Point = tuple[float, float]


def words(text: str) -> list[str]:
    """Lower-case words without punctuation, as captions are compared."""
    return re.findall(r"[a-z0-9'-]+", text.lower())


def ngrams(text: str, longest: int = 4) -> Ngrams:
    w = words(text)
    return [Counter(tuple(w[i : i + n]) for i in range(len(w) - n + 1)) for n in range(1, longest + 1)]


def cider_d(candidates: Sequence[str], references: Sequence[Sequence[str]], sigma: float = 6.0) -> list[float]:
    """CIDEr-D of each candidate (Vedantam et al. 2015): 10 is the most; papers print the mean times 100 (or 10).

    Rarity of n-grams comes from the references themselves: of how many pictures' references contain them.
    """
    seen: list[Counter[tuple[str, ...]]] = [Counter() for _ in range(4)]
    counted = [[ngrams(r) for r in refs] for refs in references]
    for refs in counted:
        for n in range(4):
            seen[n].update({g for ref in refs for g in ref[n]})
    total = math.log(max(1, len(references)))

    def vector(grams: Ngrams, n: int) -> dict[tuple[str, ...], float]:
        return {g: count * (total - math.log(max(1, seen[n][g]))) for g, count in grams[n].items()}

    def length(v: dict[tuple[str, ...], float]) -> float:
        return math.sqrt(sum(x * x for x in v.values()))

    scores = []
    for candidate, refs in zip(candidates, counted, strict=True):
        mine = ngrams(candidate)
        size = sum(mine[0].values())
        score = 0.0
        for ref in refs:
            penalty = math.exp(-((size - sum(ref[0].values())) ** 2) / (2 * sigma**2))
            for n in range(4):
                a, b = vector(mine, n), vector(ref, n)
                norm = length(a) * length(b)
                if norm > 0:
                    score += penalty * sum(min(x, b.get(g, 0.0)) * b.get(g, 0.0) for g, x in a.items()) / norm / 4
        scores.append(10 * score / max(1, len(refs)))
    return scores


def f1(right: int, stated: int, true: int) -> float:
    return 2 * right / (stated + true) if stated + true else 1.0


def caption_facts(caption: str, truth: Truth) -> dict[str, tuple[int, int, int]]:
    """For objects, attributes and relations: how many are right, how many were stated, how many are true."""
    said = understand(caption)
    relations = [r for r in said.relations if any(same_relation(r, t) for t in truth.relations)]
    return {
        "objects": _common(said.objects, truth.objects),
        "attributes": _common(said.attributes, truth.attributes),
        "relations": (min(len(relations), len(truth.relations)), len(said.relations), len(truth.relations)),
    }


def _common(stated: Sequence[object], true: Sequence[object]) -> tuple[int, int, int]:
    return sum((Counter(stated) & Counter(true)).values()), len(stated), len(true)


def facts_scores(captions: Sequence[str], truths: Sequence[Truth]) -> dict[str, float]:
    """Over a test set: `objects`, `attributes`, `relations` as recall (named right), and their F1."""
    sums: dict[str, np.ndarray] = {}
    for caption, truth in zip(captions, truths, strict=True):
        for key, counts in caption_facts(caption, truth).items():
            sums[key] = sums.get(key, np.zeros(3, int)) + np.array(counts)
    out = {}
    for key, (right, stated, true) in sums.items():
        out[key] = right / true if true else 1.0
        out[key + "_f1"] = f1(int(right), int(stated), int(true))
    return out


def edit_distance(a: str, b: str) -> int:
    """Levenshtein distance in characters."""
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        before, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (x != y))
    return row[-1]


def character_error_rate(read: Sequence[str], true: Sequence[str]) -> float:
    """All edits over all true characters."""
    return sum(map(edit_distance, read, true)) / max(1, sum(map(len, true)))


def area(polygon: Sequence[Point]) -> float:
    """Signed area (positive where points go clockwise in a picture, whose y axis points down)."""
    return sum(p[0] * q[1] - q[0] * p[1] for p, q in zip(polygon, [*polygon[1:], *polygon[:1]], strict=True)) / 2


def clip(subject: list[Point], window: Sequence[Point]) -> list[Point]:
    """The part of a convex polygon inside another (Sutherland and Hodgman); both clockwise."""
    for (ax, ay), (bx, by) in zip(window, [*window[1:], *window[:1]], strict=True):

        def side(p: Point, a: Point = (ax, ay), b: Point = (bx, by)) -> float:
            return (b[0] - a[0]) * (p[1] - a[1]) - (b[1] - a[1]) * (p[0] - a[0])

        out: list[Point] = []
        for p, q in zip(subject, [*subject[1:], *subject[:1]], strict=True):
            sp, sq = side(p), side(q)
            if sp >= 0:
                out.append(p)
            if (sp >= 0) != (sq >= 0):
                t = sp / (sp - sq)
                out.append((p[0] + t * (q[0] - p[0]), p[1] + t * (q[1] - p[1])))
        subject = out
        if not subject:
            break
    return subject


def polygon_iou(a: Sequence[Point], b: Sequence[Point]) -> float:
    """Intersection over union of two convex polygons, points in either direction."""
    first, second = (list(p) if area(p) >= 0 else list(p)[::-1] for p in (a, b))
    common = abs(area(clip(first, second))) if len(first) > 2 and len(second) > 2 else 0.0
    union = area(first) + area(second) - common
    return common / union if union > 0 else 0.0


def corners(box: Sequence[float]) -> list[Point]:
    """An upright box as a polygon."""
    left, top, right, bottom = box
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def matched(found: Sequence[Sequence[Point]], true: Sequence[Sequence[Point]], least: float = 0.5) -> int:
    """How many boxes agree at that IoU, each true box used once, best pairs first."""
    pairs = [(polygon_iou(f, t), i, j) for i, f in enumerate(found) for j, t in enumerate(true)]
    used: tuple[set[int], set[int]] = (set(), set())
    count = 0
    for iou, i, j in sorted(pairs, reverse=True):
        if iou < least:
            break
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            count += 1
    return count


def box_f1(
    found: Sequence[Sequence[Sequence[Point]]], true: Sequence[Sequence[Sequence[Point]]], least: float = 0.5
) -> float:
    """F1 of oriented boxes over all pictures."""
    right = sum(matched(f, t, least) for f, t in zip(found, true, strict=True))
    return f1(right, sum(map(len, found)), sum(map(len, true)))


def recall_at(similarity: np.ndarray, ks: Sequence[int] = (1, 10)) -> dict[str, float]:
    """R@k both ways of a square table of pictures (rows) by texts, pairs on the diagonal; ties count against us."""
    out = {}
    right = np.diag(similarity)
    for direction, rank in (
        ("picture_to_text", (similarity >= right[:, None]).sum(1)),
        ("text_to_picture", (similarity >= right[None]).sum(0)),
    ):
        out |= {f"{direction}_r{k}": float((rank <= k).mean()) for k in ks}
    return out
