#!/usr/bin/env python3
"""Each public header compiles alone. Usage: check_headers.py REPOSITORY COMPILER"""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tree import finish, repository_files, root_argument


def compile_alone(root: Path, compiler: str, header: Path) -> str | None:
    """The compiler's complaint, or None. The header is included twice, so that a missing #pragma once is seen."""
    name = header.relative_to("include")
    language = ["-x", "c++", "-std=c++20"]
    source = f'#include "{name}"\n#include "{name}"\n'
    run = subprocess.run(
        [compiler, *language, "-fsyntax-only", "-Wall", "-Wextra", "-Werror", "-I", str(root / "include"), "-"],
        input=source,
        capture_output=True,
        text=True,
        check=False,
    )
    return None if run.returncode == 0 else f"{header}: does not compile alone:\n{run.stderr[:2000]}"


def check(root: Path, compiler: str) -> tuple[list[str], int]:
    headers = [path for path in repository_files(root, (".h",)) if path.parts[0] == "include"]
    with ThreadPoolExecutor() as pool:
        results = pool.map(lambda header: compile_alone(root, compiler, header), headers)
    return [problem for problem in results if problem], len(headers)


if __name__ == "__main__":
    sys.exit(finish("public headers", *check(root_argument(), sys.argv[2])))
