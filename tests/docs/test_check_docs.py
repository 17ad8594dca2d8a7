#!/usr/bin/env python3
"""check_docs.py finds what it is there to find."""

from __future__ import annotations

import tempfile
import unittest
from pathlib import Path

import check_docs

FILES = {
    "cli/commands.def": 'GALAGO_COMMAND(run, "answer")\n',
    "dev": "cmd_test() {\n}\n",
    "src/a.cc": "",
    "README.md": "# Title\n\n| `galago run` | answers |\n",
}


class CheckDocs(unittest.TestCase):
    def problems(self, readme: str, **extra: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in {**FILES, **extra}.items():
                (root / name).parent.mkdir(parents=True, exist_ok=True)
                (root / name).write_text(text, encoding="utf-8")
            (root / "README.md").write_text(FILES["README.md"] + readme, encoding="utf-8")
            (root / "galago").write_text("#!/bin/sh\necho '  -n, --predict N'\n", encoding="utf-8")
            (root / "galago").chmod(0o755)
            return check_docs.check(root, root / "galago", None)[0]

    def test_accepts_what_is_true(self) -> None:
        text = "[a](src/a.cc) [b](#title) `src/a.cc` `src/x.cc` `src/<name>.cc` [c](https://example.com)\n"
        text += "\n```sh\n./dev test\ngalago run -n 3\n```\n\n    src/b.cc in a drawing\n"
        self.assertEqual(self.problems(text), [])

    def test_links(self) -> None:
        self.assertEqual(len(self.problems("[a](src/b.cc)\n")), 1)
        self.assertEqual(len(self.problems("[a](#nothing)\n")), 1)

    def test_names(self) -> None:
        self.assertEqual(len(self.problems("`src/b.cc`\n")), 1)

    def test_commands(self) -> None:
        self.assertEqual(len(self.problems("```sh\n./dev fly\n```\n")), 1)
        self.assertEqual(len(self.problems("```sh\ntrue && galago fly\n```\n")), 1)

    def test_options(self) -> None:
        self.assertEqual(self.problems('```sh\ngalago run -n 3 --predict 4 "a --fly"\n```\n'), [])
        self.assertEqual(len(self.problems("```sh\ngalago run --pre 4\n```\n")), 1)

    def test_table(self) -> None:
        self.assertEqual(len(self.problems("| `galago fly` | flies |\n")), 1)

    def test_marks(self) -> None:
        self.assertEqual(len(self.problems("<!-- compiles -->\n```sh\ntrue\n```\n")), 1)

    def test_runs_marked_blocks(self) -> None:
        self.assertEqual(self.problems("<!-- tested -->\n```sh\ntest -e src/a.cc && echo x > new\n```\n"), [])
        self.assertEqual(len(self.problems("<!-- tested -->\n```sh\nfalse\ntrue\n```\n")), 1)
        self.assertEqual(self.problems("```sh\nfalse\n```\n"), [])


if __name__ == "__main__":
    unittest.main()
