#!/usr/bin/env python3
"""Measures galago beside llama.cpp: rates, time to the first token, memory, and what the machine would allow.

MODEL is a GGUF file, or a size with random weights, made once: PRESET or PRESET:TYPE[,TYPE...].
Without one: the default model where it is installed, and qwen3-0.6b, llama3.2-1b and qwen2.5-1.5b in Q4_0.

llama.cpp is fetched with pip (the sdist of llama-cpp-python) and built once for this machine, once for
AVX-512-VNNI and once for AVX2, in build-peers/. The programs take turns, so that what disturbs the machine
disturbs all. The table is printed; table, JSON and plot are left in --out.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from blocks import TYPES
from gguf_file import FormatError
from make_model import PRESETS
from measure import Comparison, ModelResult, Options, Progress
from model_files import QUANTIZED, Cache, NoModel, Recipe, galago_home, parse
from peers import BUILDS, BuildFailed, build_peers, call, default_jobs
from plot import svg
from programs import Duel, Galago, Program, Wanted, line_up
from report import markdown

ROOT = Path(__file__).resolve().parents[2]
DEFAULT_MODELS = ("qwen3-0.6b:q4_0", "llama3.2-1b:q4_0", "qwen2.5-1.5b:q4_0")


def say(line: str) -> None:
    print(f"compare: {line}", file=sys.stderr, flush=True)


def numbers(text: str) -> list[int]:
    return [int(part) for part in text.split(",") if part]


def words(text: str) -> list[str]:
    return [part for part in text.split(",") if part]


def parse_arguments() -> argparse.Namespace:
    cli = argparse.ArgumentParser(
        prog="./dev bench compare",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog=f"PRESET: {', '.join(PRESETS)}\nTYPE: {', '.join([*TYPES, *QUANTIZED])}",
    )
    cli.add_argument("model", nargs="*", metavar="MODEL")
    cli.add_argument("--rounds", type=int, default=5, help="how often everything is measured (5)")
    cli.add_argument("-t", "--threads", type=int, default=0, help="of all programs (one for each core)")
    cli.add_argument("--types", type=words, default=["q4_0"], help="of a PRESET without a TYPE (q4_0)")
    cli.add_argument("--prefill", type=numbers, default=[64, 512, 2048], help="tokens of the prompts (64,512,2048)")
    cli.add_argument("--depth", type=numbers, default=[0, 2048, 8192], help="context before decoding (0,2048,8192)")
    cli.add_argument("--decode", type=int, default=64, help="tokens to decode (64)")
    cli.add_argument("--kv", type=words, default=["f16", "q8"], help="types of keys and values (f16,q8)")
    shared = "one thread, seconds of CPU time: for a machine where something else runs"
    cli.add_argument("--cpu-time", action="store_true", help=shared)
    cli.add_argument("--no-contended", action="store_true", help="leave out decoding beside a busy process")
    cli.add_argument("--no-start", action="store_true", help="leave out time to the first token, and memory")
    builds = ",".join(build.name for build in BUILDS)
    cli.add_argument("--peers", type=words, default=words(builds), help=f"builds of llama.cpp, or none ({builds})")
    cli.add_argument("--peers-folder", type=Path, default=ROOT / "build-peers", help="where they are built")
    cli.add_argument("--jobs", type=int, default=default_jobs(), help="of building them (one for each core)")
    cli.add_argument("--models", type=Path, default=galago_home() / "bench", help="where made models are kept")
    vocabularies = "a GGUF file with the vocabulary of made models, or a folder of ggml's test vocabularies"
    cli.add_argument("--vocab", type=Path, default=ROOT.parent / "shared" / "tokenizers", help=vocabularies)
    cli.add_argument("--out", type=Path, default=Path("out/compare"), help="folder for the results (out/compare)")
    cli.add_argument("--galago", type=Path, default=ROOT / "build" / "cli" / "galago", help=argparse.SUPPRESS)
    again = "measure nothing: report earlier runs of one machine together"
    cli.add_argument("--report", type=Path, nargs="+", metavar="JSON", help=again)
    arguments = cli.parse_args()
    if arguments.rounds < 1 or arguments.decode < 1 or min([1, *arguments.prefill]) < 1:
        cli.error("rounds and tokens are 1 or more")
    return arguments


def core_count() -> int:
    """Cores, not their hardware threads, that this process may use."""
    cpus = os.sched_getaffinity(0) if hasattr(os, "sched_getaffinity") else set(range(os.cpu_count() or 1))
    firsts = set()
    for cpu in cpus:
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        firsts.add(siblings.read_text() if siblings.exists() else str(cpu))
    return len(firsts)


def first_line(command: Sequence[str | Path]) -> str:
    try:
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""


def describe_machine(galago: Path, isa: str, threads: int, rounds: int, cpu_time: bool) -> dict[str, Any]:
    info = Path("/proc/cpuinfo")
    lines = info.read_text().splitlines() if info.exists() else []
    model = next((line for line in lines if line.startswith("model name")), "")
    commit = first_line(["git", "-C", ROOT, "describe", "--always", "--dirty"])
    return {
        "cpu": model.partition(":")[2].strip() or platform.processor() or platform.machine(),
        "cores": core_count(),
        "memory_bytes": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        "system": f"{platform.system()} {platform.release()}",
        "galago": commit or first_line([galago, "--version"]),
        "isa": isa,
        "threads": threads,
        "rounds": rounds,
        "clock": "CPU time" if cpu_time else "wall clock",
        "date": datetime.datetime.now().strftime("%Y-%m-%d"),
    }


def build_limits(folder: Path) -> Path | None:
    source, program = Path(__file__).with_name("limits.cc"), folder / "limits"
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    folder.mkdir(parents=True, exist_ok=True)
    command = ("g++", "-std=c++20", "-O3", "-pthread", source, "-o", program)
    try:
        call(command, folder / "limits.log", "compiling bench/compare/limits.cc")
    except (BuildFailed, OSError) as failure:
        say(f"the machine's limits are left out: {failure}")
        return None
    return program


def chosen_models(arguments: argparse.Namespace, cache: Cache) -> list[Path]:
    default = sorted((galago_home() / "models").glob("smollm2-135m-instruct*.gguf"))[:1]
    named = arguments.model or [*map(str, default), *DEFAULT_MODELS]
    wanted = parse(named, arguments.types)
    cache.check_space([recipe for recipe in wanted if isinstance(recipe, Recipe)])
    files = []
    for one in wanted:
        try:
            files.append(cache.get(one) if isinstance(one, Recipe) else one)
        except (NoModel, FormatError, OSError) as failure:
            say(f"left out: {failure}")
    return files


def save(folder: Path, machine: dict[str, Any], names: list[str], duels: list[Duel], results: list[ModelResult]) -> str:
    text = markdown(machine, results, names, duels)
    subtitle = "{cpu}, {threads} threads, {rounds} rounds, {clock}, {date}".format_map(machine)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "compare.md").write_text(text, encoding="utf-8")
    (folder / "compare.svg").write_text(svg(results, duels, subtitle), encoding="utf-8")
    plain = {"machine": machine, "programs": names, "duels": [vars(duel) for duel in duels]}
    plain["models"] = [result.to_json() for result in results]
    (folder / "compare.json").write_text(json.dumps(plain, indent=1) + "\n", encoding="utf-8")
    return text


def report_again(files: Sequence[Path], folder: Path) -> str:
    """Several runs as one: what the first says of the machine, everybody's models."""
    runs = [json.loads(file.read_text(encoding="utf-8")) for file in files]
    names = list(dict.fromkeys(name for run in runs for name in run["programs"]))
    duels: dict[str, Duel] = {}
    results: dict[str, ModelResult] = {}
    for run in runs:
        for duel in run["duels"]:
            known = duels.get(duel["title"])
            theirs = dict.fromkeys([*(known.theirs if known else ()), *duel["theirs"]])
            duels[duel["title"]] = Duel(duel["ours"], tuple(theirs), duel["title"])
        for model in map(ModelResult.from_json, run["models"]):
            if model.name in results:
                results[model.name].add(model)
            else:
                results[model.name] = model
    return save(folder, runs[0]["machine"], names, list(duels.values()), list(results.values()))


