#!/usr/bin/env python3
"""Runs an example that was built against the installed SDK. Usage: check_example.py NAME PROGRAM REPOSITORY"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

SKIPPED = 77  # ctest shows such a test as skipped


class Failure(Exception):
    """What an example did wrong."""


def run(arguments: list[str | Path], stdin: str = "", status: int = 0) -> tuple[str, str]:
    """The output and the messages of a program that ends with `status`."""
    done = subprocess.run([str(a) for a in arguments], input=stdin, capture_output=True, text=True, check=False)
    if done.returncode != status:
        raise Failure(f"{arguments[0]} ended with {done.returncode} instead of {status}: {done.stderr or done.stdout}")
    return done.stdout, done.stderr


def expect(condition: bool, what: str, output: str) -> None:
    if not condition:
        raise Failure(f"{what}; the output is:\n{output}")


def model_folder() -> Path:
    """As galago::model_folder()."""
    if home := os.environ.get("GALAGO_HOME"):
        return Path(home) / "models"
    data = os.environ.get("XDG_DATA_HOME") or Path(os.environ.get("HOME", ".")) / ".local" / "share"
    return Path(data) / "galago" / "models"


def skip_without(path: Path, what: str) -> None:
    if path.exists():
        return
    print(f"{what} is not there: {path.name}")
    sys.exit(1 if os.environ.get("CI") == "true" else SKIPPED)


def check_custom_module(program: Path, _root: Path) -> None:
    output, _ = run([program])
    lines = output.splitlines()

    def after(prefix: str) -> str:
        found = [line for line in lines if line.startswith(prefix)]
        expect(len(found) == 1, f"one line begins with {prefix!r}", output)
        return found[0].removeprefix(prefix).strip()

    parameters = 512 * 2048 + 2048 + 2048 * 512 + 512
    expect(lines[0].split()[0] == "Mlp" and lines[0].split()[-1] == f"{parameters:,}", "the module's tree", output)
    for member in ("up_proj", "down_proj"):
        expect(any(line.strip().startswith(f"{member}: Linear") for line in lines), f"{member} in the tree", output)
    shape = "f32 (7, 512) ["
    expect(after("eager:").startswith(shape), "the eager result", output)
    expect(after("compiled:").startswith(shape), "the compiled result", output)

    graph = output[output.index("graph forward(x: f32 (tokens, 512))") : output.index("after the passes:")]
    order = [re.search(rf"= {op}\(", graph, re.IGNORECASE) for op in ("linear", "unary|silu", "linear")]
    expect(all(order) and len(re.findall(r"= linear\(", graph, re.IGNORECASE)) == 2, "the IR's three ops", output)
    expect("packed @" in output[output.index("after the passes:") :], "packed weights after the passes", output)
    # The two values of a step, (tokens, 2048) and (tokens, 512), at the bound of tokens.
    peak = int(after("planned arena:").split()[0])
    expect(peak >= 512 * 2048 * 4, "an arena that holds the hidden layer", output)
    expect(float(after("largest difference:")) < 1e-4, "eager and compiled agree", output)


def check_chat(program: Path, root: Path) -> None:
    fields = dict(
        line.split("=", 1) for line in (root / "cmake" / "default_model.txt").read_text().splitlines() if "=" in line
    )
    output, messages = run([program, root / "no-such-model.gguf"], status=1)
    expect(output == "" and "no-such-model.gguf" in messages, "a missing model is named", output + messages)

    skip_without(model_folder() / fields["file"], "the default model")
    questions = "Why is the sky blue?\nSay that in one sentence.\n"
    output, _ = run([program], questions)
    answers = output.split("> ")
    expect(len(answers) == 4 and answers[3] == "", "two answers between three prompts", output)
    # The second question alone does not say what it is about.
    for which, answer in zip(("first", "second"), answers[1:3], strict=True):
        expect(re.search(r"sky|light|blue", answer) is not None, f"the {which} answer is about the sky", output)
    expect("<|" not in output and "\ufffd" not in output, "no special tokens and whole characters", output)


def check_chat_with_image(program: Path, root: Path) -> None:
    run([program], status=2)
    committed = root / "tests" / "data" / "goldens" / "multimodal"
    places = [committed / "mobilevlm_v2", committed / "llava", root.parent / "shared/goldens/multimodal/llava"]
    model = next((place for place in places if (place / "config.json").exists()), places[-1])
    skip_without(model / "config.json", "a small model that sees")
    picture = model / "image_0.png"
    questions = ["What is this?", "Which colour?"]
    output, _ = run([program, model, picture, *questions])
    stats = [
        [int(n) for n in found]
        for found in re.findall(r"\[(\d+) tokens of prompt, (\d+) of them known, (\d+) generated\]", output)
    ]
    expect(all(question in output for question in questions), "both questions", output)
    expect(len(stats) == 2 and all(generated > 0 for *_, generated in stats), "two answers", output)
    # The picture's rows come before the second question and are not computed again.
    expect(stats[1][1] >= stats[0][0] - 1, "the second question finds the first one's prompt in the cache", output)

    _, messages = run([program, model, root / "no-such-picture.png"], status=1)
    expect("no-such-picture.png" in messages, "a missing picture is named", messages)
    _, messages = run([program, model, root / "LICENSE"], status=1)
    expect("LICENSE" in messages, "what is no picture is named", messages)


def main() -> int:
    name, program, root = sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3])
    checks = {"custom_module": check_custom_module, "chat": check_chat, "chat_with_image": check_chat_with_image}
    try:
        checks[name](program, root)
    except Failure as failure:
        print(f"{name}: {failure}")
        return 1
    print(f"{name}: as expected")
    return 0


if __name__ == "__main__":
    sys.exit(main())
