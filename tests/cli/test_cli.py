#!/usr/bin/env python3
"""Runs the built program as a user does. Usage: test_cli.py GALAGO SUITE"""

from __future__ import annotations

import json
import os
import pty
import re
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path
from typing import Any

from gguf_bytes import gguf, vocabulary

GALAGO = Path()
ROOT = Path(__file__).resolve().parents[2]
SKIPPED = 77


class Case(unittest.TestCase):
    """A folder for files, and the program."""

    def setUp(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="galago_cli_"))
        self.addCleanup(shutil.rmtree, self.folder)

    def write(self, name: str, content: bytes | str) -> Path:
        path = self.folder / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    def run_galago(
        self, *arguments: str | bytes | Path, stdin: bytes = b"", **options: Any
    ) -> subprocess.CompletedProcess[bytes]:
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "timeout": 120, "check": False} | options
        return subprocess.run([GALAGO, *arguments], input=stdin, **options)

    def succeed(self, *arguments: str | bytes | Path, stdin: bytes = b"") -> bytes:
        done = self.run_galago(*arguments, stdin=stdin)
        self.assertEqual(done.returncode, 0, done.stderr)
        return done.stdout

    def one_line(self, done: subprocess.CompletedProcess[bytes], code: int, *parts: str) -> None:
        """It ended with `code` and one line on standard error that holds all `parts`."""
        message = done.stderr.decode()
        self.assertEqual(done.returncode, code, message)
        self.assertEqual(message.count("\n"), 1, message)
        self.assertTrue(message.startswith("galago"), message)
        self.assertFalse([c for c in message[:-1] if ord(c) < 32], message)
        for part in parts:
            self.assertIn(part, message)

    def fail_with(self, *parts: str, arguments: list[str | bytes | Path], stdin: bytes = b"") -> None:
        done = self.run_galago(*arguments, stdin=stdin)
        self.one_line(done, 1, *parts)
        self.assertEqual(done.stdout, b"")


