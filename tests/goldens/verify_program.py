"""Runs `galago verify` and finds the goldens that it compares with."""

from __future__ import annotations

import json
import os
import re
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "goldens"
COMMITTED = ROOT / "tests" / "data" / "goldens"
SKIPPED = 77


class Skipped(Exception):
    """What is needed is not here, which is no failure of the program."""


@dataclass
class Verification:
    status: int
    report: dict[str, Any]
    message: str


def message_of(output: str) -> str:
    """What an error says: a line of JSON for machines, or of text where the arguments were wrong."""
    try:
        return json.loads(output)["error"]["message"]
    except (ValueError, KeyError, TypeError):
        return output.strip()


def verify(program: Path, checkpoint: Path, *arguments: str, isa: str | None = None) -> Verification:
    environment = dict(os.environ)
    environment.pop("GALAGO_ISA", None)
    if isa is not None:
        environment["GALAGO_ISA"] = isa
    done = subprocess.run(
        [program, "verify", checkpoint, "--json", *arguments],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
        timeout=300,
    )
    return Verification(done.returncode, json.loads(done.stdout) if done.stdout else {}, message_of(done.stderr))


def instruction_sets(program: Path) -> list[str]:
    """Those that this machine has, as the refusal of an unknown one lists them."""
    refusal = verify(program, COMMITTED / "text" / "smollm2", isa="?")
    known = ("scalar", "avx2", "avx512", "avx512_vnni")
    listed = [name for name in known if re.search(rf"\b{name}\b", refusal.message)]
    if refusal.status != 1 or "scalar" not in listed:
        raise AssertionError(f"an unknown GALAGO_ISA gives {refusal.status}: {refusal.message}")
    return listed


def golden_folder(kind: str, name: str) -> Path:
    """In ../shared, else committed."""
    if SHARED.is_dir():
        return SHARED / kind / name
    if os.environ.get("CI") == "true":
        raise AssertionError(f"{SHARED} is not there, and CI=true")
    if (COMMITTED / kind / name).is_dir():
        return COMMITTED / kind / name
    raise Skipped(f"{SHARED / kind / name} is not there")
