"""Finds the goldens by their folders, and which of them the program knows the architecture of.

python tests/goldens/discover.py GALAGO              says what runs and what does not yet; status 77 without ../shared
python tests/goldens/discover.py GALAGO --ctest      prints the tests, in the words of ctest

A golden of an architecture that the program does not know yet is no test: it becomes one when that is added.
"""

from __future__ import annotations

import json
import os
import re
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from verify_program import COMMITTED, SHARED, SKIPPED, verify

SCRIPT = Path(__file__).with_name("run_golden.py")
PROPERTIES = (
    "SKIP_RETURN_CODE 77 LABELS goldens TIMEOUT 600 "
    'ENVIRONMENT "PYTHONDONTWRITEBYTECODE=1" ENVIRONMENT_MODIFICATION "GALAGO_PACK_CACHE=set:off"'
)


@dataclass(frozen=True, order=True)
class Golden:
    kind: str  # text, multimodal, or gguf: a text golden as a GGUF file, which a committed recipe makes of it
    name: str
    model_type: str


def find_goldens(roots: list[Path], recipes: Path) -> list[Golden]:
    """Those in the first of the roots that is a folder."""
    root = next((root for root in roots if root.is_dir()), None)
    found: list[Golden] = []
    if root is None:
        return found
    for kind in ("text", "multimodal"):
        for config in sorted((root / kind).glob("*/config.json")):
            model_type = json.loads(config.read_text(encoding="utf-8")).get("model_type", "?")
            found.append(Golden(kind, config.parent.name, model_type))
            if kind == "text" and (recipes / f"{config.parent.name}-f32.json").is_file():
                found.append(Golden("gguf", config.parent.name, model_type))
    return found


def known_model_types(program: Path) -> list[str]:
    """What config.json may say, as the refusal of an unknown architecture lists it."""
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        model = COMMITTED / "text" / "smollm2"
        config = json.loads((model / "config.json").read_text(encoding="utf-8"))
        (folder / "config.json").write_text(json.dumps({**config, "model_type": "nobody"}), encoding="utf-8")
        (folder / "model.safetensors").symlink_to(model / "model.safetensors")
        refusal = verify(program, folder, "--expected", str(model / "expected.safetensors"))
    listed = re.search(r'architecture "nobody" is not known here; (.+) are$', refusal.message)
    if refusal.status != 1 or listed is None:
        raise AssertionError(f'the architecture "nobody" gives {refusal.status}: {refusal.message}')
    return listed.group(1).split(", ")


def ctest_lines(program: Path, goldens: list[Golden]) -> str:
    lines = []
    for golden in goldens:
        test = f"goldens.{golden.kind}.{golden.name}"
        words = (sys.executable, str(SCRIPT), str(program), golden.kind, golden.name)
        command = " ".join(f"[==[{word}]==]" for word in words)
        lines.append(f"add_test({test} {command})\nset_tests_properties({test} PROPERTIES {PROPERTIES})\n")
    return "".join(lines)


def main() -> int:
    program = Path(sys.argv[1])
    if not program.is_file():
        print(f"{program} is not there; build it first: the goldens run through it")
        return 1
    found = find_goldens([SHARED, COMMITTED], COMMITTED / "gguf")
    known = set(known_model_types(program))
    here = [golden for golden in found if golden.model_type in known]
    if "--ctest" in sys.argv:
        print(ctest_lines(program, here))
        return 0
    later = [golden.name for golden in found if golden.model_type not in known and golden.kind != "gguf"]
    print(f"goldens: {len(here)} run; not yet: {', '.join(later) or 'none'} ({len(later)})")
    committed = find_goldens([COMMITTED], COMMITTED / "gguf")
    missing = {golden.name for golden in committed} - {golden.name for golden in here}
    if missing:
        print(f"the committed goldens {', '.join(sorted(missing))} do not run")
        return 1
    if not SHARED.is_dir():
        print(f"skipped: {SHARED} is not there; only the committed goldens ran")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    return 0


if __name__ == "__main__":
    sys.exit(main())
