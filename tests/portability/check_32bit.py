#!/usr/bin/env python3
"""The library's units compile with clang and libc++ for a 32-bit processor: a size in memory has 32 bits there, which
makes a narrowing in braces an error, and libc++ lacks parts of the standard library. Only syntax and types are checked;
nothing is linked.

Usage: check_32bit.py BUILD [LAYER...]      without layers: all of src/ and cli/
"""

from __future__ import annotations

import json
import os
import platform
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

SKIPPED = 77
# Linux's headers serve both sizes, when libc6-dev-i386 completes them. Offsets in files keep 64 bits. fmt's headers do
# without the distribution's library, which is of another standard library.
COMPILER = [
    *("clang++-19", "--target=i686-linux-gnu", "-stdlib=libc++", "-std=c++20", "-w"),
    *("-D_FILE_OFFSET_BITS=64", "-DFMT_HEADER_ONLY", "-isystem", "/usr/include/x86_64-linux-gnu"),
]
PRECOMPILED = re.compile(r"(\S+/cmake_pch\.hxx)(?=\s)")


@dataclass(frozen=True)
class Unit:
    source: str
    options: tuple[str, ...]  # macros and folders of headers
    header: str  # what is precompiled for it; empty where nothing is


def units_of(commands: list[dict[str, str]], layers: list[str]) -> list[Unit]:
    """Those of the product, without kernels for an instruction set; compile_commands.json lists others, too."""
    found = []
    for entry in commands:
        target = re.search(r" -o (src|cli)/\S*?CMakeFiles/galago(?:_(\w+))?\.dir/", entry["command"])
        if target is None or (target.group(2) or "").startswith("precompiled") or "/isa/" in entry["file"]:
            continue
        if layers and target.group(2) not in layers:
            continue
        words = shlex.split(entry["command"])
        options: list[str] = []
        for word, following in zip(words, [*words[1:], ""], strict=True):
            if word == "-isystem":
                options += [word, following]
            elif word.startswith(("-D", "-I")):
                options.append(word)
        header = PRECOMPILED.search(entry["command"])
        found.append(Unit(entry["file"], tuple(options), header.group(1) if header else ""))
    return found


def compile_for_32_bits(unit: Unit, *arguments: str) -> str:
    """What the compiler says against it; empty when it compiles."""
    run = subprocess.run([*COMPILER, *unit.options, *arguments], capture_output=True, text=True, check=False)
    return run.stderr if run.returncode != 0 else ""


def check(units: list[Unit]) -> list[str]:
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(os.cpu_count()) as pool:
        headers = {unit.header: unit for unit in units if unit.header}
        compiled = {header: str(Path(work) / f"{number}.pch") for number, header in enumerate(headers)}

        def precompile(header: str) -> str:
            options = ("-fpch-instantiate-templates", "-x", "c++-header", header, "-o", compiled[header])
            return compile_for_32_bits(headers[header], *options)

        def compile_unit(unit: Unit) -> str:
            given = ("-include-pch", compiled[unit.header]) if unit.header else ()
            return compile_for_32_bits(unit, "-fsyntax-only", *given, unit.source)

        problems = [found for found in pool.map(precompile, headers) if found]
        return problems or [found for found in pool.map(compile_unit, units) if found]


def main() -> int:
    build, layers = Path(sys.argv[1]), sys.argv[2:]
    if platform.machine() != "x86_64" or shutil.which(COMPILER[0]) is None:
        print(f"skipped: this needs an x86-64 machine and {COMPILER[0]}")
        return 1 if os.environ.get("CI") == "true" and platform.machine() == "x86_64" else SKIPPED
    units = units_of(json.loads((build / "compile_commands.json").read_text(encoding="utf-8")), layers)
    problems = check(units)
    for problem in problems:
        print(problem)
    print(f"32 bits: {len(units)} units, {len(problems)} problems")
    return 1 if problems or not units else 0


if __name__ == "__main__":
    sys.exit(main())
