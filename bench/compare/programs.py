"""The programs that are compared, what they are asked to do, and how their answers are read."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from gguf_file import Header
from peers import BUILDS

PROMPT = "A galago is a small primate with large eyes. Tell me where galagos live, what they eat, and why they jump."
ANSWER_CONTEXT = 2048  # tokens for which the runs that measure start and memory make room


@dataclass(frozen=True)
class Case:
    """One number to be measured: a rate in tokens a second."""

    phase: str  # prefill or decode
    n_tokens: int
    depth: int = 0  # tokens in the context before
    kv: str = "f16"
    contended: bool = False  # beside a process that computes all the time

    @property
    def title(self) -> str:
        parts = [f"{self.phase} {self.n_tokens}"]
        if self.depth:
            parts.append(f"at {self.depth}")
        if self.kv != "f16":
            parts.append(f"{self.kv} KV")
        if self.contended:
            parts.append("beside a busy process")
        return ", ".join(parts)


@dataclass(frozen=True)
class Program:
    name: str
    env: dict[str, str] = field(default_factory=dict)

    def rate_command(self, model: Path, case: Case, threads: int, repetitions: int = 1) -> list[str]:
        raise NotImplementedError

    def rate(self, stdout: bytes) -> float:
        raise NotImplementedError

    def answer_command(self, model: Path, threads: int) -> list[str]:
        """Writes one token to standard output."""
        raise NotImplementedError


@dataclass(frozen=True)
class Galago(Program):
    path: Path = Path()

    def rate_command(self, model: Path, case: Case, threads: int, repetitions: int = 1) -> list[str]:
        n = {"prefill": (case.n_tokens, 0), "decode": (0, case.n_tokens)}[case.phase]
        command = [str(self.path), "bench", str(model), "-p", str(n[0]), "-n", str(n[1]), "-d", str(case.depth)]
        kv = ["--kv", case.kv] if case.kv != "f16" else []
        return [*command, "-r", str(repetitions), "-t", str(threads), "-o", "json", *kv]

    def rate(self, stdout: bytes) -> float:
        return float(json.loads(stdout)["results"][-1]["tokens_per_second"])

    def answer_command(self, model: Path, threads: int) -> list[str]:
        options = ["--raw", "--temp", "0", "-n", "1", "--ignore-eos", "-c", str(ANSWER_CONTEXT), "-t", str(threads)]
        return [str(self.path), "run", "-m", str(model), *options, PROMPT]

    def knows_kv(self, kv: str) -> bool:
        shown = subprocess.run([self.path, "bench", "--help"], capture_output=True, text=True, check=False).stdout
        return kv == "f16" or ("--kv" in shown and kv in shown)

    def isa(self, model: Path) -> str:
        """The instruction set that it chooses for itself."""
        command = self.rate_command(model, Case("decode", 1), 1)
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        try:
            return str(json.loads(done.stdout)["isa"])
        except (ValueError, KeyError):
            return ""


@dataclass(frozen=True)
class Llama(Program):
    folder: Path = Path()

    def rate_command(self, model: Path, case: Case, threads: int, repetitions: int = 1) -> list[str]:
        n = {"prefill": (case.n_tokens, 0), "decode": (0, case.n_tokens)}[case.phase]
        command = [str(self.folder / "llama-bench"), "-m", str(model), "-p", str(n[0]), "-n", str(n[1])]
        kv = ["-ctk", "q8_0", "-ctv", "q8_0", "-fa", "on"] if case.kv == "q8" else []
        options = ["-d", str(case.depth), "-r", str(repetitions), "-t", str(threads), "-o", "json"]
        return [*command, *options, *kv]

    def rate(self, stdout: bytes) -> float:
        return float(json.loads(stdout)[-1]["avg_ts"])

    def answer_command(self, model: Path, threads: int) -> list[str]:
        # Without its warm-up run, which would only make it wait.
        options = ["--no-conversation", "--no-warmup", "--no-display-prompt", "--simple-io", "--ignore-eos"]
        command = [str(self.folder / "llama-completion"), "-m", str(model), "-p", PROMPT, "-n", "1", "--temp", "0"]
        return [*command, "-c", str(ANSWER_CONTEXT), "-t", str(threads), *options]


@dataclass(frozen=True)
class Duel:
    """One of ours, and those of theirs whose best it is measured against."""

    ours: str
    theirs: tuple[str, ...]
    title: str


def llama_programs(built: dict[str, Path]) -> list[Llama]:
    return [Llama(f"llama.cpp {b.title}", {}, built[b.name]) for b in BUILDS if b.name in built]


def line_up(galago: Path, best_isa: str, built: dict[str, Path]) -> tuple[list[Program], list[Duel]]:
    """All programs, and who is measured against whom: ours at its best against their best build, and with an
    instruction set against the build for it."""
    ours: list[Program] = [Galago("galago", {}, galago)]
    theirs = llama_programs(built)
    duels = [Duel("galago", tuple(p.name for p in theirs), "to the best")] if theirs else []
    for build in BUILDS:
        if not build.isa or build.name not in built:
            continue
        name = "galago"
        if build.isa != best_isa:
            name = f"galago {build.isa}"
            ours.append(Galago(name, {"GALAGO_ISA": build.isa}, galago))
        duels.append(Duel(name, (f"llama.cpp {build.title}",), f"{build.isa} to {build.title}"))
    return [*ours, *theirs], duels


@dataclass(frozen=True)
class Wanted:
    """What is asked for on the command line."""

    prefill: Sequence[int]
    depths: Sequence[int]
    decode_tokens: int
    kv: Sequence[str]
    contended: bool


def cases_of(wanted: Wanted, context: int) -> list[Case]:
    """As the model's context permits; what is beyond is cut to it."""

    def cases() -> Iterator[Case]:
        for n in wanted.prefill:
            yield Case("prefill", min(n, context - 1))
        for depth in wanted.depths:
            reached = max(0, min(depth, context - wanted.decode_tokens - 1))
            for kv in wanted.kv:
                if kv == "f16" or reached > 0:
                    yield Case("decode", wanted.decode_tokens, reached, kv)
        if wanted.contended:
            yield Case("decode", wanted.decode_tokens, contended=True)

    return list(dict.fromkeys(cases()))


@dataclass(frozen=True)
class Work:
    """What a step has to do, whoever does it."""

    step_bytes: int  # of the file, read for one token of decoding
    state_bytes: int  # of keys and values in f16, for a token of context
    multiplications: int  # for a token of a prompt

    @staticmethod
    def of(header: Header) -> Work:
        tied = not any(t.name == "output.weight" for t in header.tensors)
        step = multiplications = 0
        for tensor in header.tensors:
            if tensor.name == "token_embd.weight" and not tied:
                step += tensor.n_bytes // max(tensor.dims[-1], 1)  # one row is looked up
            else:
                step += tensor.n_bytes
            if tensor.name.startswith("blk.") and len(tensor.dims) == 2:
                multiplications += tensor.n_values
        n_heads = header.number("attention.head_count")
        n_kv = header.number("attention.head_count_kv", n_heads)
        head = header.number("embedding_length") // max(n_heads, 1)
        k, v = header.number("attention.key_length", head), header.number("attention.value_length", head)
        return Work(step, 2 * header.number("block_count") * n_kv * (k + v), multiplications)
