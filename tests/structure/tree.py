"""What the checks of this folder share: the files of the repository and how a problem is reported."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

SKIPPED = 77  # ctest shows such a test as skipped


def repository_files(root: Path, suffixes: tuple[str, ...] = ()) -> list[Path]:
    """Files under version control or about to be, relative to `root`; those of a plain folder where there is no git."""
    listing = subprocess.run(
        ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        capture_output=True,
        check=False,
    )
    if listing.returncode == 0:
        paths = [Path(os.fsdecode(name)) for name in listing.stdout.split(b"\0") if name]
    else:
        paths = [path.relative_to(root) for path in root.rglob("*")]
        paths = [path for path in paths if not path.parts[0].startswith((".", "build"))]
    return sorted({path for path in paths if path.name.endswith(suffixes or "") and (root / path).is_file()})


def finish(check: str, problems: Iterable[str], examined: int) -> int:
    """Prints the verdict; the exit status of the check. A check that examined nothing has not passed."""
    found = list(problems)
    for problem in found:
        print(problem)
    print(f"{check}: {examined} examined, {len(found)} problems")
    if examined == 0:
        print(f"{check}: nothing to examine: is this the repository?")
        return 1
    return 1 if found else 0


def skip(check: str, reason: str, forbidden: bool = False) -> int:
    """Skips a check, or fails where a skip is forbidden."""
    print(f"{check}: {'FAILED' if forbidden else 'skipped'}: {reason}")
    return 1 if forbidden else SKIPPED


def in_ci() -> bool:
    return os.environ.get("CI") == "true"


def root_argument() -> Path:
    """The repository's root, the first argument of every check."""
    if len(sys.argv) < 2:
        sys.exit(f"usage: {sys.argv[0]} REPOSITORY ...")
    return Path(sys.argv[1]).resolve()
