#!/usr/bin/env python3
"""Nothing in the repository is too big or names the machine it was written on. Usage: check_tree.py REPOSITORY"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from tree import finish, repository_files, root_argument

FILE_BYTES = 1_000_000
DATA_BYTES = 10_000_000  # of all test data together

# Files over FILE_BYTES, each with its reason.
BIG_FILES: dict[str, str] = {
    "pocket/data/test_set/scenes.json": "the built-in model's frozen test set, 1,300 pictures with questions",
    "pocket/data/test_set/text.json": "the same of 700 pictures with text: seeds, lines and boxes",
    "tests/data/goldens/multimodal/mobilevlm_v2/expected.safetensors": "a golden as its original wrote it, all stages",
    "tests/data/goldens/text/lfm2/model.safetensors": "a golden as its original wrote it",
    "tests/data/goldens/text/qwen3/model.safetensors": "a golden as its original wrote it",
}

DATA_FOLDERS = (("tests", "data"), ("tests", "fuzz", "corpus"), ("tests", "goldens"))

# Spelled so that this file does not match itself.
MACHINE = re.compile(
    r"(?<![\w./$}~-])/(?:w[o]rk|r[o]ot|h[o]me/\w+|o[p]t/wheels)/\w"
    r"|\b(?:p[y]pi\.org|files\.p[y]thonhosted\.org|deb\.d[e]bian\.org|registry\.n[p]mjs\.org|pr[o]xy\.golang\.org)\b"
)


def is_data(path: Path) -> bool:
    return any(path.parts[: len(folder)] == folder for folder in DATA_FOLDERS) and path.suffix != ".py"


def machine_names(root: Path, path: Path) -> Iterator[str]:
    try:
        text = (root / path).read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return
    for number, line in enumerate(text.splitlines(), 1):
        if match := MACHINE.search(line):
            yield f"{path}:{number}: names something of one machine: {match.group()}"


def check(root: Path, big_files: Mapping[str, str] = BIG_FILES) -> tuple[list[str], int]:
    problems: list[str] = []
    data_bytes = 0
    files = repository_files(root)
    for path in files:
        size = (root / path).stat().st_size
        if size > FILE_BYTES and str(path) not in big_files:
            problems.append(f"{path}: {size} bytes; a file over {FILE_BYTES} needs a reason in check_tree.py")
        if is_data(path):
            data_bytes += size
        else:
            problems.extend(machine_names(root, path))
    if data_bytes > DATA_BYTES:
        problems.append(f"test data: {data_bytes} bytes in all; the limit is {DATA_BYTES}")
    problems.extend(f"check_tree.py: {name} is excepted and not there" for name in big_files if Path(name) not in files)
    return problems, len(files)


if __name__ == "__main__":
    sys.exit(finish("tree", *check(root_argument())))
