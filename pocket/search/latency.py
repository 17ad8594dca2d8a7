"""How long a candidate's encoder takes for a picture: from a table, or measured by running it in Galago."""

from __future__ import annotations

import json
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn

from pocket.model.blocks import Conv, Linear
from pocket.model.config import PocketConfig
from pocket.model.pocket_model import PocketModel

TABLES = Path(__file__).parents[1] / "configs" / "latency"


class Latency(Protocol):
    name: str

    def milliseconds(self, config: PocketConfig) -> float: ...


def work(config: PocketConfig) -> dict[str, float]:
    """Multiply-adds of seeing one picture, by kind of layer, and how many layers there are."""
    model = PocketModel(config, with_reader=False).eval()
    sums = {"conv3x3": 0.0, "linear": 0.0, "layers": 0.0}

    def watch(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        sums["layers"] += 1
        if isinstance(module, Conv):
            kind = "conv3x3" if module.kernel_size[0] > 1 else "linear"
            sums[kind] += output.numel() * module.weight[0].numel()
        elif isinstance(module, Linear):
            sums["linear"] += output.numel() * module.in_features

    hooks = [m.register_forward_hook(watch) for m in model.modules() if isinstance(m, Conv | Linear)]
    with torch.no_grad():
        trunk = model.encoder.trunk(torch.zeros(1, 3, config.image_size, config.image_size))
        model.image_embed(model.tokens(model.encoder.see(trunk)))
    for hook in hooks:
        hook.remove()
    return sums


class TableLatency:
    """{"name": ..., "gmacs_per_second": {"conv3x3": ..., "linear": ...}, "layer_milliseconds": ...}, as measured once
    on the hardware: `galago bench` on two models tells these numbers."""

    def __init__(self, path: Path) -> None:
        data = json.loads(path.read_text(encoding="utf-8"))
        try:
            self.rates = {k: float(data["gmacs_per_second"][k]) for k in ("conv3x3", "linear")}
            self.per_layer = float(data["layer_milliseconds"])
        except (KeyError, TypeError) as error:
            raise ValueError(f"{path}: no {error}; see {TABLES}/cpu.json for the fields") from error
        self.name = str(data.get("name", path.stem))

    def milliseconds(self, config: PocketConfig) -> float:
        done = work(config)
        return sum(done[k] / self.rates[k] / 1e6 for k in self.rates) + done["layers"] * self.per_layer


class EngineLatency:
    """Random weights of 2 bits, exported, and `galago embed` over few and over many pictures: the difference is a
    picture's time, without start and loading. Embeddings are what the encoder alone computes."""

    def __init__(self, program: Path, threads: int, pictures: int = 24, rounds: int = 3) -> None:
        self.program, self.threads, self.pictures, self.rounds = program, threads, pictures, rounds
        self.name = f"{program.name} on {threads} threads"

    def milliseconds(self, config: PocketConfig) -> float:
        from pocket.gguf_model import write_model

        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            write_model(PocketModel(config).eval(), folder / "candidate.gguf", "int2")
            random = np.random.default_rng(0)
            files = []
            for k in range(self.pictures):
                pixels = random.integers(0, 255, (config.image_size, config.image_size, 3), np.uint8)
                Image.fromarray(pixels).save(folder / f"{k}.png")
                files.append(str(folder / f"{k}.png"))
            few = min(self._run(folder, files[:2]) for _ in range(self.rounds))
            many = min(self._run(folder, files) for _ in range(self.rounds))
        return max(0.0, 1000 * (many - few) / (self.pictures - 2))

    def _run(self, folder: Path, files: list[str]) -> float:
        call = [
            str(self.program),
            "embed",
            "-m",
            str(folder / "candidate.gguf"),
            "--threads",
            str(self.threads),
            "--json",
        ]
        started = time.perf_counter()
        done = subprocess.run([*call, *files], capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{' '.join(call[:2])}: exit code {done.returncode}: {done.stderr.strip()[-300:]}")
        return time.perf_counter() - started


def latency_of(target: str, engine: Path | None, threads: int) -> Latency:
    """A table by file or by name, unless a program is given to measure with."""
    if engine is not None:
        return EngineLatency(engine, threads)
    path = Path(target) if target.endswith(".json") else TABLES / f"{target}.json"
    if not path.is_file():
        known = ", ".join(sorted(f.stem for f in TABLES.glob("*.json")))
        raise SystemExit(
            f"--hardware_target: no table {path}; known: {known}. Give a JSON file measured on the hardware, "
            "or --engine to measure here"
        )
    return TableLatency(path)
