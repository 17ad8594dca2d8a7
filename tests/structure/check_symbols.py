#!/usr/bin/env python3
"""Weak symbols of code compiled for an instruction set name that set.

Usage: check_symbols.py REPOSITORY BUILD NM [FOREIGN...]

BUILD must hold an object of each, but for the folders isa/<name> of another processor.

The linker keeps one copy of a weak symbol. Were that a std:: function compiled with AVX-512, the program would die on
every machine without it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from tree import finish, root_argument

FOLDERS = ("src/backends/cpu/isa", "src/backends/cpu/tiles")
WEAK = re.compile(r"^[0-9a-fA-F]+ [VWu] (.*)$")  # with an address: defined here
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


def names_isa(symbol: str, isa: str) -> bool:
    """Whether `avx512_vnni` or `Avx512Vnni` is an identifier of the symbol."""
    wanted = isa.replace("_", "").lower()
    return any(word.replace("_", "").lower() == wanted for word in IDENTIFIER.findall(symbol))


def weak_symbols(nm_output: str) -> list[str]:
    return [match.group(1) for line in nm_output.splitlines() if (match := WEAK.match(line.strip()))]


def check(root: Path, build: Path, nm: str, foreign: list[str]) -> tuple[list[str], int]:
    problems: list[str] = []
    examined = 0
    for folder in FOLDERS:
        sources = [path for path in (root / folder).glob("*/*.cc") if not path.name.endswith("_test.cc")]
        for source in sources:
            isa = source.parent.name
            if f"{Path(folder).name}/{isa}" in foreign:
                continue
            objects = [path for path in build.rglob(f"{isa}/{source.name}.o") if Path(folder).name in path.parts]
            if not objects:
                problems.append(f"{source.relative_to(root)}: no object of it in {build}: is it built?")
            for object_file in objects:
                run = subprocess.run([nm, "-C", str(object_file)], capture_output=True, text=True, check=True)
                examined += 1
                problems.extend(
                    f"{object_file.relative_to(build)}: weak symbol without {isa} in its name: {symbol}"
                    for symbol in weak_symbols(run.stdout)
                    if not names_isa(symbol, isa)
                )
    return problems, examined


if __name__ == "__main__":
    repository = root_argument()
    sys.exit(finish("weak symbols", *check(repository, Path(sys.argv[2]), sys.argv[3], sys.argv[4:])))
