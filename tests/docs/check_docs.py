#!/usr/bin/env python3
"""What the documents say is true of the tree.

Every document: relative links and headings they lead to exist, and so do files that are named in `code`; each
`galago COMMAND` and `./dev COMMAND` in an sh block exists, and so do the former's options; the README's table lists
exactly the commands there are. A block after a line <!-- tested --> (sh) is run and has to succeed, one after
<!-- compiles --> (cpp) has to compile.

Usage: check_docs.py REPOSITORY [--galago PROGRAM] [--compiler COMPILER]
"""

from __future__ import annotations

import argparse
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

MARKS = ("tested", "compiles")
LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`\n]+)`")
# `src/ops/x.h` stands for a file to be written; `cmd_<name>.cc` and `*.inl.h` for many.
PLACEHOLDER = re.compile(r"[<>*{}$]|(^|/)(\w+_)?x(_test)?\.|(^|/)x$")
COMMAND = re.compile(r"^\s*(?:\$ )?(galago|\./dev)\s+([a-z]+)\b")


@dataclass
class Block:
    language: str
    mark: str  # of MARKS, or empty
    line: int
    text: str


@dataclass
class Document:
    path: Path  # relative to the repository
    text: str
    prose: str  # without fenced and indented blocks
    blocks: list[Block]


def parse(path: Path, text: str) -> Document:
    blocks: list[Block] = []
    prose: list[str] = []
    fence, indent, mark = "", 0, ""
    for number, line in enumerate(text.splitlines(), 1):
        stripped = line.strip()
        if fence:
            if stripped == fence:
                fence = ""
            else:
                blocks[-1].text += line[min(indent, len(line) - len(line.lstrip())) :] + "\n"
            continue
        if opening := re.match(r"(`{3,})(\w*)", stripped):
            fence, indent = opening.group(1), len(line) - len(line.lstrip())
            blocks.append(Block(opening.group(2), mark, number, ""))
            mark = ""
            continue
        if found := re.fullmatch(r"<!-- (\w+) -->", stripped):
            mark = found.group(1)
        elif not line.startswith("    "):
            prose.append(line)
    return Document(path, text, "\n".join(prose), blocks)


def anchors(text: str) -> set[str]:
    """The names that headings can be linked by."""
    headings = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def link_problems(root: Path, document: Document) -> Iterator[str]:
    for target in LINK.findall(CODE.sub("", document.prose)):
        if re.match(r"[a-z]+:", target):
            continue
        name, _, anchor = target.partition("#")
        file = (root / document.path.parent / name) if name else root / document.path
        if not file.exists():
            yield f"{document.path}: links to {target}, which is not there"
        elif anchor and anchor not in anchors(file.read_text(encoding="utf-8")):
            yield f"{document.path}: links to {target}, and there is no such heading"


def name_problems(root: Path, document: Document, folders: set[str]) -> Iterator[str]:
    """Files named in `code`: whatever begins with a folder of the repository."""
    for code in CODE.findall(document.prose):
        first, slash, _ = code.partition("/")
        if not slash or first not in folders or " " in code or PLACEHOLDER.search(code):
            continue
        if not (root / code).exists():
            yield f"{document.path}: names {code}, which is not there"


def commands_of(root: Path) -> dict[str, set[str]]:
    definitions = (root / "cli" / "commands.def").read_text(encoding="utf-8")
    dev = (root / "dev").read_text(encoding="utf-8")
    return {
        "galago": set(re.findall(r"^GALAGO_COMMAND\((\w+)", definitions, re.MULTILINE)) | {"help"},
        "./dev": set(re.findall(r"^cmd_(\w+)\(\)", dev, re.MULTILINE)),
    }


def command_problems(document: Document, commands: dict[str, set[str]]) -> Iterator[str]:
    for block in document.blocks:
        if block.language != "sh":
            continue
        for number, line in enumerate(block.text.splitlines(), block.line + 1):
            for part in re.split(r"&&|\|", line):
                found = COMMAND.match(part)
                if found and found.group(2) not in commands[found.group(1)]:
                    yield f"{document.path}:{number}: {found.group(1)} has no command {found.group(2)}"


