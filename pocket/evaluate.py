"""Scores a model on the frozen test set, or on published data, in torch or in the engine.

    python -m pocket.evaluate --model pocket.gguf --engine build/cli/galago
    python -m pocket.evaluate --model run/read/last.pt run/see/last.pt --tasks caption,ask --json scores.json
    python -m pocket.evaluate --model pocket.gguf --dataset coco_captions=FOLDER
Without --all, the part of the test set whose pictures are in the repository; with it, all, drawn again from seeds.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import torch

from pocket.evaluation.answers import Answers
from pocket.evaluation.data import load
from pocket.evaluation.engine_answers import EngineAnswers
from pocket.evaluation.scores import TASKS, evaluate
from pocket.evaluation.torch_answers import TorchAnswers
from pocket.training.build import joined
from pocket.training.distributed import choose_device


def table(scores: dict[str, float]) -> str:
    return "\n".join(f"| {name} | {value:.4f} |" for name, value in scores.items())


def answers_of(models: list[Path], engine: Path | None) -> Answers:
    if engine is None:
        return TorchAnswers(joined(*models), choose_device())
    if len(models) != 1 or models[0].suffix != ".gguf":
        raise SystemExit("--engine runs one pocket.gguf: export the checkpoints first (python -m pocket.export)")
    return EngineAnswers(engine, models[0])


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", type=Path, nargs="+", required=True, help="a pocket.gguf, or checkpoints")
    p.add_argument("--dataset", default="test_set", help="test_set, or NAME=FOLDER of published files")
    p.add_argument("--tasks", help=f"of {','.join(TASKS)} (default: what the dataset asks)")
    p.add_argument("--engine", type=Path, help="the program galago; without it the model runs in torch")
    p.add_argument("--all", action="store_true", help="all of the test set, drawn from its seeds")
    p.add_argument("--limit", type=int, help="pictures of each kind of test")
    p.add_argument("--text_only", action="store_true", help="also answer the questions without seeing the pictures")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--json", type=Path, help="write the scores here")
    return p


def main(arguments: list[str] | None = None) -> dict[str, float]:
    a = parser().parse_args(arguments)
    defaults = {"coco_captions": "caption", "textocr": "read", "vqa2": "ask", "coco_retrieval": "retrieve"}
    tasks = (a.tasks or defaults.get(a.dataset.partition("=")[0], ",".join(TASKS))).split(",")
    for unknown in set(tasks) - set(TASKS):
        raise SystemExit(f"--tasks: unknown task '{unknown}', expected some of {', '.join(TASKS)}")
    torch.set_num_threads(a.threads)
    samples, texts = load(a.dataset, a.all, a.limit, tasks)
    scores = evaluate(answers_of(a.model, a.engine), tasks, samples, texts)
    if a.text_only and "ask" in tasks:
        blind = evaluate(TorchAnswers(joined(*a.model), choose_device(), blind=True), ["ask"], samples, [])
        scores["ask/text_only"] = blind["ask/mean"]
    print(f"{len(samples)} pictures with things, {len(texts)} with text\n\n| measure | value |\n|---|---|")
    print(table(scores))
    if a.json:
        a.json.write_text(json.dumps(scores, indent=1) + "\n", encoding="utf-8")
    return scores


if __name__ == "__main__":
    main()