class Usage(Case):
    COMMANDS = ("run", "chat", "inspect", "tokenize", "template", "pack", "cache")

    def test_help_and_version(self) -> None:
        self.assertRegex(self.succeed("--version"), rb"^galago \d+\.\d+\.\d+\n$")
        overview = self.succeed("--help").decode()
        for command in self.COMMANDS:
            self.assertIn(f"  {command} ", overview)
            text = self.succeed(command, "--help").decode()
            self.assertIn(f"Usage: galago {command} ", text)
            self.assertEqual(text, self.succeed("help", command).decode())

    def test_every_option_shows_its_default(self) -> None:
        for command in self.COMMANDS:
            text = self.succeed(command, "--help").decode()
            entries = [" ".join(entry.split()) for entry in re.split(r"\n(?= {2,6}-|\S|\n)", text)]
            options = [entry for entry in entries if entry.startswith("-")]
            self.assertGreater(len(options), 2)
            for option in options:
                # Without one: help itself, what is required, and another name of an argument.
                if not re.match(r"-h, --help|--messages|-i, --input", option):
                    self.assertRegex(option, r"\[default: .+\]$", command)

    def test_wrong_use(self) -> None:
        for arguments, part in (
            (["rum"], "did you mean run?"),
            (["--frobnicate"], "unknown option --frobnicate"),
            (["run"], "what to ask?"),
            (["run", "--tmp", "1", "x"], "did you mean --temp?"),
            (["run", "--temp", "warm", "x"], "--temp"),
            (["run", "--temp", "-1", "x"], "--temp"),
            (["run", "--precision", "best", "x"], "--precision"),
            (["run", "--logit-bias", "5", "x"], "expected TOKEN=VALUE"),
            (["run", "--logit-bias", "5=1", "--logit-bias", "-1=2", "x"], "--logit-bias"),
            (["run", "-m", "a", "b", "c"], "-m names the model"),
            (["run", "--raw", "--system", "a", "b"], "--raw"),
            (["run", "a", "b", "c"], "one argument too many: c"),
            (["run", "-n"], "--predict"),
            (["tokenize", "model"], "galago tokenize MODEL TEXT"),
            (["tokenize", "model", "text", "--file", "f"], "not both"),
            (["template", "model"], "--messages"),
            (["bench", "--tiles", "model"], "--tiles measures no model"),
            (["inspect"], "which file?"),
            (["trace", "m", "--program", "--json"], "--program excludes"),
            (["trace", "m", "--program", "--after", "fuse"], "leave out --after"),
            (["pack", "in"], "OUT"),
            (["cache", "list"], "ACTION"),
            (["cache", "rm"], "--all"),
            (["cache", "ls", "name"], "ls takes no names"),
            (["cache", "verify", "--all"], "--all is for rm"),
        ):
            with self.subTest(arguments=arguments):
                done = self.run_galago(*arguments)
                self.one_line(done, 2, part)
                self.assertEqual(done.stdout, b"")
        self.assertEqual(self.run_galago().returncode, 2)

    def test_missing_model(self) -> None:
        empty = {"GALAGO_HOME": str(self.folder), "PATH": os.environ["PATH"]}
        done = self.run_galago("run", "hi", env=empty)
        self.one_line(done, 1, "default model", str(self.folder), "./dev run")
        self.one_line(self.run_galago("run", "-m", "nothing", "hi", env=empty), 1, '"nothing"', str(self.folder))
        self.one_line(self.run_galago("bench", "-m", "nothing", env=empty), 1, '"nothing"', str(self.folder))
        done = self.run_galago("run", "--json", "-m", "nothing", "hi", env=empty)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(json.loads(done.stderr)["error"]["code"], "not found")

    def test_prompt_is_checked_before_the_model(self) -> None:
        self.fail_with("byte 0xff at offset 3", arguments=["run", "-m", "nothing", b"abc\xff"])
        self.fail_with("byte 0xc3 at offset 1", arguments=["run", "-m", "nothing", "-"], stdin=b"a\xc3")
        self.fail_with("empty", arguments=["run", "-m", "nothing", "-"], stdin=b"\n")
        self.fail_with("no such file", arguments=["run", "-m", "nothing", "--image", "none.png", "hi"])

    def test_tiles_of_the_kernels(self) -> None:
        tiles = json.loads(self.succeed("bench", "--tiles", "-r", "1", "-o", "json"))["tiles"]
        self.assertIn("scalar", {tile["isa"] for tile in tiles})
        for tile in tiles:
            self.assertGreater(tile["multiply_adds_per_second"], 0)
            self.assertTrue(not tile["chosen"] or tile["registers_used"] <= tile["registers"], tile)
        self.assertEqual(sum(tile["chosen"] for tile in tiles) * 4, len(tiles))
        self.assertIn(b"| > |", self.succeed("bench", "--tiles", "-r", "1"))


