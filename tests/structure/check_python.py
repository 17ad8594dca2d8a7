#!/usr/bin/env python3
"""Python is clean for ruff, where it is installed (Debian 12 has no package). Usage: check_python.py REPOSITORY"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from tree import finish, repository_files, root_argument, skip


def check(root: Path) -> tuple[list[str], int]:
    files = [str(path) for path in repository_files(root, (".py",))]
    run = subprocess.run(
        ["ruff", "check", "--output-format=concise", "--no-cache", *files],
        cwd=root,
        capture_output=True,
        text=True,
        check=False,
    )
    problems = [line for line in run.stdout.splitlines() if ".py:" in line]
    if run.returncode != 0 and not problems:
        problems = [f"ruff failed: {run.stderr[:500]}"]
    return problems, len(files)


if __name__ == "__main__":
    if shutil.which("ruff") is None:
        sys.exit(skip("python", "ruff is not installed"))
    sys.exit(finish("python", *check(root_argument())))
