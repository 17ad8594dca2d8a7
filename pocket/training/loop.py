"""The loop: batches of a task, AdamW, averaged weights, checkpoints, curves, until a budget or a signal ends it."""

from __future__ import annotations

import contextlib
import signal
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor, nn

from pocket.model.config import PocketConfig
from pocket.quantize import fake
from pocket.training import distributed
from pocket.training.checkpoints import Checkpoints, random_state, set_random_state
from pocket.training.curves import Curves, plot
from pocket.training.ema import Averaged, Ema
from pocket.training.schedule import Schedule


class Stopped(Exception):
    """A signal came while the task waited for data."""


class Task(Protocol):
    """What a loop trains: where batches come from, and what is lost on them."""

    name: str

    def next_batch(self) -> Any: ...

    def size(self, batch: Any) -> int: ...

    def loss(self, model: nn.Module, batch: Any) -> tuple[Tensor, dict[str, float]]: ...

    def evaluate(self, model: nn.Module) -> dict[str, float]: ...

    def state(self) -> dict[str, Any]: ...

    def load_state(self, state: dict[str, Any]) -> None: ...


@dataclass
class Options:
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.02
    clip: float = 2.0
    schedule: Schedule = field(default_factory=Schedule)
    minutes: float | None = None  # budgets count what earlier sessions trained, too
    samples: int | None = None
    session_minutes: float | None = None  # ends this session, not the training
    decay_minutes: float | None = None  # a last phase whose rate falls to zero; begins when it is first asked for
    checkpoint_minutes: float = 7.0
    evaluation_minutes: float = 10.0
    report_seconds: float = 60.0
    precision: str = "auto"
    ema_decay: float = 0.9995
    quantize: bool = False


@dataclass
class Progress:
    step: int = 0
    samples: int = 0
    seconds: float = 0.0
    decay_from: float | None = None  # seconds of training at which the last phase began


