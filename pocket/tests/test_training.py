"""The loop: it learns, stops, goes on, and keeps what it had."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from pocket import train_multitask
from pocket.model.config import TINY_CHARACTERS, tiny_config
from pocket.model.pocket_model import PocketModel
from pocket.quantize import fake
from pocket.training.build import model_of
from pocket.training.checkpoints import Checkpoints, load_checkpoint, seed_everything
from pocket.training.ctc import Alphabet, edit_distance
from pocket.training.curves import read_curves
from pocket.training.loop import Options, Trainer
from pocket.training.read_task import ReadTask
from pocket.training.schedule import Schedule


class Numbers:
    """Strips that a seed decides."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(5)

    def strips(self, columns: int) -> tuple[np.ndarray, list[str]]:
        x = self.random.integers(0, 255, (max(2, columns // 48), 32, 48), np.uint8)
        return x, ["".join(self.random.choice(TINY_CHARACTERS[:5], 3)) for _ in x]

    def state(self) -> dict[str, Any]:
        return self.random.bit_generator.state

    def load_state(self, state: dict[str, Any]) -> None:
        self.random.bit_generator.state = state


def trainer(folder: Path | None, samples: int, **options: Any) -> Trainer:
    torch.manual_seed(1)
    model = PocketModel(tiny_config(), with_rest=False)
    task = ReadTask(model.config, Numbers(), [], 48 * 4, torch.device("cpu"))
    chosen = Options(samples=samples, schedule=Schedule(warmup=4, rewarm=1), evaluation_minutes=1e9, **options)
    return Trainer(model, task, model.config, chosen, Checkpoints(folder) if folder else None, torch.device("cpu"))


@pytest.mark.parametrize("quantize", [False, True])
def test_resuming_is_as_if_never_stopped(tmp_path: Path, quantize: bool) -> None:
    seed_everything(7)
    whole = trainer(None, 48, quantize=quantize)
    seed_everything(7)
    whole.run()
    first = trainer(tmp_path, 24, quantize=quantize)
    seed_everything(7)
    first.run()
    second = trainer(tmp_path, 48, quantize=quantize)
    state = Checkpoints(tmp_path).load_newest()
    assert state is not None
    second.load_state(state)
    second.run()
    assert second.progress.step == whole.progress.step == 12
    for name, value in whole.model.state_dict().items():
        assert bool(torch.allclose(value.float(), second.model.state_dict()[name].float(), atol=1e-6)), name
    for name, value in whole.ema.state.items():
        assert torch.allclose(value.float(), second.ema.state[name].float(), atol=1e-6), name


def test_two_bits_are_switched_on_by_a_resume(tmp_path: Path) -> None:
    trainer(tmp_path, 24).run()
    second = trainer(tmp_path, 32, quantize=True)
    state = Checkpoints(tmp_path).load_newest()
    assert state is not None and not state["quantized"]
    second.load_state(state)
    moments = second.optimizer.state[second.model.reader.head.weight]["exp_avg"]
    assert float(moments.abs().sum()) > 0  # the optimizer goes on, it does not begin again
    second.run()
    assert fake.state_has_quantizers(second.ema.state)
    assert fake.is_on(model_of(load_checkpoint(tmp_path / "last.pt")))


def test_a_signal_saves(tmp_path: Path) -> None:
    t = trainer(tmp_path, 10**9)
    threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGTERM)).start()
    t.run()
    state = Checkpoints(tmp_path).load_newest()
    assert state is not None and 0 < state["progress"]["samples"] < 10**9
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


def test_a_damaged_checkpoint_gives_way_to_the_one_before(tmp_path: Path) -> None:
    places = Checkpoints(tmp_path / "a", tmp_path / "b")
    for step in (1, 2):
        places.save({"step": step})
    assert torch.load(tmp_path / "b" / "last.pt")["step"] == 2
    (tmp_path / "a" / "last.pt").write_bytes(b"cut")
    (tmp_path / "b" / "last.pt").unlink()
    assert places.load_newest() == {"step": 1}


def test_schedules() -> None:
    s = Schedule("cosine", warmup=10, rewarm=5)
    assert s.factor(0, 0, 0.0, None) == pytest.approx(0.1)
    assert s.factor(50, 0, 1.0, None) == pytest.approx(0.01)
    constant = Schedule(warmup=10, rewarm=5)
    assert constant.factor(1000, 0, 0.9, None) == 1
    assert constant.factor(1000, 1000, None, None) == pytest.approx(0.2)
    assert constant.factor(1000, 0, None, 0.25) == pytest.approx(0.5)
    assert constant.factor(1000, 0, None, 1.0) == pytest.approx(0.01)


def test_ctc() -> None:
    alphabet = Alphabet("ab")
    logits = torch.eye(3)[[0, 1, 1, 0, 1, 2, 2]][None]
    assert alphabet.greedy(logits) == ["aab"]
    assert alphabet.encode("abxa") == [1, 2, 1]
    assert edit_distance("kitten", "sitting") == 3 and edit_distance("", "ab") == 2


def run(shards: Path, folder: Path, *arguments: str) -> dict[str, Any]:
    train_multitask.main(
        [
            "--config",
            "tiny",
            "--data",
            str(shards),
            "--checkpoints",
            str(folder),
            "--batch_size",
            "4",
            "--warmup",
            "4",
            *arguments,
        ]
    )
    return load_checkpoint(folder / "last.pt")


def test_the_reader_trains(shards: Path, tmp_path: Path) -> None:
    state = run(shards, tmp_path / "c", "--tasks", "read", "--samples", "16", "--mirror", str(tmp_path / "d"))
    assert state["progress"]["samples"] >= 16
    assert (tmp_path / "d" / "last.pt").is_file() and (tmp_path / "c" / "curves.png").is_file()
    assert "eval/cer" in read_curves(tmp_path / "c" / "curves.csv")
    again = run(shards, tmp_path / "c", "--tasks", "read", "--samples", "24", "--resume", "--quantize")
    assert again["progress"]["samples"] >= 24 and again["quantized"]


def test_the_rest_trains(shards: Path, tmp_path: Path) -> None:
    state = run(shards, tmp_path / "c", "--samples", "8", "--see_size", "128")
    curves = read_curves(tmp_path / "c" / "curves.csv")
    assert {"eval/scenes_caption_tokens", "eval/scenes_r1_picture", "eval/pages_box_f1"} <= set(curves)
    assert state["workers"][0]["task"]["classes"]["names"]
    again = run(shards, tmp_path / "c", "--samples", "12", "--resume")  # at full size from here on
    assert again["progress"]["samples"] >= 12


def test_all_tasks_in_one_process(shards: Path, tmp_path: Path) -> None:
    state = run(
        shards, tmp_path / "c", "--tasks", "read,lines,caption", "--datasets", "strips,scenes,pages", "--samples", "8"
    )
    assert state["task"] == "read+see"
    model = model_of(state)
    assert model.has_reader and model.has_rest


def test_it_goes_on_from_a_file(shards: Path, tmp_path: Path) -> None:
    from pocket.dump_stages import random_model
    from pocket.gguf_model import write_model

    model = random_model("tiny", 2)
    fake.switch_on(model)
    write_model(model, tmp_path / "m.gguf", "int2")
    state = run(
        shards,
        tmp_path / "c",
        "--tasks",
        "read",
        "--samples",
        "4",
        "--learning_rate",
        "0",
        "--resume-from",
        str(tmp_path / "m.gguf"),
        "--quantize",
    )
    x = torch.rand(2, 1, 32, 48)
    assert torch.allclose(model_of(state).reader(x), model.reader(x), atol=0.35)  # norms have other statistics
    assert state["quantized"]


def test_unknown_tasks_are_named() -> None:
    with pytest.raises(SystemExit, match="unknown task 'sing'"):
        train_multitask.main(["--tasks", "sing"])
