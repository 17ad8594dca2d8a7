#!/usr/bin/env python3
"""Python is clean for ruff and formatted by it, in the version that `./dev setup` fetches.

Usage: check_python.py REPOSITORY
"""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

from tree import finish, repository_files, root_argument


def ruff_program(root: Path) -> Path:
    """Where ./dev puts it."""
    settings = tomllib.loads((root / "ruff.toml").read_text(encoding="utf-8"))
    data = os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share"
    home = Path(os.environ.get("GALAGO_HOME") or Path(data) / "galago")
    return home / "tools" / f"ruff-{settings['required-version'].removeprefix('==')}" / "bin" / "ruff"


def run(root: Path, ruff: Path, *arguments: str) -> list[str]:
    """The lines of what ruff finds."""
    done = subprocess.run([ruff, *arguments], cwd=root, capture_output=True, text=True, check=False)
    problems = [line for line in done.stdout.splitlines() if ".py" in line]
    if done.returncode != 0 and not problems:
        problems = [f"ruff failed: {done.stderr[:500]}"]
    return problems


def check(root: Path, ruff: Path) -> tuple[list[str], int]:
    files = [str(path) for path in repository_files(root, (".py",))]
    problems = run(root, ruff, "check", "--output-format=concise", "--no-cache", *files)
    return problems + run(root, ruff, "format", "--check", "--no-cache", *files), len(files)


if __name__ == "__main__":
    root = root_argument()
    ruff = ruff_program(root)
    if not ruff.is_file():
        sys.exit(finish("python", [f"{ruff} is not there; ./dev setup fetches it"], 1))
    sys.exit(finish("python", *check(root, ruff)))
