"""Scores of each task, by the published measures of pocket.data.metrics."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from pocket.data import metrics
from pocket.data.sample import Sample
from pocket.evaluation.answers import Answers, Point

TASKS = ("caption", "ask", "find", "retrieve", "read")


@dataclass(frozen=True)
class TextPicture:
    """A picture with text: its lines' texts and corners, and which of them count."""

    picture: np.ndarray
    kind: str
    lines: list[tuple[str, list[Point], bool]] = field(default_factory=list)


def plain(text: str) -> str:
    """As answers are compared: lower case, no article, no full stop."""
    words = text.lower().strip().rstrip(".!").split()
    return " ".join(w for w in words if w not in ("a", "an", "the"))


def caption_scores(model: Answers, samples: Sequence[Sample]) -> dict[str, float]:
    samples = [s for s in samples if s.captions]
    said = model.captions([s.picture for s in samples])
    scores = {"caption/cider_d_x100": 100 * float(np.mean(metrics.cider_d(said, [s.captions for s in samples])))}
    if any(s.truth.objects for s in samples):
        scores.update({f"caption/{k}": v for k, v in metrics.facts_scores(said, [s.truth for s in samples]).items()})
    return scores


def question_scores(model: Answers, samples: Sequence[Sample]) -> dict[str, float]:
    """Right answers by type, their mean over the types, and what always giving a type's most frequent answer gets."""
    right: dict[str, list[bool]] = defaultdict(list)
    answers: dict[str, Counter[str]] = defaultdict(Counter)
    for sample in samples:
        if sample.questions:
            said = model.ask(sample.picture, [q.question for q in sample.questions])
            for question, answer in zip(sample.questions, said, strict=True):
                right[question.type].append(plain(answer) == plain(question.answer))
                answers[question.type][plain(question.answer)] += 1
    scores = {f"ask/{kind}": float(np.mean(v)) for kind, v in right.items()}
    if scores:
        scores["ask/mean"] = float(np.mean(list(scores.values())))
        frequent = [c.most_common(1)[0][1] / c.total() for c in answers.values()]
        scores["ask/most_frequent_answer"] = float(np.mean(frequent))
    return scores


def find_scores(model: Answers, samples: Sequence[Sample]) -> dict[str, float]:
    found, wanted = [], []
    for sample in samples:
        for find in sample.finds:
            found.append([metrics.corners(b) for b in model.find(sample.picture, find.query)])
            wanted.append([metrics.corners(b) for b in find.boxes])
    return {"find/f1_at_0.5": metrics.box_f1(found, wanted)} if wanted else {}


def retrieval_scores(model: Answers, samples: Sequence[Sample]) -> dict[str, float]:
    """Among pictures whose fullest captions all differ."""
    chosen: dict[str, Sample] = {}
    for sample in samples:
        if sample.captions:
            chosen.setdefault(sample.captions[0], sample)
    if len(chosen) < 2:
        return {}
    pictures = model.picture_vectors([s.picture for s in chosen.values()])
    texts = model.text_vectors(list(chosen))
    scores = metrics.recall_at(pictures @ texts.T)
    return {"retrieve/among": float(len(chosen)), **{f"retrieve/{k}": v for k, v in scores.items()}}


def reading_scores(model: Answers, pictures: Sequence[TextPicture]) -> dict[str, float]:
    """Boxes of lines at IoU 0.5; texts of the boxes that match, where nothing is read all of a text is wrong."""
    exact: dict[str, list[bool]] = defaultdict(list)
    words = [0, 0]
    errors = characters = 0
    boxes_found, boxes_wanted = [], []
    for item in pictures:
        found = model.read(item.picture)
        counted = [line for line in item.lines if line[2]]
        others = [corners for _, corners, counts in item.lines if not counts]
        pairs = _pairs([f.corners for f in found], [corners for _, corners, _ in counted])
        for k, (text, _, _) in enumerate(counted):
            said = found[pairs[k]].text if k in pairs else ""
            exact[item.kind].append(said == text)
            errors += metrics.edit_distance(said, text)
            characters += len(text)
            wanted_words = text.split()
            words[0] += sum((Counter(said.split()) & Counter(wanted_words)).values())
            words[1] += len(wanted_words)
        ignored = {
            i
            for i, f in enumerate(found)
            if i not in pairs.values() and any(metrics.polygon_iou(f.corners, o) > 0.2 for o in others)
        }
        boxes_found.append([f.corners for i, f in enumerate(found) if i not in ignored])
        boxes_wanted.append([corners for _, corners, _ in counted])
    if not characters:
        return {}
    scores = {f"read/exact_lines/{kind}": float(np.mean(v)) for kind, v in exact.items()}
    every = [good for v in exact.values() for good in v]
    return {
        "read/exact_lines": float(np.mean(every)),
        "read/exact_words": words[0] / max(1, words[1]),
        "read/character_errors": errors / characters,
        "read/box_f1": metrics.box_f1(boxes_found, boxes_wanted),
        **scores,
    }


def _pairs(found: list[list[Point]], wanted: list[list[Point]], least: float = 0.5) -> dict[int, int]:
    """Wanted box to found box, the best first."""
    scored = sorted(
        ((metrics.polygon_iou(f, w), i, j) for i, f in enumerate(found) for j, w in enumerate(wanted)), reverse=True
    )
    out: dict[int, int] = {}
    for score, i, j in scored:
        if score >= least and j not in out and i not in out.values():
            out[j] = i
    return out


# Higher is better, except these; figures that say how hard a test is are not compared.
LOWER_IS_BETTER = ("read/character_errors",)
NOT_COMPARED = ("retrieve/among", "ask/most_frequent_answer", "ask/text_only")


def evaluate(
    model: Answers, tasks: Sequence[str], samples: Sequence[Sample], text_pictures: Sequence[TextPicture]
) -> dict[str, float]:
    scores: dict[str, float] = {}
    by_task = {"caption": caption_scores, "ask": question_scores, "find": find_scores, "retrieve": retrieval_scores}
    for task in tasks:
        if task == "read":
            scores.update(reading_scores(model, text_pictures))
        else:
            scores.update(by_task[task](model, samples))
    return scores
