"""Lets the programs take turns and collects what they reach."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from gguf_file import read_header
from model_files import galago_home
from processes import Energy, ProgramFailed, busy_process, drop_from_page_cache, run
from programs import ANSWER_CONTEXT, Case, Galago, Program, Wanted, Work, cases_of

ENERGY_TOKENS = 64

Say = Callable[[str], None]


class Progress:
    """What is done and about how long the rest takes."""

    def __init__(self, total: int, say: Say) -> None:
        self.total, self.say, self.done = total, say, 0
        self.begin = time.monotonic()

    def next(self, what: str) -> None:
        left = ""
        if self.done:
            seconds = (time.monotonic() - self.begin) / self.done * (self.total - self.done)
            left = f", {seconds / 60:.0f} min left" if seconds >= 60 else f", {seconds:.0f} s left"
        self.done += 1
        self.say(f"[{self.done}/{self.total}{left}] {what}")

    def skip(self, n: int) -> None:
        self.total -= n


@dataclass
class ModelResult:
    name: str
    file_bytes: int
    work: Work
    kv_bytes: int  # for the context of the runs that measure memory
    rates: dict[Case, dict[str, list[float]]] = field(default_factory=dict)  # tokens/s by program
    cold_seconds: dict[str, list[float]] = field(default_factory=dict)  # to the first token
    warm_seconds: dict[str, list[float]] = field(default_factory=dict)
    peak_bytes: dict[str, list[float]] = field(default_factory=dict)
    tokens_per_joule: dict[str, list[float]] = field(default_factory=dict)
    limits: list[dict[str, Any]] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        rates = [{"case": asdict(case), "tokens_per_second": r} for case, r in self.rates.items()]
        return vars(self) | {"rates": rates, "work": asdict(self.work)}

    def add(self, other: ModelResult) -> None:
        """What another run measured of the same file."""
        for case, rates in other.rates.items():
            extend(self.rates.setdefault(case, {}), rates)
        for name in ("cold_seconds", "warm_seconds", "peak_bytes", "tokens_per_joule"):
            extend(getattr(self, name), getattr(other, name))
        self.limits += other.limits
        self.failures += other.failures

    @staticmethod
    def from_json(json_: dict[str, Any]) -> ModelResult:
        rates = {Case(**entry["case"]): entry["tokens_per_second"] for entry in json_["rates"]}
        return ModelResult(**(json_ | {"rates": rates, "work": Work(**json_["work"])}))


def extend(values: dict[str, list[float]], more: dict[str, list[float]]) -> None:
    for name, measured in more.items():
        values.setdefault(name, []).extend(measured)


@dataclass(frozen=True)
class Options:
    start: bool = True  # time to the first token, and memory
    cpu_time: bool = False  # seconds of the processes' CPU time instead of the clock's


class Comparison:
    """Of one model file."""

    def __init__(
        self,
        model: Path,
        programs: Sequence[Program],
        wanted: Wanted,
        threads: int,
        limits: Path | None,
        options: Options,
    ) -> None:
        header = read_header(model)
        work = Work.of(header)
        context = header.number("context_length", 2048)
        self.model, self.threads, self.limits = model, threads, limits
        self.programs = list(programs)
        self.cases = cases_of(wanted, context)
        self.start, self.cpu_time = options.start, options.cpu_time
        self.energy = Energy()
        self.result = ModelResult(
            model.stem, model.stat().st_size, work, work.state_bytes * min(ANSWER_CONTEXT, context)
        )
        self.broken: set[tuple[str, object]] = set()  # not asked a second time

    def n_runs(self, rounds: int) -> int:
        kinds = len(self.cases) + (2 if self.start else 0) + (1 if self.energy.readable else 0)
        return rounds * (kinds * len(self.programs) + (1 if self.limits else 0))

    def round(self, number: int, progress: Progress) -> None:
        turn = number % max(len(self.programs), 1)
        programs = self.programs[turn:] + self.programs[:turn]  # nobody is always first
        where = f"{self.model.stem}, round {number + 1}"
        if self.limits:
            progress.next(f"{where}: what the machine gives")
            self.measure_limits()
        for case in self.cases:
            for program in programs:
                progress.next(f"{where}: {case.title}: {program.name}")
                self.attempt(program, case, lambda p=program, c=case: self.measure_rate(p, c))
        if self.start:
            for program in programs:
                for cold in (True, False):  # one after the other: a cold start drops everybody's pages
                    progress.next(f"{where}: {'cold' if cold else 'warm'} start: {program.name}")
                    self.attempt(program, "start", lambda p=program, c=cold: self.measure_start(p, c))
        if self.energy.readable:
            for program in programs:
                progress.next(f"{where}: energy: {program.name}")
                self.attempt(program, "energy", lambda p=program: self.measure_energy(p))

    def attempt(self, program: Program, what: object, measure: Callable[[], None]) -> None:
        """What fails once is reported and left out."""
        if (program.name, what) in self.broken:
            return
        try:
            measure()
        except (ProgramFailed, ValueError, KeyError, IndexError, OSError) as failure:
            self.broken.add((program.name, what))
            title = what.title if isinstance(what, Case) else str(what)
            self.result.failures.append(f"{self.result.name}, {title}: {program.name}: {failure}")

    def measure_limits(self) -> None:
        assert self.limits is not None
        clock = ["cpu"] if self.cpu_time else []
        done = run([self.limits, str(self.result.work.step_bytes), str(self.threads), *clock])
        self.result.limits.append(json.loads(done.stdout))

    def measure_rate(self, program: Program, case: Case) -> None:
        if case.kv != "f16" and isinstance(program, Galago) and not program.knows_kv(case.kv):
            raise ProgramFailed(f"bench has no --kv {case.kv}")
        with busy_process(case.contended):
            rate = self.cpu_rate(program, case) if self.cpu_time else self.clock_rate(program, case)
        self.result.rates.setdefault(case, {}).setdefault(program.name, []).append(rate)

    def clock_rate(self, program: Program, case: Case) -> float:
        return program.rate(run(program.rate_command(self.model, case, self.threads), program.env).stdout)

    def cpu_rate(self, program: Program, case: Case) -> float:
        """By the difference of a run with one repetition and one with more, so that loading drops out."""
        more = 1 if case.phase == "prefill" else 3
        once, often = (
            run(program.rate_command(self.model, case, self.threads, n), program.env).cpu_seconds for n in (1, 1 + more)
        )
        if often <= once:
            raise ValueError("more repetitions took no more CPU time")
        return more * case.n_tokens / (often - once)

    def measure_start(self, program: Program, cold: bool) -> None:
        command = program.answer_command(self.model, self.threads)
        if cold:
            packed = galago_home() / "packed"
            files = [self.model, *(file for file in packed.rglob("*") if file.is_file())]
            if not drop_from_page_cache(files):
                return
        done = run(command, program.env)
        times = self.result.cold_seconds if cold else self.result.warm_seconds
        times.setdefault(program.name, []).append(done.cpu_seconds if self.cpu_time else done.first_byte_seconds)
        if not cold:
            self.result.peak_bytes.setdefault(program.name, []).append(done.peak_bytes)

    def measure_energy(self, program: Program) -> None:
        """By the difference of a short run and a long one, so that loading drops out."""
        joules = []
        for n_tokens in (ENERGY_TOKENS, 3 * ENERGY_TOKENS):
            before = self.energy.read()
            run(program.rate_command(self.model, Case("decode", n_tokens), self.threads), program.env)
            joules.append(self.energy.joules_since(before))
        if joules[1] > joules[0]:
            rate = 2 * ENERGY_TOKENS / (joules[1] - joules[0])
            self.result.tokens_per_joule.setdefault(program.name, []).append(rate)
