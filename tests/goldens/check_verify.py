"""`galago verify` must not pass what is wrong: each case here is refused, for the reason given.

python tests/goldens/check_verify.py GALAGO
"""

from __future__ import annotations

import json
import shutil
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

from verify_program import COMMITTED, verify

TEXT = COMMITTED / "text" / "smollm2"
PICTURE = COMMITTED / "multimodal" / "clip"


class Stages:
    """An expected.safetensors to change."""

    def __init__(self, path: Path) -> None:
        content = path.read_bytes()
        (size,) = struct.unpack_from("<Q", content)
        self.entries: dict[str, Any] = json.loads(content[8 : 8 + size])
        self.entries.pop("__metadata__", None)
        self.data = {name: content[8 + size :][slice(*e["data_offsets"])] for name, e in self.entries.items()}

    def nudge(self, name: str, by: float) -> None:
        """Adds to the first value."""
        (value,) = struct.unpack_from("<f", self.data[name])
        self.data[name] = struct.pack("<f", value + by) + self.data[name][4:]

    def write(self, path: Path) -> Path:
        header, body = {}, b""
        for name, entry in self.entries.items():
            header[name] = {**entry, "data_offsets": [len(body), len(body) + len(self.data[name])]}
            body += self.data[name]
        text = json.dumps(header).encode()
        path.write_bytes(struct.pack("<Q", len(text)) + text + body)
        return path


def changed(work: Path) -> list[tuple[str, Path, Path, list[str], str]]:
    """Name, checkpoint, expected file, further arguments, and what the refusal says."""
    cases: list[tuple[str, Path, Path, list[str], str]] = []

    def case(name: str, folder: Path, stages: Stages, reason: str, *arguments: str) -> None:
        cases.append((name, folder, stages.write(work / f"{name}.safetensors"), list(arguments), reason))

    stages = Stages(TEXT / "expected.safetensors")
    stages.nudge("logits", 0.01)
    case("one_logit", TEXT, stages, "logits")
    stages = Stages(TEXT / "expected.safetensors")
    stages.nudge("hidden_last", float("nan"))
    case("not_a_number", TEXT, stages, "hidden_last")
    stages = Stages(TEXT / "expected.safetensors")
    stages.data["greedy_ids"] = struct.pack("<q", 3) + stages.data["greedy_ids"][8:]
    case("greedy", TEXT, stages, "greedy_ids")
    stages = Stages(TEXT / "expected.safetensors")
    rows, columns = stages.entries["logits"]["shape"]
    stages.entries["logits"]["shape"] = [columns, rows]
    case("shape", TEXT, stages, "logits")
    stages = Stages(TEXT / "expected.safetensors")
    stages.entries["sam_hidden"] = stages.entries["logits"]
    stages.data["sam_hidden"] = stages.data["logits"]
    case("unknown_stage", TEXT, stages, "sam_hidden")
    stages = Stages(TEXT / "expected.safetensors")
    stages.data["input_ids"] = struct.pack("<q", 1 << 40) + stages.data["input_ids"][8:]
    case("huge_id", TEXT, stages, "input_ids")
    stages = Stages(TEXT / "expected.safetensors")
    stages.data["input_ids"] = struct.pack("<q", 5000) + stages.data["input_ids"][8:]
    case("foreign_id", TEXT, stages, "vocabulary")
    stages = Stages(PICTURE / "expected.safetensors")
    stages.nudge("pixel_values", 0.04)  # two grey levels; one is about 0.015
    case("pixel", PICTURE, stages, "pixel_values")
    stages = Stages(PICTURE / "expected.safetensors")
    stages.data["input_ids"] = struct.pack("<q", 3) + stages.data["input_ids"][8:]
    case("prompt_ids", PICTURE, stages, "input_ids")
    stages = Stages(PICTURE / "expected.safetensors")
    stages.nudge("vision_hidden", 0.5)
    case("vision_hidden", PICTURE, stages, "vision_hidden")
    case("fed_wrong", PICTURE, stages, "image_embeds", "--from", "vision_hidden")
    case("no_such_stage", TEXT, Stages(TEXT / "expected.safetensors"), "sam_hidden", "--from", "sam_hidden")
    return cases


def broken(work: Path) -> list[tuple[str, Path, Path, list[str], str]]:
    content = (TEXT / "expected.safetensors").read_bytes()
    (work / "short.safetensors").write_bytes(content[:-100])
    (work / "text.safetensors").write_text("these are no tensors")
    folder = work / "no_manifest"
    shutil.copytree(PICTURE, folder)
    (folder / "manifest.json").unlink()
    options = work / "options"
    shutil.copytree(PICTURE, options)
    manifest = json.loads((options / "manifest.json").read_text())
    (options / "manifest.json").write_text(json.dumps({**manifest, "runtime": {"crop_mode": True}}))
    return [
        ("short", TEXT, work / "short.safetensors", [], "short.safetensors"),
        ("foreign", TEXT, work / "text.safetensors", [], "text.safetensors"),
        ("missing", TEXT, work / "missing.safetensors", [], "missing.safetensors"),
        ("no_manifest", folder, folder / "expected.safetensors", [], "manifest.json"),
        ("options", options, options / "expected.safetensors", [], "crop_mode"),
        ("eager_fast", TEXT, TEXT / "expected.safetensors", ["--eager", "--precision", "fast"], "eager"),
        ("tolerance", TEXT, TEXT / "expected.safetensors", ["--tolerance", "0"], "logits"),
    ]


def main() -> int:
    program = Path(sys.argv[1])
    failures = []
    with tempfile.TemporaryDirectory() as work:
        cases = changed(Path(work)) + broken(Path(work))
        for name, checkpoint, expected, arguments, reason in cases:
            result = verify(program, checkpoint, "--expected", str(expected), *arguments)
            said = result.message + json.dumps(result.report.get("problems", {}))
            one_line = len(result.message.splitlines()) <= 1
            if result.status != 1 or reason not in said or not one_line:
                failures.append(f"{name}: exit status {result.status}, and not for {reason}: {said}")
    for failure in failures:
        print(failure)
    print(f"{len(cases)} cases, {len(failures)} failed")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
