"""Published formats, on tiny files that are written here."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from pocket.data.published import DataError, coco_captions, text_ocr, vqa_v2


def write(path: Path, data: object) -> Path:
    path.write_text(json.dumps(data), encoding="utf-8")
    return path


def test_coco_captions(tmp_path: Path) -> None:
    Image.new("RGB", (64, 32), "red").save(tmp_path / "000000000009.jpg")
    data = {
        "info": {},
        "images": [
            {"id": 9, "file_name": "000000000009.jpg", "width": 64, "height": 32},
            {"id": 10, "file_name": "000000000010.jpg", "width": 64, "height": 32},
        ],
        "annotations": [
            {"image_id": 9, "id": 1, "caption": "A red  picture."},
            {"image_id": 9, "id": 2, "caption": "Something red"},
            {"image_id": 10, "id": 3, "caption": "not there"},
        ],
    }
    samples = list(coco_captions(write(tmp_path / "c.json", data), tmp_path))
    assert [s.captions for s in samples] == [("A red picture.", "Something red")]
    assert samples[0].picture.shape == (224, 224, 3)


def test_text_ocr(tmp_path: Path) -> None:
    Image.new("RGB", (100, 50)).save(tmp_path / "a1.jpg")
    word = {"id": "a1_1", "image_id": "a1", "bbox": [10, 5, 20, 10], "points": [10, 5, 30, 5, 30, 15, 10, 15]}
    data = {
        "imgs": {"a1": {"id": "a1", "width": 100, "height": 50, "file_name": "train/a1.jpg"}},
        "anns": {"a1_1": word | {"utf8_string": "EXIT"}, "a1_2": word | {"utf8_string": "."}},
        "imgToAnns": {"a1": ["a1_1", "a1_2"]},
    }
    (made,) = text_ocr(write(tmp_path / "t.json", data), tmp_path)
    assert [t.text for t in made.texts] == ["EXIT"]
    assert made.texts[0].corners == ((0.1, 0.1), (0.3, 0.1), (0.3, 0.3), (0.1, 0.3))


def test_vqa_v2(tmp_path: Path) -> None:
    Image.new("RGB", (20, 20)).save(tmp_path / "COCO_val2014_000000000042.jpg")
    asked = {"questions": [{"image_id": 42, "question": "Is it dark?", "question_id": 420}]}
    answers = {
        "annotations": [{"question_id": 420, "image_id": 42, "answer_type": "yes/no", "multiple_choice_answer": "yes"}]
    }
    questions = write(tmp_path / "q.json", asked)
    (made,) = vqa_v2(questions, write(tmp_path / "a.json", answers), tmp_path, "val2014")
    assert [(q.type, q.question, q.answer) for q in made.questions] == [("yes/no", "is it dark?", "yes")]
    (unanswered,) = vqa_v2(questions, None, tmp_path, "val2014")
    assert unanswered.questions[0].answer == ""


def test_a_broken_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match='field "annotations" is missing'):
        list(coco_captions(write(tmp_path / "c.json", {"images": []}), tmp_path))
    (tmp_path / "bad.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read"):
        list(text_ocr(tmp_path / "bad.json", tmp_path))
