#!/usr/bin/env python3
"""Goldens are found by folder: each with a config.json, in ../shared where it is, else those committed."""

from __future__ import annotations

import json
import tempfile
import unittest
from pathlib import Path

from discover import Golden, ctest_lines, find_goldens
from run_golden import check_refused


class Discover(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def add(self, path: str, model_type: str) -> None:
        (self.root / path).mkdir(parents=True)
        (self.root / path / "config.json").write_text(json.dumps({"model_type": model_type}), encoding="utf-8")

    def test_folders_with_a_config_are_goldens(self) -> None:
        self.add("shared/text/b", "new")
        self.add("shared/multimodal/a", "llava")
        (self.root / "shared/text/no_config").mkdir()
        self.add("committed/text/c", "llama")
        (self.root / "b-f32.json").write_text("{}", encoding="utf-8")
        shared, committed = self.root / "shared", self.root / "committed"
        self.assertEqual(
            find_goldens([shared, committed], self.root),
            [Golden("text", "b", "new"), Golden("gguf", "b", "new"), Golden("multimodal", "a", "llava")],
        )
        self.assertEqual(find_goldens([self.root / "absent", committed], self.root), [Golden("text", "c", "llama")])
        self.assertEqual(find_goldens([self.root / "absent"], self.root), [])

    def test_each_golden_is_a_test(self) -> None:
        lines = ctest_lines(Path("galago"), [Golden("text", "a", "llama"), Golden("gguf", "a", "llama")])
        self.assertIn("add_test(goldens.text.a ", lines)
        self.assertIn("add_test(goldens.gguf.a ", lines)
        self.assertIn("[==[galago]==] [==[gguf]==] [==[a]==]", lines)


class Refused(unittest.TestCase):
    def program(self, status: int, message: str) -> Path:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = Path(folder.name) / "galago"
        path.write_text(f"#!/bin/sh\necho '{message}' >&2\nexit {status}\n", encoding="utf-8")
        path.chmod(0o755)
        return path

    def test_a_refusal_has_to_be_the_one_that_is_listed(self) -> None:
        self.assertEqual(check_refused(self.program(1, "no ldpnet here"), Path("x"), "ldpnet"), [])
        self.assertIn("no ldpnet", check_refused(self.program(1, "no tensor"), Path("x"), "no ldpnet")[0])
        self.assertIn("refused.json", check_refused(self.program(0, ""), Path("x"), "ldpnet")[0])


if __name__ == "__main__":
    unittest.main()