def option_problems(document: Document, commands: dict[str, set[str]], galago: Path) -> Iterator[str]:
    """Options of `galago COMMAND` that its help does not know."""
    for block in document.blocks:
        lines = block.text.splitlines() if block.language == "sh" else []
        for number, line in enumerate(lines, block.line + 1):
            for part in re.split(r"&&|\||#", line):
                found = COMMAND.match(part)
                if not found or found.group(1) != "galago" or found.group(2) not in commands["galago"]:
                    continue
                shown = subprocess.run(
                    [galago, found.group(2), "--help"], capture_output=True, text=True, check=False
                ).stdout
                unquoted = re.sub(r"\"[^\"]*\"|'[^']*'", "", part)
                for option in re.findall(r"(?<=\s)--?[a-z][a-z-]*", unquoted):
                    if not re.search(rf"(?<![\w-]){option}(?![\w-])", shown):
                        yield f"{document.path}:{number}: galago {found.group(2)} has no option {option}"


def table_problems(document: Document, commands: dict[str, set[str]]) -> Iterator[str]:
    listed = set(re.findall(r"^\| `galago (\w+)` \|", document.text, re.MULTILINE))
    for name in sorted(listed ^ (commands["galago"] - {"help"})):
        yield f"{document.path}: the table of commands and cli/commands.def differ in {name}"


def mark_problems(document: Document) -> Iterator[str]:
    wanted = {"tested": "sh", "compiles": "cpp"}
    for block in document.blocks:
        if block.mark and wanted.get(block.mark) != block.language:
            yield f"{document.path}:{block.line}: a block {block.language!r} is marked {block.mark!r}"


def run_block(root: Path, document: Document, block: Block, galago: Path) -> Iterator[str]:
    """Runs a block in a folder that looks like the repository, so that what it writes is thrown away."""
    with tempfile.TemporaryDirectory() as folder:
        for entry in root.iterdir():
            if not entry.name.startswith((".", "build")):
                (Path(folder) / entry.name).symlink_to(entry)
        environment = {**os.environ, "PATH": f"{galago.resolve().parent}:{os.environ['PATH']}", "HOME": folder}
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", block.text],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    if done.returncode != 0:
        yield f"{document.path}:{block.line}: the block ends with {done.returncode}: {done.stderr.strip()}"


def compile_block(root: Path, document: Document, block: Block, compiler: str) -> Iterator[str]:
    done = subprocess.run(
        [compiler, "-std=c++20", "-fsyntax-only", "-Wall", "-Wextra", "-Werror", f"-I{root / 'include'}", "-xc++", "-"],
        input=block.text,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        yield f"{document.path}:{block.line}: the block does not compile: {done.stderr.strip()[:1000]}"


def documents_of(root: Path) -> list[Document]:
    paths = sorted([*root.glob("*.md"), *(root / "docs").rglob("*.md")])
    return [parse(path.relative_to(root), path.read_text(encoding="utf-8")) for path in paths]


def check(root: Path, galago: Path | None, compiler: str | None) -> tuple[list[str], dict[str, int]]:
    commands = commands_of(root)
    folders = {entry.name for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith((".", "build"))}
    problems: list[str] = []
    counts = {"documents": 0, "run": 0, "compiled": 0}
    for document in documents_of(root):
        counts["documents"] += 1
        problems += link_problems(root, document)
        problems += name_problems(root, document, folders)
        problems += command_problems(document, commands)
        problems += mark_problems(document)
        if galago is not None:
            problems += option_problems(document, commands, galago)
        if document.path == Path("README.md"):
            problems += table_problems(document, commands)
        for block in document.blocks:
            if block.mark == "tested" and galago is not None:
                counts["run"] += 1
                problems += run_block(root, document, block, galago)
            if block.mark == "compiles" and compiler is not None:
                counts["compiled"] += 1
                problems += compile_block(root, document, block, compiler)
    return problems, counts


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("repository", type=Path)
    parser.add_argument("--galago", type=Path, help="the program, to run blocks that are marked tested")
    parser.add_argument("--compiler", help="a C++ compiler, for blocks that are marked compiles")
    arguments = parser.parse_args()
    problems, counts = check(arguments.repository.resolve(), arguments.galago, arguments.compiler)
    print("\n".join(problems + [f"docs: {counts}, {len(problems)} problems"]))
    expected = [counts["documents"]] + ([counts["run"]] if arguments.galago else [])
    return 1 if problems or not all(expected) else 0


if __name__ == "__main__":
    sys.exit(main())
