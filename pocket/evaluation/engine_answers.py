"""The model in the engine: the program `galago`, as a user runs it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from pocket.evaluation.answers import FoundLine
from pocket.training.records import Box

AT_ONCE = 200  # pictures a process: each start loads the model


class EngineError(RuntimeError):
    pass


class EngineAnswers:
    name = "engine"

    def __init__(self, program: Path, model: Path, arguments: Sequence[str] = ()) -> None:
        self.program, self.model, self.arguments = program, model, list(arguments)

    def _run(self, command: str, *arguments: str, lines: int | None = None) -> list[dict[str, Any]]:
        """Objects, one a line; as many as asked for."""
        call = [str(self.program), command, "-m", str(self.model), "--json", *self.arguments, *arguments]
        done = subprocess.run(call, capture_output=True, text=True, check=False)
        if done.returncode:
            raise EngineError(f"{' '.join(call[:2])}: exit code {done.returncode}: {done.stderr.strip()[-500:]}")
        found = [json.loads(line) for line in done.stdout.splitlines() if line.startswith("{")]
        if lines is not None and len(found) != lines:
            raise EngineError(f"{' '.join(call[:2])}: {len(found)} answers to {lines} inputs")
        return found

    def _each(self, command: str, pictures: Sequence[np.ndarray], *arguments: str) -> list[dict[str, Any]]:
        out = []
        for first in range(0, len(pictures), AT_ONCE):
            with tempfile.TemporaryDirectory() as folder:
                files = [_png(Path(folder) / f"{i}.png", p) for i, p in enumerate(pictures[first : first + AT_ONCE])]
                out += self._run(command, *arguments, *files, lines=len(files))
        return out

    def captions(self, pictures: Sequence[np.ndarray]) -> list[str]:
        return [str(answer["caption"]).strip() for answer in self._each("caption", pictures)]

    def _ask(self, picture: np.ndarray, question: str) -> dict[str, Any]:
        with tempfile.TemporaryDirectory() as folder:
            return self._run("ask", _png(Path(folder) / "picture.png", picture), question, lines=1)[0]

    def ask(self, picture: np.ndarray, questions: Sequence[str]) -> list[str]:
        return [str(self._ask(picture, q)["answer"]).strip() for q in questions]

    def find(self, picture: np.ndarray, query: str) -> list[Box]:
        height, width = picture.shape[:2]
        boxes = []
        for box in self._ask(picture, f"find {query}").get("boxes", []):
            corners = np.asarray(box["corners"] if isinstance(box, dict) else box, float).reshape(-1, 2)
            (left, top), (right, bottom) = corners.min(0), corners.max(0)
            boxes.append((left / width, top / height, right / width, bottom / height))
        return boxes

    def picture_vectors(self, pictures: Sequence[np.ndarray]) -> np.ndarray:
        return np.array([_vector(answer) for answer in self._each("embed", pictures)], np.float32)

    def text_vectors(self, texts: Sequence[str]) -> np.ndarray:
        out = []
        for first in range(0, len(texts), AT_ONCE):
            some = texts[first : first + AT_ONCE]
            arguments = [part for text in some for part in ("--text", text)]
            out += [_vector(answer) for answer in self._run("embed", *arguments, lines=len(some))]
        return np.array(out, np.float32)

    def read(self, picture: np.ndarray) -> list[FoundLine]:
        answer = self._each("ocr", [picture])[0]
        return [FoundLine(line["text"], [(float(x), float(y)) for x, y in line["corners"]]) for line in answer["lines"]]


def _png(path: Path, picture: np.ndarray) -> str:
    Image.fromarray(picture).save(path, compress_level=1)
    return str(path)


def _vector(answer: dict[str, Any]) -> list[float]:
    for key in ("embedding", "vector", "values"):
        if key in answer:
            return answer[key]
    raise EngineError(f"galago embed --json: no embedding among {', '.join(answer)}")