class Inspect(Case):
    def test_small_gguf(self) -> None:
        seen = json.loads(self.succeed("inspect", ROOT / "tests/data/formats/small.gguf", "--json"))
        self.assertEqual(seen["format"], "GGUF v3")
        self.assertEqual(sum(q["tensors"] for q in seen["quantization"]), len(seen["tensors"]))
        self.assertAlmostEqual(sum(q["share"] for q in seen["quantization"]), 1)
        for option in ([], ["-v"], ["-i"]):
            text = self.succeed("inspect", ROOT / "tests/data/formats/small.gguf", *option).decode()
            self.assertIn("GGUF v3", text)
        self.assertIn(seen["tensors"][0]["name"], text + self.succeed("inspect", "-v", "-i", seen["path"]).decode())

    def test_statistics(self) -> None:
        values = [1.0, -2.0, float("nan"), 0.5, float("inf"), -float("inf"), 4.5]
        path = self.write("numbers.gguf", gguf({"general.architecture": "none"}, {"w": values, "even": [0.25] * 9000}))
        seen = json.loads(self.succeed("inspect", path, "-n", "w", "--json"))
        self.assertEqual((seen["min"], seen["max"], seen["mean"], seen["nan"], seen["inf"]), (-2, 4.5, 1, 1, 2))
        self.assertAlmostEqual(seen["std"], (21.5 / 4) ** 0.5)
        self.assertEqual([v for v in seen["first"] if v is not None], [1, -2, 0.5, 4.5])
        seen = json.loads(self.succeed("inspect", path, "-n", "even", "--json"))
        self.assertEqual((seen["elements"], seen["mean"], seen["std"]), (9000, 0.25, 0))
        self.fail_with("lacks the tensor", "did you mean w?", arguments=["inspect", path, "-n", "v"])

    def test_split_and_folder(self) -> None:
        data = ROOT / "tests/data/formats"
        split = json.loads(self.succeed("inspect", data / "split-00001-of-00003.gguf", "--json"))
        self.assertEqual(split["files"], 3)
        folder = json.loads(self.succeed("inspect", data / "sharded", "--json"))
        self.assertEqual((folder["format"], folder["files"]), ("Hugging Face", 2))
        self.assertIn("config", folder["metadata"])

    def test_trace(self) -> None:
        model = ROOT / "tests/data/goldens/text/smollm2"
        fused = self.succeed("trace", model, "--entry", "decode", "--after", "fuse").decode()
        self.assertRegex(fused, r"gated_linears\(.*\) on cpu")
        self.assertNotIn(" copy(", fused)
        program = self.succeed("trace", model, "--entry", "decode", "--program").decode()
        self.assertTrue(program.startswith("program decode on cpu"), program)
        self.assertRegex(program, r"\d+  rope \+ kv_append")

    def test_control_characters_are_shown(self) -> None:
        evil = "a\x1b[31m\u202eb\x07"
        path = self.write("evil.gguf", gguf({"general.architecture": evil, evil: evil}, {evil: [1.0]}))
        for option in ([], ["-v"], ["-n", evil]):
            text = self.succeed("inspect", path, *option).decode()
            self.assertFalse([c for c in text if (ord(c) < 32 and c != "\n") or c == "\u202e"], text)
            self.assertIn("a\\x1b[31m\\u{202e}b\\x07", text)


class Tokenize(Case):
    def setUp(self) -> None:
        super().setUp()
        self.content = vocabulary()
        self.model = self.write("vocabulary.gguf", gguf(self.content))
        tokens = self.content["tokenizer.ggml.tokens"]
        assert isinstance(tokens, list)
        self.tokens: list[str] = tokens

    def ids(self, *arguments: str | Path, stdin: bytes = b"") -> list[int]:
        return json.loads(self.succeed("tokenize", self.model, "--json", *arguments, stdin=stdin))["ids"]

    def expect(self, *spellings: str) -> list[int]:
        return [self.tokens.index(spelling) for spelling in spellings]

    def test_text_and_special_tokens(self) -> None:
        self.assertEqual(self.ids("hello hello"), self.expect("hello", "Ġhello"))
        self.assertEqual(self.ids("hel<|end|>"), self.expect("he", "l", "<|end|>"))
        self.assertEqual(self.ids("--no-special", "<|end|>"), self.expect(*"<|end|>"))
        self.assertEqual(self.ids("--bos", "hello"), self.expect("<|end|>", "hello"))
        self.assertEqual(self.ids(""), [])
        self.assertEqual(self.ids("[h,e]"), self.expect("[", "h", ",", "e", "]"))
        self.assertEqual(self.ids("--", "--bos"), self.expect("-", "-", "b", "o", "s"))

    def test_bytes_of_a_file_are_exact(self) -> None:
        path = self.write("text", b"hello\n\n")
        self.assertEqual(self.ids("--file", path), self.expect("hello", "Ċ", "Ċ"))
        self.assertEqual(self.ids("-", stdin=b"hello\n"), self.expect("hello", "Ċ"))
        self.fail_with(
            "byte 0xff at offset 2", arguments=["tokenize", self.model, "--file", self.write("bad", b"ab\xff")]
        )
        self.fail_with("gone", arguments=["tokenize", self.model, "--file", self.folder / "gone"])

    def test_plain_output(self) -> None:
        hello, newline = self.expect("hello", "Ċ")
        lines = self.succeed("tokenize", self.model, "hello\n").decode().splitlines()
        self.assertEqual([line.split() for line in lines], [[str(hello), '"hello"'], [str(newline), '"\\n"']])

    def test_without_a_vocabulary(self) -> None:
        bare = self.write("bare.gguf", gguf({"general.architecture": "llama"}))
        self.fail_with("tokenizer", arguments=["tokenize", bare, "x"])


