"""Compares one golden in every way to run it: eagerly and compiled, whole and in chunks, on every instruction set.

python tests/goldens/run_golden.py GALAGO text|gguf|multimodal NAME
"""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from assemble_gguf import assemble
from verify_program import COMMITTED, SHARED, SKIPPED, Skipped, golden_folder, instruction_sets, verify

# The goldens' README: "with float32 arithmetic expect below 1e-4".
EXACT = ("--tolerance", "1e-4")
# Fast arithmetic on random weights; the answer's quality is measured on real ones.
FAST = ("--precision", "fast", "--tolerance", "0.05")
REFUSED = Path(__file__).with_name("refused.json")
RUNS: list[tuple[str, ...]] = [
    EXACT,
    (*EXACT, "--chunk", "1"),
    (*EXACT, "--chunk", "5"),
    (*EXACT, "--chunk", "7", "--threads", "2"),
    (*EXACT, "--eager"),
    (*EXACT, "--eager", "--chunk", "5"),
    FAST,
    (*FAST, "--chunk", "7"),
]


def check(program: Path, checkpoint: Path, expected: Path, runs: list[tuple[str, ...]]) -> list[str]:
    failures = []
    largest = 0.0
    for isa in instruction_sets(program):
        for run in runs:
            result = verify(program, checkpoint, "--expected", str(expected), *run, isa=isa)
            what = f"{checkpoint.name} on {isa} {' '.join(run)}"
            mode = "eager" if "--eager" in run else "compiled"
            if result.status != 0:
                failures.append(f"{what}: {result.message} {json.dumps(result.report)}")
            elif (result.report["isa"], result.report["mode"]) != (isa, mode):
                failures.append(f"{what}: ran on {result.report['isa']}, {result.report['mode']}")
            elif "fast" not in run:
                if not result.report.get("greedy_equal", True):
                    failures.append(f"{what}: greedy tokens differ")
                largest = max([largest, result.report.get("logits_rel_err", 0.0)])
    print(f"{checkpoint.name}: {len(runs)} runs on each instruction set, largest error of logits {largest:.2g}")
    return failures


def check_stages(program: Path, folder: Path) -> list[str]:
    """Every stage of a multimodal golden can be fed from the file."""
    failures = []
    stages = list(json.loads((folder / "manifest.json").read_text())["stages"])
    for stage in stages:
        if stage in ("logits", "greedy_ids", "attention_mask", "input_ids_unexpanded", "probs"):
            continue  # nothing is computed from these
        result = verify(program, folder, *EXACT, "--from", stage)
        if result.status != 0 or stage in result.report["stages"]:
            failures.append(f"{folder.name} --from {stage}: {result.message} {json.dumps(result.report)}")
    return failures


def check_copy(kind: str, name: str) -> list[str]:
    """The committed copy, where there is one, is the golden."""
    folder = COMMITTED / kind / name
    if not (folder.is_dir() and SHARED.is_dir()):
        return []
    files = [file for file in folder.rglob("*") if file.is_file()]
    different = [f for f in files if f.read_bytes() != (SHARED / kind / name / f.relative_to(folder)).read_bytes()]
    return [f"{file} is not the golden's" for file in different]


def check_gguf(program: Path, name: str) -> list[str]:
    folder = golden_folder("text", name)
    failures = []
    with tempfile.TemporaryDirectory() as work:
        for type_name in ("f32", "bf16"):
            recipe = json.loads((COMMITTED / "gguf" / f"{name}-{type_name}.json").read_text())
            file = Path(work) / f"{name}-{type_name}.gguf"
            file.write_bytes(assemble(recipe, folder))
            failures += check(program, file, folder / "expected.safetensors", [EXACT, (*EXACT, "--eager"), FAST])
    return failures


def check_refused(program: Path, folder: Path, reason: str) -> list[str]:
    """A golden of a known architecture that asks for something that is not there yet: refused, and for this reason."""
    result = verify(program, folder, "--expected", str(folder / "expected.safetensors"))
    if result.status == 1 and reason in result.message:
        print(f"{folder.name}: refused, as listed: {result.message}")
        return []
    if result.status == 1:
        return [f"{folder.name}: refused, and not for {reason}: {result.message}"]
    return [f"{folder.name}: exit status {result.status}; when it runs, tests/goldens/refused.json must not list it"]


def main() -> int:
    program, kind, name = Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    refused: dict[str, str] = json.loads(REFUSED.read_text(encoding="utf-8"))
    try:
        if kind == "gguf":
            failures = check_gguf(program, name)
        elif reason := refused.get(f"{kind}/{name}"):
            failures = check_refused(program, golden_folder(kind, name), reason)
        else:
            folder = golden_folder(kind, name)
            failures = check(program, folder, folder / "expected.safetensors", RUNS) + check_copy(kind, name)
            if kind == "multimodal":
                failures += check_stages(program, folder)
    except Skipped as reason:
        print(f"skipped: {reason}")
        return SKIPPED
    for failure in failures:
        print(failure)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
