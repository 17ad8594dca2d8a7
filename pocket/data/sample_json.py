"""A sample's texts, boxes and objects as one line of JSON, for shards and test sets; the picture is kept beside it."""

from __future__ import annotations

import json

import numpy as np

from pocket.data.sample import Find, Question, Sample, SceneObject, Truth


def to_json(sample: Sample) -> str:
    """Everything but the picture."""
    return json.dumps(
        {
            "captions": sample.captions,
            "questions": [(q.type, q.question, q.answer) for q in sample.questions],
            "finds": [(f.query, [_short(b) for b in f.boxes]) for f in sample.finds],
            "objects": [(o.name, o.colour, _short(o.box)) for o in sample.objects],
            "truth": (sample.truth.objects, sample.truth.attributes, sample.truth.relations),
        },
        ensure_ascii=False,
        separators=(",", ":"),
    )


def _short(box: tuple[float, ...]) -> list[float]:
    return [round(v, 4) for v in box]


def from_json(picture: np.ndarray, text: str) -> Sample:
    """The sample of a picture and its line."""
    d = json.loads(text)
    objects, attributes, relations = d.get("truth", ((), (), ()))
    return Sample(
        picture=picture,
        captions=tuple(d["captions"]),
        questions=tuple(Question(*q) for q in d["questions"]),
        finds=tuple(Find(q, tuple(tuple(b) for b in boxes)) for q, boxes in d["finds"]),
        objects=tuple(SceneObject(n, c, tuple(b)) for n, c, b in d["objects"]),
        truth=Truth(tuple(objects), tuple(map(tuple, attributes)), tuple(map(tuple, relations))),
    )
