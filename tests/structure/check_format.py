#!/usr/bin/env python3
"""All C++ is formatted by clang-format-19. Usage: check_format.py REPOSITORY"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tree import finish, in_ci, repository_files, root_argument, skip

TOOL = "clang-format-19"  # other versions format differently


def check(root: Path) -> tuple[list[str], int]:
    files = repository_files(root, (".h", ".cc"))
    problems: list[str] = []
    for at in range(0, len(files), 50):
        batch = [str(path) for path in files[at : at + 50]]
        run = subprocess.run(
            [TOOL, "--dry-run", "-Werror", *batch], cwd=root, capture_output=True, text=True, check=False
        )
        complaints = [line for line in run.stderr.splitlines() if "error:" in line]
        problems.extend(sorted({f"{line.split(':')[0]}: is not formatted; run ./dev format" for line in complaints}))
        if run.returncode != 0 and not complaints:
            problems.append(f"{TOOL} failed: {run.stderr[:500]}")
    return problems, len(files)


if __name__ == "__main__":
    if shutil.which(TOOL) is None:
        sys.exit(skip("format", f"{TOOL} is not installed; ./dev setup installs it", forbidden=in_ci()))
    sys.exit(finish("format", *check(root_argument())))