class Template(Case):
    def setUp(self) -> None:
        super().setUp()
        self.messages = self.write("messages.json", json.dumps([{"role": "user", "content": "Hi"}]))

    def render(self, source: str, *options: str | Path) -> str:
        return self.succeed("template", self.write("t.jinja", source), "--messages", self.messages, *options).decode()

    def test_variables(self) -> None:
        source = (
            "{% for m in messages %}<{{ m.role }}>{{ m.content }}{% endfor %}{% if add_generation_prompt %}+{% endif %}"
        )
        self.assertEqual(self.render(source), "<user>Hi+")
        self.assertEqual(self.render(source, "--no-generation-prompt"), "<user>Hi")
        self.assertEqual(json.loads(self.render(source, "--json")), {"prompt": "<user>Hi+"})
        self.assertEqual(self.render("{{ x.y }}{{ t }}", "--set", 'x={"y": 3}', "--set", "t=true"), "3True")
        self.assertEqual(self.render("{{ strftime_now('%d %b %Y') }}", "--now", "2024-07-26"), "26 Jul 2024")
        source = "{{ tools is defined }} {{ tools is none }}{% if tools %} {{ tools | length }}{% endif %}"
        self.assertEqual(self.render(source), "False False")
        self.assertEqual(self.render(source, "--tools", self.write("null", "null")), "True True")
        self.assertEqual(self.render(source, "--tools", self.write("two", "[{}, {}]")), "True False 2")
        self.messages = self.write("m.json", '{"messages": [], "tools": [{}], "who": "me"}')
        self.assertEqual(self.render(source + "{{ who }}"), "True False 1me")

    def test_from_a_model(self) -> None:
        source = "{{ bos_token }}{{ messages[0].content }}"
        model = self.write("m.gguf", gguf(vocabulary() | {"tokenizer.chat_template": source}))
        self.assertEqual(self.succeed("template", model, "--messages", self.messages), b"<|end|>Hi")
        bare = self.write("bare.gguf", gguf(vocabulary()))
        self.fail_with("no chat template", arguments=["template", bare, "--messages", self.messages])

    def test_refusals(self) -> None:
        endless = "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}"
        loop = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
        huge = "{% set ns = namespace(s='x') %}{% for i in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}"
        for source, part in (
            (endless, "t.jinja"),
            (loop, "t.jinja"),
            (huge, "t.jinja"),
            ("{{ raise_exception('no system role') }}", "no system role"),
            ("{% for %}", "t.jinja"),
            ("{% include 'x' %}", "t.jinja"),
        ):
            with self.subTest(source=source):
                path = self.write("t.jinja", source)
                begin = time.monotonic()
                self.fail_with(part, arguments=["template", path, "--messages", self.messages])
                self.assertLess(time.monotonic() - begin, 60)

    def test_bad_arguments(self) -> None:
        path = self.write("t.jinja", "x")
        for content in ("{", "3", '{"tools": []}', b"\xff"):
            bad = self.write("bad.json", content)
            self.fail_with("bad.json", arguments=["template", path, "--messages", bad])
        ask = ["template", path, "--messages", self.messages]
        self.fail_with("--set x", arguments=[*ask, "--set", "x=text"])
        self.fail_with("KEY=JSON", arguments=[*ask, "--set", "x"])
        self.fail_with("--now", arguments=[*ask, "--now", "tomorrow"])


