#!/usr/bin/env python3
"""Files and functions are small enough to read. Usage: check_sizes.py REPOSITORY

What is over stands in size_exceptions.txt with a reason: PATH or PATH:FUNCTION, a colon and a space, the reason.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

from tree import finish, repository_files, root_argument

HEADER_LINES = 300
SOURCE_LINES = 600
ARCHITECTURE_LINES = 250
FUNCTION_LINES = 80

# Comments, literals and preprocessor lines, which may hold braces that mean nothing here.
NOISE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<tag>[^()\\\s]{0,16})\(.*?\)(?P=tag)"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'|^[ \t]*#(?:\\\n|[^\n])*",
    re.DOTALL | re.MULTILINE,
)
CONTAINER = re.compile(
    r"^(?:\[\[.*?\]\]\s*|inline\s+|static\s+|typedef\s+)*(?:namespace|class|struct|union|enum|extern)\b"
)
FUNCTION = re.compile(r"\)\s*(?:const|noexcept|override|final|mutable|requires|try|->|:|&|\s)?[^;={}]*$")
NAME = re.compile(r"([A-Za-z_~][\w:~]*(?:\s*<[^<>()]*>)?|operator[^\s(]+)\s*\(")


def without_noise(text: str) -> str:
    """The text with comments, literals and directives emptied; lines keep their numbers."""
    return NOISE.sub(lambda match: "\n" * match.group().count("\n") or " ", text)


def without_template(head: str) -> str:
    """`head` without its template<...> prefixes."""
    head = head.strip()
    while head.startswith("template"):
        depth = 0
        for index, character in enumerate(head):
            depth += {"<": 1, ">": -1}.get(character, 0)
            if depth == 0 and character == ">":
                head = head[index + 1 :].strip()
                break
        else:
            return head
    return head


def functions(text: str) -> Iterator[tuple[str, int, int]]:
    """(name, first line, number of lines) of every outermost function body; lambdas count as part of their function."""
    clean = without_noise(text)
    depth_inside = 0  # braces within a function or an initializer
    start = 0  # where the head of the next block begins
    current: tuple[str, int] | None = None
    for match in re.finditer(r"[{};]", clean):
        at = match.end()
        if depth_inside > 0:
            depth_inside += {"{": 1, "}": -1}.get(match.group(), 0)
            if depth_inside == 0:
                if current:
                    first = clean.count("\n", 0, current[1])
                    yield current[0], first + 1, clean.count("\n", 0, at) - first + 1
                current = None
                start = at
        elif match.group() == "{":
            raw = clean[start : match.start()]
            head = without_template(raw)
            if not CONTAINER.match(head):
                depth_inside = 1
                if FUNCTION.search(head):
                    name = NAME.search(head)
                    current = (name.group(1) if name else "?", start + len(raw) - len(raw.lstrip()))
            start = at if depth_inside == 0 else start
        else:
            start = at


def limit_of(path: Path) -> int:
    if path.suffix == ".h":
        return HEADER_LINES
    if path.parts[:2] == ("src", "models") and len(path.parts) == 3 and not path.name.endswith("_test.cc"):
        return ARCHITECTURE_LINES
    return SOURCE_LINES


def oversized(root: Path, path: Path) -> Iterator[tuple[str, str]]:
    """(what an exception would name, what is wrong)"""
    text = (root / path).read_text(encoding="utf-8")
    lines = text.count("\n")
    if lines > limit_of(path):
        yield str(path), f"{path}: {lines} lines; the limit is {limit_of(path)}"
    for name, first, length in functions(text):
        if length > FUNCTION_LINES:
            yield f"{path}:{name}", f"{path}:{first}: {name} has {length} lines; the limit is {FUNCTION_LINES}"


def read_exceptions(file: Path) -> dict[str, str]:
    lines = file.read_text(encoding="utf-8").splitlines() if file.is_file() else []
    pairs = [line.partition(": ") for line in lines if line.strip() and not line.startswith("#")]
    return {what: reason.strip() for what, _, reason in pairs}


def check(root: Path) -> tuple[list[str], int]:
    exceptions = read_exceptions(root / "tests/structure/size_exceptions.txt")
    problems = [f"size_exceptions.txt: {what} has no reason" for what, reason in exceptions.items() if not reason]
    used: set[str] = set()
    files = repository_files(root, (".h", ".cc"))
    for path in files:
        for what, problem in oversized(root, path):
            used.add(what)
            if what in exceptions:
                print(f"excepted: {problem}: {exceptions[what]}")
            else:
                problems.append(problem)
    problems.extend(f"size_exceptions.txt: {what} is no longer over a limit" for what in exceptions.keys() - used)
    return problems, len(files)


if __name__ == "__main__":
    sys.exit(finish("sizes", *check(root_argument())))