def autocast(precision: str, device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """bf16 where the processor multiplies it; elsewhere it would be slower than float32."""
    if precision == "auto":
        fast = device.type == "cuda" or torch.ops.mkldnn._is_mkldnn_bf16_supported() and _has_bf16_instructions()
        precision = "bf16" if fast else "f32"
    if precision == "f32":
        return contextlib.nullcontext()
    return torch.autocast(device.type, torch.bfloat16)


def _has_bf16_instructions() -> bool:
    try:
        flags = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace")
    except OSError:
        return False
    return "avx512_bf16" in flags or "amx_bf16" in flags or " bf16" in flags


class Trainer:
    def __init__(
        self,
        model: nn.Module,
        task: Task,
        config: PocketConfig,
        options: Options,
        checkpoints: Checkpoints | None,
        device: torch.device,
    ) -> None:
        self.task, self.config, self.options, self.device = task, config, options, device
        self.checkpoints = checkpoints
        self.model = model.to(device).to(memory_format=torch.channels_last)
        if options.quantize:
            fake.switch_on(self.model)
        self.progress = Progress()
        self.resumed_at = 0
        self.ema = Ema(self.model, options.ema_decay)
        self.optimizer = self._optimizer()
        folder = checkpoints.folders[0] if checkpoints and distributed.rank() == 0 else None
        self.curves = Curves(folder / "curves.csv" if folder else None)
        self.stopping = self.waiting = False
        self.averages: dict[str, float] = {}

    def _optimizer(self) -> torch.optim.Optimizer:
        decayed, others = [], []
        for name, parameter in self.model.named_parameters():
            plain = parameter.ndim <= 1 or ".quantizer." in name or "positions" in name
            (others if plain else decayed).append(parameter)
        groups = [
            {"params": decayed, "weight_decay": self.options.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ]
        return torch.optim.AdamW(groups, self.options.learning_rate, betas=(0.9, 0.98), fused=True)

    # Checkpoints -----------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Any]:
        """All that goes on: with it, a resumed run takes the steps that an uninterrupted one would."""
        return {
            "config": self.config.to_dict(),
            "model": self.model.state_dict(),
            "ema": self.ema.state,
            "ema_steps": self.ema.steps,
            "optimizer": self.optimizer.state_dict(),
            "optimizer_names": [n for n, _ in self.model.named_parameters()],
            "progress": vars(self.progress).copy(),
            "averages": dict(self.averages),
            "quantized": fake.is_on(self.model),
            "task": self.task.name,
            "workers": distributed.gather({"random": random_state(), "task": self.task.state()}),
        }

    def load_state(self, state: dict[str, Any]) -> None:
        if fake.state_has_quantizers(state["model"]):
            if not fake.is_on(self.model):
                fake.switch_on(self.model)
                self.ema = Ema(self.model, self.options.ema_decay)
                self.optimizer = self._optimizer()
            self._load(state)
        elif fake.is_on(self.model):
            # 2 bits begin here: the scales fit the weights that training has reached.
            fake.switch_off(self.model)
            self.optimizer, self.ema = self._optimizer(), Ema(self.model, self.options.ema_decay)
            self._load(state)
            moments = self._moments()
            fake.switch_on(self.model)
            self.optimizer = self._optimizer()
            self._set_moments(moments)
            self.ema.update(self.model)
        else:
            self._load(state)

    def _load(self, state: dict[str, Any]) -> None:
        self.model.load_state_dict(state["model"])
        self.ema.state = {name: t.to(self.device) for name, t in state["ema"].items()}
        self.ema.steps = state["ema_steps"]
        self.optimizer.load_state_dict(state["optimizer"])
        self.progress = Progress(**state["progress"])
        self.averages = dict(state["averages"])
        self.resumed_at = self.progress.step
        workers = state["workers"]
        mine = distributed.rank()
        if mine < len(workers):
            set_random_state(workers[mine]["random"])
            self.task.load_state(workers[mine]["task"])

    def _moments(self) -> dict[str, dict[str, Tensor]]:
        return {n: self.optimizer.state[p] for n, p in self.model.named_parameters() if p in self.optimizer.state}

    def _set_moments(self, moments: dict[str, dict[str, Tensor]]) -> None:
        for name, parameter in self.model.named_parameters():
            if name in moments:
                self.optimizer.state[parameter] = moments[name]

    def save(self) -> None:
        state = self.state()
        if self.checkpoints and distributed.rank() == 0:
            self.checkpoints.save(state)
        distributed.barrier()

    # The loop --------------------------------------------------------------------------------------------------------

    def budget(self) -> tuple[float | None, float | None]:
        """How far the budget and the last phase are used up, 0 to 1."""
        o, p = self.options, self.progress
        parts = []
        if o.minutes is not None:
            parts.append(p.seconds / 60 / max(o.minutes, 1e-9))
        if o.samples is not None:
            parts.append(p.samples / max(o.samples, 1))
        decay = None
        if o.decay_minutes is not None:
            if p.decay_from is None:
                p.decay_from = p.seconds
            decay = (p.seconds - p.decay_from) / 60 / max(o.decay_minutes, 1e-9)
        return (max(parts) if parts else None), decay

    def step(self) -> float:
        """One batch; returns the loss."""
        o, p = self.options, self.progress
        progress, decay = self.budget()
        factor = o.schedule.factor(p.step, self.resumed_at, progress, decay)
        for group in self.optimizer.param_groups:
            group["lr"] = o.learning_rate * factor
        started = time.perf_counter()
        self.waiting = True
        batch = self.task.next_batch()
        self.waiting = False
        data_seconds = time.perf_counter() - started
        with autocast(o.precision, self.device):
            loss, parts = self.task.loss(self.model, batch)
        loss.backward()
        self.stopping = distributed.average_gradients(self.model, self.stopping)
        norm = nn.utils.clip_grad_norm_(self.model.parameters(), o.clip)
        value = loss.item()
        if bool(torch.isfinite(norm)):
            self.optimizer.step()
            self.ema.update(self.model)
        else:
            print(f"step {p.step}: gradient is not finite, left out", flush=True)
        self.optimizer.zero_grad(set_to_none=True)
        p.step += 1
        p.samples += self.task.size(batch) * distributed.world()
        p.seconds += time.perf_counter() - started
        for name, part in {
            "loss": value,
            **parts,
            "speed/data_share": data_seconds / max(1e-9, time.perf_counter() - started),
        }.items():
            known = self.averages.get(name)
            self.averages[name] = part if known is None else known + (part - known) * 0.02
        return value

    def finished(self) -> bool:
        progress, decay = self.budget()
        return (progress is not None and progress >= 1) or (decay is not None and decay >= 1)

    def run(self) -> None:
        """Until the budget is used up, the session is over, or SIGTERM or SIGINT comes; saves at the end."""
        o = self.options
        previous = {s: signal.signal(s, self._on_signal) for s in (signal.SIGTERM, signal.SIGINT)}
        session = time.monotonic()
        saved = evaluated = reported = session
        samples, seconds = self.progress.samples, self.progress.seconds
        self.model.train()
        try:
            while not self.finished():
                try:
                    self.step()
                except Stopped:
                    break
                now = time.monotonic()
                if o.session_minutes is not None and now - session > o.session_minutes * 60:
                    self.stopping = True
                if now - reported > o.report_seconds:
                    self._report((self.progress.samples - samples) / max(1e-9, self.progress.seconds - seconds))
                    samples, seconds, reported = self.progress.samples, self.progress.seconds, now
                if distributed.world() > 1:
                    # Clocks differ: the first process says when the others join in.
                    saved_due, evaluate_due = distributed.gather(
                        (now - saved > o.checkpoint_minutes * 60, now - evaluated > o.evaluation_minutes * 60)
                    )[0]
                else:
                    saved_due = now - saved > o.checkpoint_minutes * 60
                    evaluate_due = now - evaluated > o.evaluation_minutes * 60
                if saved_due:
                    self.save()
                    saved = now
                if evaluate_due:
                    self.evaluate()
                    evaluated = time.monotonic()
                if self.stopping:
                    break
            self.save()
            if self.finished():
                self.evaluate()
        finally:
            for number, handler in previous.items():
                signal.signal(number, handler)

    def _on_signal(self, *_: object) -> None:
        self.stopping = True
        if self.waiting:
            raise Stopped

    def _report(self, rate: float) -> None:
        if distributed.rank():
            return
        p = self.progress
        lr = self.optimizer.param_groups[0]["lr"]
        parts = " ".join(f"{name} {value:.3f}" for name, value in self.averages.items())
        print(
            f"{time.strftime('%H:%M:%S')} step {p.step} samples {p.samples} hours {p.seconds / 3600:.2f} "
            f"{rate:.1f}/s lr {lr:.2e} {parts}",
            flush=True,
        )
        self.curves.add(p.seconds, p.samples, {**self.averages, "speed/rate": rate})

    def evaluate(self) -> dict[str, float]:
        """Of the averaged weights, on what training never sees. All processes wait for the first."""
        values: dict[str, float] = {}
        if distributed.rank() == 0:
            kept = random_state()
            with Averaged(self.model, self.ema) as model, torch.no_grad():
                values = self.task.evaluate(model)
            set_random_state(kept)
            self.curves.add(self.progress.seconds, self.progress.samples, {f"eval/{k}": v for k, v in values.items()})
            shown = " ".join(f"{name} {value:.4f}" for name, value in values.items())
            print(f"{time.strftime('%H:%M:%S')} evaluated at {self.progress.samples}: {shown}", flush=True)
            if self.curves.path is not None:
                with contextlib.suppress(Exception):
                    plot(self.curves.path, self.curves.path.with_suffix(".png"))
        distributed.barrier()
        return values