class Hostile(Case):
    """Whatever the bytes, the program ends by itself: with 0, or with 1 and one line."""

    def survive(self, path: Path) -> int:
        done = self.run_galago("inspect", path, "-v")
        if done.returncode != 0:
            self.one_line(done, 1)
            self.assertEqual(done.stdout, b"")
        for command in (["tokenize", path, "x"], ["run", path, "x"]):
            other = self.run_galago(*command)
            self.one_line(other, 1)
            self.assertEqual(other.stdout, b"")
        return done.returncode

    def test_corpus(self) -> None:
        for kind, suffix in (("gguf", ".gguf"), ("safetensors", ".safetensors")):
            seeds = sorted((ROOT / "tests/fuzz/corpus" / kind).iterdir())
            self.assertTrue(seeds)
            for seed in seeds:
                with self.subTest(seed=seed.name):
                    self.survive(self.write("x" + suffix, seed.read_bytes()))

    def test_truncated_and_foreign(self) -> None:
        whole = (ROOT / "tests/data/formats/small.gguf").read_bytes()
        for size in sorted({0, 3, 4, 8, 23, *range(24, len(whole) - 1, max(1, len(whole) // 12)), len(whole) - 1}):
            with self.subTest(size=size):
                self.assertEqual(self.survive(self.write("cut.gguf", whole[:size])), 1)
        self.assertEqual(self.survive(self.write("zeros.gguf", bytes(1000))), 1)
        self.assertEqual(self.survive(self.write("text.gguf", "not a model\n" * 9)), 1)
        header = b"GGUF" + struct.pack("<IQQ", 3, 2**63, 2**63)
        self.assertEqual(self.survive(self.write("counts.gguf", header)), 1)
        self.assertEqual(self.survive(self.write("x.safetensors", struct.pack("<Q", 2**63) + b"{}")), 1)
        (self.folder / "empty").mkdir()
        self.assertEqual(self.survive(self.folder / "empty"), 1)

    def test_unknown_architecture(self) -> None:
        path = self.write("new.gguf", gguf(vocabulary() | {"general.architecture": "unheard\x1b"}))
        self.one_line(self.run_galago("run", path, "hi"), 1, "unheard\\x1b")

    def test_output_that_cannot_be_written(self) -> None:
        model = ROOT / "tests/data/formats/small.gguf"
        with open("/dev/full", "wb") as full:
            self.one_line(self.run_galago("inspect", model, stdout=full), 1, "standard output")
        closed = subprocess.run(
            ["sh", "-c", 'exec "$0" inspect "$1" >&-', GALAGO, model], stderr=subprocess.PIPE, check=False
        )
        self.one_line(closed, 1, "standard output")


class Cache(Case):
    """Packed weights on disk, and standalone files, with a tiny model of random weights."""

    def setUp(self) -> None:
        super().setUp()
        self.model = self.folder / "tiny"
        shutil.copytree(ROOT / "tests/data/goldens/multimodal/mobilevlm_v2", self.model)
        self.environment = {key: value for key, value in os.environ.items() if key != "GALAGO_PACK_CACHE"}
        self.environment["GALAGO_HOME"] = str(self.folder / "home")
        self.packed = self.folder / "home" / "packed"

    def run_galago(
        self, *arguments: str | bytes | Path, stdin: bytes = b"", **options: Any
    ) -> subprocess.CompletedProcess[bytes]:
        return super().run_galago(*arguments, stdin=stdin, **{"env": self.environment} | options)

    def answer(self, model: Path, *options: str) -> tuple[str, str]:
        """The text, and where the packed weights were."""
        asked = ("run", "--json", "--raw", "-n", "8", "--temp", "0", "--ignore-eos", "-m", model, *options, "Once upon")
        answer = json.loads(self.succeed(*asked))
        return answer["text"], answer["packed_weights"]

    def listed(self) -> list[dict[str, Any]]:
        return json.loads(self.succeed("cache", "ls", "--json"))["packs"]

    def test_second_start_maps(self) -> None:
        text, where = self.answer(self.model, "--no-pack-cache")
        self.assertEqual(where, "in memory")
        self.assertFalse(self.packed.exists())
        self.assertEqual(self.answer(self.model)[0], text)
        again, where = self.answer(self.model)
        self.assertEqual(again, text)
        self.assertTrue(where.startswith(f"mapped from {self.packed}"), where)
        stats = self.run_galago("run", "--stats", "--raw", "-n", "1", "-m", self.model, "x").stderr
        self.assertIn(b"packed weights   mapped from", stats)

    def test_variable(self) -> None:
        self.environment["GALAGO_PACK_CACHE"] = "off"
        self.assertEqual(self.answer(self.model)[1], "in memory")
        self.environment["GALAGO_PACK_CACHE"] = "1K"
        self.assertIn("the cache may take 1024", self.answer(self.model)[1])
        self.environment["GALAGO_PACK_CACHE"] = "much"
        self.fail_with("GALAGO_PACK_CACHE=much", "8G", arguments=["run", "-m", self.model, "x"])
        self.assertFalse(self.packed.exists())

    def test_list_and_remove(self) -> None:
        self.assertEqual(self.listed(), [])
        self.assertIn(b"0 files", self.succeed("cache", "ls"))
        self.answer(self.model)
        (pack,) = self.listed()
        self.assertEqual((pack["state"], pack["source"]), ("fresh", str(self.model)))
        self.assertEqual(pack["bytes"], Path(pack["file"]).stat().st_size)
        lines = self.succeed("cache", "ls").decode().splitlines()
        self.assertEqual(lines[0].split(), ["name", "isa", "size", "age", "state"])
        self.assertTrue(lines[1].startswith("tiny-") and lines[1].endswith("fresh"), lines)
        os.utime(self.model / "model.safetensors", (1, 1))
        self.assertEqual(self.listed()[0]["state"], "stale")
        shutil.rmtree(self.model)
        self.assertEqual(self.listed()[0]["state"], "orphan")
        self.fail_with('"none"', arguments=["cache", "rm", "none"])
        self.succeed("cache", "rm", "tiny")
        self.assertEqual(self.listed(), [])

    def test_verify_finds_what_a_start_does_not(self) -> None:
        self.answer(self.model)
        self.assertIn(b"equals its packed source (fresh)", self.succeed("cache", "verify"))
        path = Path(self.listed()[0]["file"])
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(content)
        done = self.run_galago("cache", "verify", "tiny")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"is damaged", done.stderr)
        found = json.loads(self.run_galago("cache", "verify", "--json").stdout)
        self.assertEqual((found["ok"], found["packs"][0]["ok"]), (False, False))
        path.write_bytes(content[:1000])
        self.assertEqual(self.listed()[0]["state"], "damaged")
        self.assertEqual(self.run_galago("cache", "verify").returncode, 1)
        (self.packed / "x-avx2-0.pack.1-0.tmp").write_bytes(b"left by a killed process")
        self.succeed("cache", "rm", "--all")
        self.assertEqual(list(self.packed.iterdir()), [])

    def test_many_first_starts(self) -> None:
        text = self.answer(self.model, "--no-pack-cache")[0]
        command = ["run", "--raw", "-n", "8", "--temp", "0", "--ignore-eos", "-m", self.model, "Once upon"]
        running = [subprocess.Popen([GALAGO, *command], stdout=subprocess.PIPE, env=self.environment) for _ in range(4)]
        for process in running:
            self.assertEqual(process.communicate()[0].decode().rstrip("\n"), text.rstrip("\n"))
            self.assertEqual(process.returncode, 0)
        self.assertEqual(len(list(self.packed.iterdir())), 1)
        self.succeed("cache", "verify")

    def test_standalone_file(self) -> None:
        out = self.folder / "out.gguf"
        for source in (ROOT / "tests/data/goldens/gguf/smollm2-q4_0.gguf", self.model):
            report = json.loads(self.succeed("pack", source, out, "--json"))
            self.assertEqual(report["file_bytes"], out.stat().st_size)
            self.assertGreater(report["compared_tokens"], 0)
            seen = json.loads(self.succeed("inspect", out, "--json"))
            self.assertEqual(seen["packed"]["tensors"], report["packed_tensors"])
            self.assertTrue([tensor for tensor in seen["tensors"] if tensor.get("packed")])
            self.assertIn(b"packed", self.succeed("inspect", out))
            name = next(tensor["name"] for tensor in seen["tensors"] if tensor.get("packed"))
            self.fail_with("only packed", arguments=["inspect", out, "-n", name])
            self.fail_with("is packed already", arguments=["pack", out, self.folder / "again.gguf"])
        self.assertEqual(sorted(path.name for path in self.folder.iterdir()), ["out.gguf", "tiny"])
        self.assertEqual(self.succeed("tokenize", out, "Hello"), self.succeed("tokenize", self.model, "Hello"))
        self.assertEqual(self.answer(out), (self.answer(self.model)[0], "as the file has them"))

    def test_standalone_file_that_cannot_be(self) -> None:
        self.fail_with("nowhere", arguments=["pack", self.model, self.folder / "nowhere" / "out.gguf"])
        self.fail_with("GALAGO_ISA=z80", arguments=["pack", "--isa", "z80", self.model, self.folder / "out.gguf"])
        whole = self.folder / "out.gguf"
        self.succeed("pack", self.model, whole)
        content = whole.read_bytes()
        at = content.index(b"GALAPACK")
        for place in (at, at + 8, at + 12, at + 16, at + 24, at + 40, at + 200):
            whole.write_bytes(content[:place] + bytes([content[place] ^ 0x55]) + content[place + 1 :])
            self.one_line(self.run_galago("run", "-m", whole, "x"), 1, "out.gguf")


def default_model() -> bool:
    probe = subprocess.run([GALAGO, "tokenize", "", "x"], capture_output=True, check=False)
    return probe.returncode == 0


class WithModel(Case):
    @classmethod
    def setUpClass(cls) -> None:
        if default_model():
            return
        if os.environ.get("CI") == "true":
            raise AssertionError("the default model is missing, and this is CI")
        raise unittest.SkipTest("the default model is not there; ./dev run fetches it")


class Answers(WithModel):
    def answer(self, *arguments: str, stdin: bytes = b"") -> dict[str, Any]:
        return json.loads(self.succeed("run", "--json", *arguments, stdin=stdin))

    def test_same_text_twice(self) -> None:
        first = self.answer("-n", "8", "--temp", "0", "Why is the sky blue?")
        again = self.answer("-n", "8", "--temp", "0", "-", stdin=b"Why is the sky blue?\n")
        self.assertEqual((first["text"], first["tokens"]), (again["text"], again["tokens"]))
        self.assertEqual((first["finish_reason"], first["generated_tokens"]), ("length", 8))
        self.assertEqual(len(first["tokens"]), 8)
        streamed = self.succeed("run", "-n", "8", "--temp", "0", "Why is the sky blue?").decode()
        self.assertEqual(streamed.rstrip("\n"), first["text"].rstrip("\n"))
        self.assertTrue(streamed.endswith("\n"))

    def test_seed_decides(self) -> None:
        ask = ("-n", "8", "--temp", "1.5", "Tell a story.")
        self.assertEqual(self.answer("--seed", "7", *ask)["tokens"], self.answer("--seed", "7", *ask)["tokens"])

    def test_stop_and_stats(self) -> None:
        whole = self.answer("-n", "12", "--temp", "0", "Count from one to ten.")["text"]
        stop = whole[len(whole) // 2 :][:3]
        cut = self.answer("-n", "12", "--temp", "0", "--stop", stop, "Count from one to ten.")
        self.assertEqual(cut["finish_reason"], "stop")
        self.assertEqual(cut["text"], whole[: whole.index(stop)])
        done = self.run_galago("run", "-n", "2", "--stats", "hi")
        for word in (b"isa", b"load", b"first token", b"tokens/s", b"peak memory"):
            self.assertIn(word, done.stderr)

    def test_context_is_never_silent(self) -> None:
        self.fail_with("context of 16", arguments=["run", "-c", "16", "Why is the sky blue?"])
        done = self.run_galago("run", "-c", "48", "--ignore-eos", "--temp", "0", "Why is the sky blue?")
        self.assertIn(b"context is full", done.stderr)
        slid = self.answer("-c", "48", "-n", "40", "--ignore-eos", "--overflow", "slide", "Why is the sky blue?")
        self.assertEqual(slid["generated_tokens"], 40)

    def test_no_memory(self) -> None:
        limit = 200 << 20
        done = self.run_galago("run", "hi", preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (limit, limit)))
        self.one_line(done, 1)

    def test_interrupt(self) -> None:
        command = [GALAGO, "run", "--ignore-eos", "-n", "4000", "Tell a very long story."]
        with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            assert running.stdout is not None
            self.assertTrue(running.stdout.read(1))
            running.send_signal(signal.SIGINT)
            rest, _ = running.communicate(timeout=60)
            self.assertEqual(running.returncode, 130)
            self.assertTrue(rest.endswith(b"\n"))

    def test_chat_through_pipes(self) -> None:
        saved = self.folder / "chat.json"
        lines = f"Say yes.\n/stats\n/save /dev/full\n/save {saved}\n/savee\nAnd no.\n/reset\n/save {saved}.2\n"
        done = self.run_galago("chat", "-n", "4", "--temp", "0", "--system", "Be brief.", stdin=lines.encode())
        self.assertEqual(done.returncode, 1)  # two commands failed
        self.assertIn(b"/dev/full: cannot write: No space left on device\n", done.stderr)
        self.assertIn(b"did you mean /save?", done.stderr)
        self.assertEqual(done.stdout.count(b"> "), 0)
        roles = [message["role"] for message in json.loads(saved.read_text())["messages"]]
        self.assertEqual(roles, ["system", "user", "assistant"])
        self.assertEqual(len(json.loads(Path(f"{saved}.2").read_text())["messages"]), 1)
        self.assertIn(b"Say yes.", self.succeed("template", "", "--messages", saved))


class Terminal(WithModel):
    """galago chat at a pseudo-terminal."""

    def setUp(self) -> None:
        super().setUp()
        self.seen = b""
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.environ |= {"XDG_STATE_HOME": str(self.folder), "TERM": "xterm"}
            signal.signal(signal.SIGINT, signal.SIG_DFL)  # a background job's children inherit that it is ignored
            os.execv(GALAGO, ["galago", "chat", "--ignore-eos", "-n", "4000"])
        self.addCleanup(os.close, self.terminal)

    def read_until(self, wanted: bytes) -> bytes:
        """What appears up to `wanted`; the rest is kept for the next call."""
        end = time.monotonic() + 60
        while wanted not in self.seen:
            self.assertLess(time.monotonic(), end, self.seen)
            if select.select([self.terminal], [], [], 0.2)[0]:
                try:
                    self.seen += os.read(self.terminal, 4096)
                except OSError:  # the other side is closed
                    self.fail(f"ended before {wanted!r}: {self.seen!r}")
        before, _, self.seen = self.seen.partition(wanted)
        return before

    def test_interrupt_stops_the_answer_alone(self) -> None:
        self.read_until(b"> ")
        os.write(self.terminal, b"Tell a long story.\r")
        self.read_until(b"story.\r\n")
        self.read_until(b" ")  # the answer has begun
        os.write(self.terminal, b"\x03")
        self.read_until(b"(stopped)")
        self.read_until(b"> ")
        os.write(self.terminal, b"/stats\r")
        self.assertIn(b"end: cancelled", self.read_until(b"peak memory"))
        self.read_until(b"> ")
        os.write(self.terminal, b"\x04")
        self.assertEqual(os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1]), 0)
        history = self.folder / "galago" / "chat_history"
        self.assertEqual(history.read_text(), "Tell a long story.\n/stats\n")
        self.assertEqual(history.stat().st_mode & 0o077, 0)


def main() -> int:
    global GALAGO  # noqa: PLW0603
    GALAGO = Path(sys.argv[1]).resolve()
    result = unittest.main(argv=[sys.argv[0], *sys.argv[2:]], exit=False, verbosity=1).result
    if not result.wasSuccessful():
        return 1
    return SKIPPED if result.skipped and result.testsRun == len(result.skipped) or not result.testsRun else 0


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.exit(main())
