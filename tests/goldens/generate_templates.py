"""Writes tests/data/templates: what jinja2, in transformers' environment, makes of chat templates and snippets.

    python generate_templates.py --templates FOLDER

snippets.json, from template_snippets.jsonl: {"context": variables, "cases": [[template, text or null]]}; null means
that jinja2 refuses.
conversations.json: {"conversations": ..., "variables": [...]}, and templates.json: for each template of FOLDER its
cases, keyed "conversation/variables/add_generation_prompt", with "bytes:CRC-32", or null where it refuses.
The clock stands at CLOCK, UTC.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import time
import warnings
import zlib
from pathlib import Path
from typing import Any

from template_conversations import CONTEXT, CONVERSATIONS, VARIABLES
from transformers.utils import chat_template_utils

OUT = Path(__file__).parent.parent / "data" / "templates"
CLOCK = datetime.datetime(2026, 7, 30, 12, 2, 1)
TOKENS = {"bos_token": "<s>", "eos_token": "</s>"}


class FixedClock(datetime.datetime):
    """datetime.now() that stands still."""

    @classmethod
    def now(cls, tz: datetime.tzinfo | None = None) -> FixedClock:
        return cls(*CLOCK.timetuple()[:6])


def compile_template(source: str) -> Any:
    """The compiled template, or None where jinja2 refuses it."""
    try:
        return chat_template_utils._cached_compile_jinja_template(source)
    except Exception:
        return None


def render(template: Any, variables: dict[str, Any]) -> str | None:
    """The text, or None for whatever jinja2 refuses."""
    if template is None:
        return None
    try:
        text = template.render(**variables)
        text.encode()
    except Exception:
        return None
    return text


def short_hash(text: str) -> str:
    """The bytes of the text: how many, and their CRC-32."""
    data = text.encode()
    return f"{len(data)}:{zlib.crc32(data):08x}"


def write(name: str, value: Any) -> None:
    path = OUT / name
    path.write_text(json.dumps(value, ensure_ascii=False, separators=(",", ":")) + "\n", encoding="utf-8")
    print(f"{path.name}: {path.stat().st_size} bytes")


def snippet_cases() -> list[list[str | None]]:
    cases: list[list[str | None]] = []
    lines = (Path(__file__).parent / "template_snippets.jsonl").read_text(encoding="utf-8").splitlines()
    for source in map(json.loads, lines):
        text = render(compile_template(source), dict(CONTEXT))
        if text is None or " at 0x" not in text:
            cases.append([source, text])
    return cases


def template_cases(source: str) -> dict[str, str | None]:
    template = compile_template(source)
    cases = {}
    for name, messages in CONVERSATIONS.items():
        for i, variables in enumerate(VARIABLES):
            for prompt in (False, True):
                text = render(template, {"messages": messages, "add_generation_prompt": prompt, **TOKENS, **variables})
                cases[f"{name}/{i}/{int(prompt)}"] = None if text is None else short_hash(text)
    return cases


def fold(cases: dict[str, str | None]) -> dict[str, str | None]:
    """A conversation whose cases are all refused is one entry."""
    folded: dict[str, str | None] = {}
    for name in CONVERSATIONS:
        own = {key: value for key, value in cases.items() if key.startswith(f"{name}/")}
        folded.update(own if any(own.values()) else {name: None})
    return folded


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--templates", type=Path, required=True)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    os.environ["TZ"] = "UTC"
    time.tzset()
    chat_template_utils.datetime = FixedClock
    OUT.mkdir(parents=True, exist_ok=True)
    write("snippets.json", {"context": CONTEXT, "cases": snippet_cases()})
    write("conversations.json", {"conversations": CONVERSATIONS, "variables": VARIABLES})
    paths = sorted(arguments.templates.glob("*.jinja"))
    sources = {path.stem: path.read_bytes().decode() for path in paths}
    write("templates.json", {name: fold(template_cases(source)) for name, source in sources.items()})


if __name__ == "__main__":
    main()
