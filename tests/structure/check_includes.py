#!/usr/bin/env python3
"""Includes point one way only (docs/architecture.md). Usage: check_includes.py REPOSITORY"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import finish, repository_files, root_argument

# What each layer may include besides itself.
ARROWS: dict[str, set[str]] = {
    "base": set(),
    "tensor": {"base"},
    "quant": {"tensor", "base"},
    "ops": {"tensor", "quant", "base"},
    "graph": {"ops", "tensor", "quant", "base"},
    "nn": {"graph", "ops", "tensor", "quant", "base"},
    "formats": {"tensor", "base"},
    "text": {"base"},
    "media": {"base"},
    "backends": {"graph", "ops", "tensor", "quant", "base"},
}
ARROWS["models"] = {"nn", "graph", "ops", "tensor", "quant", "formats", "text", "media", "base"}
ARROWS["runtime"] = ARROWS["models"] | {"models", "backends"}
ARROWS["verify"] = ARROWS["runtime"] | {"runtime"}
for top in ("server", "capi"):
    ARROWS[top] = ARROWS["runtime"] | {"runtime"}
ARROWS["cli"] = ARROWS["verify"] | {"verify"}

# Public headers whose name is not that of a source in their layer: which layer each belongs to.
PUBLIC_LAYERS = {
    "log.h": "base",
    "formats.def": "tensor",
    "image.h": "media",
    "precision.h": "graph",
    "kv_type.h": "ops",
    "generate.h": "runtime",
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def public_layer(root: Path, name: str) -> str | None:
    """The layer of include/galago/<name>: named above, or where a source or folder has its name."""
    if name in PUBLIC_LAYERS:
        return PUBLIC_LAYERS[name]
    stem = Path(name).stem
    for layer in ARROWS:
        folder = root / "src" / layer
        if layer == stem or any((folder / f"{stem}{suffix}").is_file() for suffix in (".cc", ".h")):
            return layer
    return None


def layer_of(root: Path, path: Path) -> str | None:
    if path.parts[:2] == ("include", "galago"):
        return public_layer(root, "/".join(path.parts[2:]))
    if path.parts[0] == "src" and len(path.parts) > 2:
        return path.parts[1]
    return path.parts[0] if path.parts[0] == "cli" else None


def problems_of_include(root: Path, path: Path, layer: str, bracket: str, target: str) -> Iterator[str]:
    public = path.parts[0] == "include"
    first = target.split("/")[0]
    if first == "galago":
        other = public_layer(root, target.removeprefix("galago/"))
        if other is None:
            yield f"{path}: includes {target}, whose layer is unknown; name it in tests/structure/check_includes.py"
            return
    elif first in ARROWS and "/" in target:
        other = first
        if public:
            yield f"{path}: is public and includes {target} from src/"
            return
    elif bracket == '"':
        yield f'{path}: includes "{target}", which names no layer; write it from src/, as in "base/file.h"'
        return
    else:
        return
    if other != layer and other not in ARROWS[layer]:
        yield f"{path}: is of layer {layer} and includes {target} of layer {other}"
    # src/backends/<name>/...: a file directly in src/backends belongs to all of them
    own, others = path.parts[2:-1], target.split("/")[1:-1]
    if layer == other == "backends" and own and others and own[0] != others[0]:
        yield f"{path}: includes {target} of another backend"


def check(root: Path) -> tuple[list[str], int]:
    problems: list[str] = []
    files = [p for p in repository_files(root, (".h", ".cc", ".def")) if p.parts[0] in ("src", "include", "cli")]
    for path in files:
        layer = layer_of(root, path)
        if layer not in ARROWS:
            problems.append(f"{path}: belongs to no layer that tests/structure/check_includes.py knows")
            continue
        for bracket, target in INCLUDE.findall((root / path).read_text(encoding="utf-8")):
            problems.extend(problems_of_include(root, path, layer, bracket, target))
    return problems, len(files)


if __name__ == "__main__":
    sys.exit(finish("include arrows", *check(root_argument())))