def measure(
    arguments: argparse.Namespace,
    models: list[Path],
    programs: list[Program],
    threads: int,
    keep: Callable[[list[ModelResult]], object],
) -> list[ModelResult]:
    """Model by model, round by round; keep() saves what there is after each round."""
    contended = not (arguments.no_contended or arguments.cpu_time)  # CPU time does not see who waits
    wanted = Wanted(arguments.prefill, arguments.depth, arguments.decode, arguments.kv, contended)
    limits = build_limits(arguments.peers_folder)
    options = Options(start=not arguments.no_start, cpu_time=arguments.cpu_time)
    comparisons = [Comparison(model, programs, wanted, threads, limits, options) for model in models]
    progress = Progress(sum(comparison.n_runs(arguments.rounds) for comparison in comparisons), say)
    results: list[ModelResult] = []
    for comparison in comparisons:
        results.append(comparison.result)
        for number in range(arguments.rounds):
            comparison.round(number, progress)
            keep(results)
        for failure in comparison.result.failures:
            say(f"failed: {failure}")
    return results


def main() -> int:
    arguments = parse_arguments()
    if arguments.report:
        print(report_again(arguments.report, arguments.out), end="")
        return 0
    galago = arguments.galago.resolve()
    built = build_peers(arguments.peers_folder.resolve(), arguments.peers, arguments.jobs, say)
    quantize = next((folder / "llama-quantize" for folder in built.values()), None)
    try:
        models = chosen_models(arguments, Cache(arguments.models, arguments.vocab, quantize, say))
    except (NoModel, FormatError) as failure:
        say(str(failure))
        return 1
    if not models:
        say("no model to measure")
        return 1
    isa = Galago("galago", {}, galago).isa(models[0])
    if not isa:
        say(f"{galago} cannot measure {models[0]}; try: galago bench {models[0]}")
        return 1
    threads = 1 if arguments.cpu_time else arguments.threads or core_count()
    programs, duels = line_up(galago, isa, built)
    names = [program.name for program in programs]
    machine = describe_machine(galago, isa, threads, arguments.rounds, arguments.cpu_time)

    def keep(so_far: list[ModelResult]) -> str:
        return save(arguments.out, machine, names, duels, so_far)

    print(keep(measure(arguments, models, programs, threads, keep)), end="")
    say(f"left in {arguments.out}: compare.md, compare.json, compare.svg")
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
