#!/usr/bin/env python3
"""Every unit of the build with libc++ compiles for a 32-bit processor, too: a size in memory has 32 bits there, and a
narrowing in braces is an error. Only the syntax and types are checked; nothing is linked.

Usage: check_32bit.py BUILD REPOSITORY
"""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

SKIPPED = 77
# WebAssembly's sizes, and Linux's headers, which libc6-dev-i386 completes. Files are bigger than memory.
TARGET = ["--target=i686-linux-gnu", "-D_FILE_OFFSET_BITS=64", "-isystem", "/usr/include/x86_64-linux-gnu"]


def split(command: str) -> tuple[list[str], Path | None]:
    """A unit's compiler and options, without output, its source and precompiled header; and that header's text."""
    words = shlex.split(command)
    if Path(words[0]).name == "ccache":
        words = words[1:]
    options: list[str] = []
    header = None
    at = 0
    while at < len(words):
        if words[at] == "-Xclang" and words[at + 1] in ("-include-pch", "-include"):
            if words[at + 1] == "-include":
                header = Path(words[at + 3])
            at += 4
        elif words[at] in ("-o", "-c"):
            at += 2
        else:
            options.append(words[at])
            at += 1
    return options, header


def compile_for_32_bits(options: list[str], source: Path, *more: str) -> str:
    """What the compiler says against it; empty when it compiles."""
    run = subprocess.run([*options, *TARGET, *more, str(source)], capture_output=True, text=True, check=False)
    return run.stderr if run.returncode != 0 else ""


def check(build: Path) -> tuple[list[str], int]:
    listed = json.loads((build / "compile_commands.json").read_text(encoding="utf-8"))
    units = [unit for unit in listed if "/galago_precompiled" not in unit["file"] and "/bench/" not in unit["file"]]
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(os.cpu_count()) as pool:
        parsed = [(Path(unit["file"]), *split(unit["command"])) for unit in units]
        headers = {header: options for _, options, header in parsed if header is not None}
        compiled = {header: str(Path(work) / f"{number}.pch") for number, header in enumerate(headers)}

        def precompile(header: Path) -> str:
            return compile_for_32_bits(headers[header], header, "-o", compiled[header], "-x", "c++-header")

        def compile_unit(unit: tuple[Path, list[str], Path | None]) -> str:
            source, options, header = unit
            given = [] if header is None else ["-include-pch", compiled[header]]
            return compile_for_32_bits(options, source, "-fsyntax-only", *given)

        problems = [found for found in pool.map(precompile, headers) if found]
        if not problems:
            problems = [found for found in pool.map(compile_unit, parsed) if found]
    return problems, len(units)


def main() -> int:
    build = Path(sys.argv[1])
    if not (build / "compile_commands.json").is_file():
        print(f"skipped: {build} is not there; ./dev test makes it")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    problems, examined = check(build)
    for problem in problems:
        print(problem)
    print(f"32 bits: {examined} units, {len(problems)} do not compile")
    return 1 if problems or examined == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
