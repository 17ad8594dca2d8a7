#!/usr/bin/env python3
"""Runs a libFuzzer program over its seeds for some seconds and prints in one line what it did.

The seeds in the repository are only read: what the fuzzer adds, and the inputs that break the parser, go to the work
folder.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from pathlib import Path

# Above the fuzzed parsers' own limits; an input that needs more is a finding.
MEMORY_LIMIT_MB = 2048
INPUT_TIMEOUT_S = 15


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("program", type=Path)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--seeds", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    return parser.parse_args()


def command(arguments: argparse.Namespace) -> list[str]:
    found = arguments.work / "found"
    found.mkdir(parents=True, exist_ok=True)
    options = [
        f"-max_total_time={arguments.seconds}",
        f"-rss_limit_mb={MEMORY_LIMIT_MB}",
        f"-timeout={INPUT_TIMEOUT_S}",
        f"-artifact_prefix={arguments.work}/",
        "-print_final_stats=1",
        "-reload=0",
    ]
    return [str(arguments.program), *options, str(found), str(arguments.seeds)]


def last_number(pattern: str, text: str) -> int:
    matches = re.findall(pattern, text)
    return int(matches[-1]) if matches else 0


def main() -> int:
    arguments = parse_arguments()
    name = arguments.program.name.removeprefix("fuzz_")
    seeds = [path for path in arguments.seeds.rglob("*") if path.is_file()] if arguments.seeds.is_dir() else []
    if not seeds:
        print(f"fuzz {name}: no seeds in {arguments.seeds}; a parser is not reached from nothing")
        return 1
    run = subprocess.run(
        command(arguments), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, errors="replace", check=False
    )
    executions = last_number(r"stat::number_of_executed_units:\s*(\d+)", run.stderr)
    per_second = last_number(r"stat::average_exec_per_sec:\s*(\d+)", run.stderr)
    covered = last_number(r"\bcov: (\d+)", run.stderr)
    print(
        f"fuzz {name}: {executions} executions in {arguments.seconds} s ({per_second}/s), "
        f"{covered} edges covered, {len(seeds)} seeds"
    )
    if run.returncode != 0:
        print(run.stderr[-8000:])
        print(f"fuzz {name}: FOUND SOMETHING; the input is in {arguments.work}")
        return 1
    if executions <= len(seeds) or covered == 0:
        print(f"fuzz {name}: did not get beyond its seeds: coverage is not recorded or it is too slow")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
