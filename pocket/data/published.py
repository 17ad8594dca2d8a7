"""Readers of published data sets in their own files: COCO captions, TextOCR, VQAv2."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pocket.data.sample import Question, Sample, TextRegion

SIZE = 224


class DataError(ValueError):
    """A file is not what its format says; the message names file, field and remedy."""


def picture(path: Path) -> np.ndarray:
    """A picture file squashed to 224x224, as the model sees it."""
    with Image.open(path) as opened:
        return np.array(opened.convert("RGB").resize((SIZE, SIZE), Image.Resampling.BILINEAR))


def _load(path: Path, *fields: str) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path}: cannot be read as JSON: {error}; download the file again") from error
    for field in fields:
        if not isinstance(data, dict) or field not in data:
            raise DataError(f'{path}: field "{field}" is missing; expected the published file, not a part of it')
    return data


def coco_captions(annotations: Path, pictures: Path) -> Iterator[Sample]:
    """captions_train2017.json and the like: one sample a picture, with all its captions."""
    data = _load(annotations, "images", "annotations")
    texts: dict[int, list[str]] = {}
    for entry in data["annotations"]:
        texts.setdefault(entry["image_id"], []).append(" ".join(entry["caption"].split()))
    for image in data["images"]:
        path = pictures / image["file_name"]
        if image["id"] in texts and path.is_file():
            yield Sample(picture(path), captions=tuple(texts[image["id"]]))


def text_ocr(annotations: Path, pictures: Path) -> Iterator[Sample]:
    """TextOCR_0.1_train.json and the like: one sample a picture, with its words and their corners as fractions."""
    data = _load(annotations, "imgs", "anns", "imgToAnns")
    for key, image in data["imgs"].items():
        path = pictures / Path(image["file_name"]).name
        if not path.is_file():
            continue
        width, height = float(image["width"]), float(image["height"])
        texts = []
        for number in data["imgToAnns"].get(key, []):
            word = data["anns"][str(number)]
            points = word["points"]
            if word["utf8_string"] == "." or len(points) < 8:  # "." marks what nobody can read
                continue
            corners = tuple((points[i] / width, points[i + 1] / height) for i in range(0, len(points) - 1, 2))
            texts.append(TextRegion(word["utf8_string"], corners))
        yield Sample(picture(path), texts=tuple(texts))


def coco_name(image_id: int, split: str) -> str:
    return f"COCO_{split}_{image_id:012d}.jpg"


def vqa_v2(questions: Path, annotations: Path | None, pictures: Path, split: str) -> Iterator[Sample]:
    """v2_OpenEnded_mscoco_val2014_questions.json with v2_mscoco_val2014_annotations.json: one sample a picture.

    The answer is the most frequent one ("multiple_choice_answer"); test files have none, then it is "".
    """
    answers: dict[int, tuple[str, str]] = {}
    if annotations is not None:
        for entry in _load(annotations, "annotations")["annotations"]:
            answers[entry["question_id"]] = (entry.get("answer_type", "other"), entry["multiple_choice_answer"])
    asked: dict[int, list[Question]] = {}
    for entry in _load(questions, "questions")["questions"]:
        kind, answer = answers.get(entry["question_id"], ("other", ""))
        asked.setdefault(entry["image_id"], []).append(Question(kind, entry["question"].lower(), answer))
    for image_id, found in asked.items():
        path = pictures / coco_name(image_id, split)
        if path.is_file():
            yield Sample(picture(path), questions=tuple(found))


READERS: dict[str, Callable[..., Iterator[Sample]]] = {
    "coco_captions": coco_captions,
    "textocr": text_ocr,
    "vqa2": vqa_v2,
}
