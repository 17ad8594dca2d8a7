#!/usr/bin/env python3
"""The comparison of bench/compare: what it computes, and one run of it. Usage: test_compare.py GALAGO"""

from __future__ import annotations

import io
import json
import subprocess
import sys
import tempfile
import unittest
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "bench" / "compare"))

import blocks  # noqa: E402
import make_model  # noqa: E402
import model_files  # noqa: E402
import peers  # noqa: E402
import plot  # noqa: E402
import processes  # noqa: E402
import programs  # noqa: E402
import report  # noqa: E402
import samples  # noqa: E402
from gguf_file import FormatError, Planned, Reader, read_header, write_header  # noqa: E402
from measure import ModelResult  # noqa: E402

sys.path.insert(0, str(ROOT / "tests" / "cli"))
import gguf_bytes  # noqa: E402

REAL = ROOT / "tests" / "data" / "goldens" / "gguf" / "smollm2-q4_0.gguf"  # a real header, without a vocabulary
GALAGO = Path("galago")
DUELS = [programs.Duel("galago", ("a", "b"), "to the best"), programs.Duel("galago x", ("b",), "x to b")]


def made_up_result() -> ModelResult:
    """Reads 100 MB a token and 1 KB for each of context, multiplies 1000 M times."""
    result = ModelResult("made-up", 120_000_000, programs.Work(100_000_000, 1000, 1_000_000_000), 2_048_000)
    result.rates[programs.Case("prefill", 512)] = {"galago": [100.0, 110.0, 90.0], "a": [50.0], "b": [40.0]}
    result.rates[programs.Case("decode", 64)] = {"galago": [80.0], "a": [60.0], "b": [70.0], "galago x": [35.0]}
    result.rates[programs.Case("decode", 64, contended=True)] = {"galago": [60.0], "a": [15.0], "b": []}
    result.warm_seconds = {"galago": [0.1], "a": [0.4], "b": [0.3]}
    result.peak_bytes = {"galago": [150e6], "a": [200e6]}
    speed = {"instruction": "mul", "operations_per_second": 4e11}
    result.limits = [{"read_bytes_per_second": 1e10, "int8": speed}]
    return result


class Samples(unittest.TestCase):
    def test_summary(self) -> None:
        self.assertIsNone(samples.summarize([]))
        self.assertEqual(samples.summarize([3.0, 1.0]), samples.Summary(2.0, 1.0, 3.0, 2))
        five = samples.summarize([5.0, 1.0, 2.0, 4.0, 3.0])
        self.assertEqual(five, samples.Summary(3.0, 2.0, 4.0, 5))

    def test_ratio_is_of_medians(self) -> None:
        self.assertEqual(samples.ratio([1.0, 100.0, 3.0], [2.0, 1.0, 1.5]), 2.0)
        self.assertIsNone(samples.ratio([], [1.0]))
        self.assertIsNone(samples.ratio([1.0], [0.0]))

    def test_best_is_the_best_median(self) -> None:
        rates = [[1.0, 9.0, 2.0], [3.0], []]
        self.assertEqual(samples.best(rates), [3.0])
        self.assertEqual(samples.best(rates, smaller=True), [1.0, 9.0, 2.0])
        self.assertEqual(samples.best([[], []]), [])

    def test_text(self) -> None:
        self.assertEqual(samples.text([]), "-")
        self.assertEqual(samples.text([12.345]), "12.3")
        self.assertEqual(samples.text([1234.5, 9.0]), "622 (9.00-1234)")


class Report(unittest.TestCase):
    def test_fractions_of_the_limit(self) -> None:
        result = made_up_result()
        # 2 * 1e9 operations * 100 tokens/s of 4e11
        prefill = report.fraction(result, programs.Case("prefill", 512), [100.0])
        assert prefill is not None
        self.assertAlmostEqual(prefill, 0.5)
        # 100 MB and the context of the middle token, 32 + 2048, at half a byte a value in q8
        case = programs.Case("decode", 64, 2048, "q8")
        decode = report.fraction(result, case, [80.0])
        assert decode is not None
        self.assertAlmostEqual(decode, (100e6 + 2080 * 500) * 80 / 1e10)
        self.assertIsNone(report.fraction(result, programs.Case("decode", 64, contended=True), [1.0]))

    def test_a_duel_takes_the_best_of_theirs(self) -> None:
        result = made_up_result()
        self.assertEqual(report.duel_ratio(DUELS[0], result.rates[programs.Case("prefill", 512)]), 2.0)
        self.assertAlmostEqual(report.duel_ratio(DUELS[0], result.warm_seconds, smaller=True) or 0, 1 / 3)
        self.assertEqual(report.duel_ratio(DUELS[1], result.rates[programs.Case("decode", 64)]), 0.5)
        self.assertIsNone(report.duel_ratio(DUELS[1], {"b": [1.0]}))

    def test_tables(self) -> None:
        text = report.model_section(made_up_result(), ["galago", "galago x", "a", "b"], DUELS)
        self.assertIn("| prefill 512 | 100 (90.0-110) | - | 50.0 | 40.0 | 2.00 | - | 50 % |", text)
        self.assertIn("| kept of decode 64 | 75 % | - | 25 % | - |", text)
        self.assertIn("| first token, warm, ms | 100 | - | 400 | 300 | 0.33 | - |", text)
        self.assertIn("| peak memory, MB | 150 | - | 200 | - | 0.75 | - |", text)
        for line in text.splitlines():
            if line.startswith("|"):
                self.assertIn(line.count("|"), (6, 8, 9), line)

    def test_two_runs_are_one(self) -> None:
        first, second = made_up_result(), made_up_result()
        second.rates[programs.Case("prefill", 64)] = {"galago": [1.0]}
        first.add(second)
        self.assertEqual(first.rates[programs.Case("prefill", 512)]["a"], [50.0, 50.0])
        self.assertEqual(first.rates[programs.Case("prefill", 64)], {"galago": [1.0]})
        self.assertEqual(len(first.limits), 2)

    def test_json_gives_the_same_report(self) -> None:
        result = made_up_result()
        again = ModelResult.from_json(json.loads(json.dumps(result.to_json())))
        names = ["galago", "a", "b"]
        self.assertEqual(report.model_section(again, names, DUELS), report.model_section(result, names, DUELS))


class Plot(unittest.TestCase):
    def test_bars_are_ratios(self) -> None:
        groups = plot.groups_of([made_up_result()], DUELS)
        self.assertEqual([group.title for group in groups], ["made-up: to the best", "made-up: x to b"])
        self.assertEqual([round(bar.value, 2) for bar in groups[0].bars], [2.0, 1.14, 4.0, 3.0])
        self.assertEqual([bar.value for bar in groups[1].bars], [0.5])

    def test_svg_is_well_formed_and_to_scale(self) -> None:
        result = made_up_result()
        result.name = "a < b & c"
        drawing = ElementTree.fromstring(plot.svg([result], DUELS, "<machine>"))
        widths = [float(r.get("width", "0")) for r in drawing.iter("{http://www.w3.org/2000/svg}rect")][1:]
        self.assertEqual(len(widths), 5)
        self.assertAlmostEqual(widths[2] / widths[0], 2.0, places=2)
        self.assertLessEqual(max(widths), plot.WIDTH - plot.LEFT - plot.RIGHT)

    def test_nothing_measured(self) -> None:
        ElementTree.fromstring(plot.svg([], DUELS, ""))


class Cases(unittest.TestCase):
    def test_cut_to_the_context(self) -> None:
        wanted = programs.Wanted([64, 4096], [0, 2048, 8192], 64, ["f16", "q8"], contended=True)
        titles = [case.title for case in programs.cases_of(wanted, 2048)]
        self.assertEqual(
            titles,
            [
                "prefill 64",
                "prefill 2047",
                "decode 64",
                "decode 64, at 1983",
                "decode 64, at 1983, q8 KV",
                "decode 64, beside a busy process",
            ],
        )

    def test_who_is_measured_against_whom(self) -> None:
        built = {"clang-native": Path("n"), "gcc-vnni": Path("v"), "gcc-avx2": Path("a")}
        lined_up, duels = programs.line_up(Path("galago"), "avx512_vnni", built)
        self.assertEqual([p.name for p in lined_up[:2]], ["galago", "galago avx2"])
        self.assertEqual(lined_up[1].env, {"GALAGO_ISA": "avx2"})
        self.assertEqual(len(duels[0].theirs), 3)
        self.assertEqual([(d.ours, d.theirs) for d in duels[1:]],
                         [("galago", ("llama.cpp g++ VNNI",)), ("galago avx2", ("llama.cpp g++ AVX2",))])  # fmt: skip
        self.assertEqual(programs.line_up(Path("galago"), "avx2", {})[1], [])

    def test_builds_need_their_instructions(self) -> None:
        flags = peers.cpu_flags("processor : 0\nflags\t\t: fpu avx2 fma\nbugs : none\n")
        self.assertEqual([build.name for build in peers.usable_builds(flags)], ["clang-native", "gcc-avx2"])


TINY = make_model.Preset("qwen3", 2, 64, 96, 2, 1, 32, 256, False, 1e6, 256, "")


def make_tiny(folder: Path, kind: str) -> Path:
    vocabulary, out = folder / "vocabulary.gguf", folder / f"tiny-{kind}.gguf"
    vocabulary.write_bytes(gguf_bytes.gguf(gguf_bytes.vocabulary()))
    make_model.make_model("tiny", TINY, blocks.TYPES[kind], vocabulary, out)
    return out


class Models(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def test_header_round_trip(self) -> None:
        file = io.BytesIO()
        metadata = {"general.architecture": "x", "x.n": 7, "x.f": 0.5, "x.b": True, "t": [b"\xff", b"a"], "i": [1, -2]}
        write_header(file, metadata, [Planned("w", (32, 2), 2, 36), Planned("v", (4,), 0, 16)])
        self.assertEqual(file.tell() % 32, 0)
        file.seek(0)
        header = Reader(file).header()
        self.assertEqual(header.metadata, metadata)
        self.assertEqual([(t.name, t.dims, t.offset) for t in header.tensors], [("w", (32, 2), 0), ("v", (4,), 64)])

    def test_garbage_is_refused(self) -> None:
        for raw in (b"", b"GGUF", b"NOPE" + bytes(40), b"GGUF\3\0\0\0" + b"\xff" * 16):
            with self.assertRaises(FormatError):
                Reader(io.BytesIO(raw)).header()

    def test_work_of_a_real_file(self) -> None:
        header = read_header(REAL)
        work = programs.Work.of(header)
        products = [t for t in header.tensors if t.name.startswith("blk.") and len(t.dims) == 2]
        self.assertEqual(work.multiplications, sum(t.dims[0] * t.dims[1] for t in products))
        self.assertLess(work.step_bytes, REAL.stat().st_size)
        self.assertGreater(work.step_bytes, work.multiplications // 2)  # 4 bits and more a weight
        self.assertEqual(work.state_bytes % (2 * header.number("block_count")), 0)

    def test_encoders_against_their_values(self) -> None:
        values = [((i * 37) % 64 - 32) / 32 for i in range(32)]
        for name, most in (("q4_0", 0.13), ("q4_1", 0.07), ("q8_0", 0.005)):
            kind = blocks.TYPES[name]
            raw = kind.encode(values)
            self.assertEqual(len(raw), kind.n_bytes)
            error = max(abs(x - y) for x, y in zip(values, decoded(name, raw), strict=True))
            self.assertLess(error, most, name)
        self.assertEqual(blocks.TYPES["bf16"].encode([1.0, -2.0]), b"\x80\x3f\x00\xc0")

    def test_a_made_model_runs(self) -> None:
        for name in ("q4_0", "bf16"):
            out = make_tiny(self.folder, name)
            header = read_header(out)
            tokens = header.metadata["tokenizer.ggml.tokens"]
            assert isinstance(tokens, list)
            self.assertEqual(len(tokens), TINY.vocabulary)
            self.assertEqual(sum(t.n_bytes for t in header.tensors), make_model.model_bytes(TINY, blocks.TYPES[name]))
            self.assertEqual(list(self.folder.glob("*.part")), [])
            command = programs.Galago("galago", {}, GALAGO).rate_command(out, programs.Case("decode", 2), 1)
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)

    def test_names_of_models(self) -> None:
        recipes = model_files.parse(["qwen3-0.6b", "smollm2-135m:q4_k_m,q8_0"], ["q4_0"])
        self.assertEqual([r.file_name for r in recipes if isinstance(r, model_files.Recipe)],
                         ["random-qwen3-0.6b-q4_0.gguf", "random-smollm2-135m-q4_k_m.gguf",
                          "random-smollm2-135m-q8_0.gguf"])  # fmt: skip
        for wrong in ("nothing.gguf", "qwen3-0.6b:q9"):
            with self.assertRaises(model_files.NoModel):
                model_files.parse([wrong], ["q4_0"])

    def test_what_quantizing_needs_is_counted(self) -> None:
        cache = model_files.Cache(self.folder, self.folder, None, lambda line: None)
        recipe = model_files.Recipe("smollm2-135m", "q4_k_m")
        self.assertEqual([r.type for r in cache.missing([recipe])], ["bf16", "q4_k_m"])
        cache.path(recipe).touch()
        self.assertEqual(cache.missing([recipe]), [])


def decoded(name: str, raw: bytes) -> list[float]:
    """One block, by the formats' definitions."""
    numbers = memoryview(raw)
    scale = numbers[:2].cast("H")[0]
    to_float = blocks.struct.unpack("<e", blocks.struct.pack("<H", scale))[0]
    if name == "q8_0":
        return [to_float * code for code in numbers[2:].cast("b")]
    low = blocks.struct.unpack("<e", raw[2:4])[0] if name == "q4_1" else -8 * to_float
    packed = raw[4:] if name == "q4_1" else raw[2:]
    return [low + to_float * (byte & 15) for byte in packed] + [low + to_float * (byte >> 4) for byte in packed]


class Processes(unittest.TestCase):
    def test_first_byte_and_end(self) -> None:
        late = "import sys, time; print('x', flush=True); time.sleep(0.3)"
        done = processes.run([sys.executable, "-c", late])
        self.assertEqual(done.stdout, b"x\n")
        self.assertGreater(done.seconds - done.first_byte_seconds, 0.2)
        self.assertGreater(done.peak_bytes, 1 << 20)

    def test_failures_say_what_happened(self) -> None:
        with self.assertRaisesRegex(processes.ProgramFailed, "exit status 3: sorry"):
            processes.run([sys.executable, "-c", "import sys; print('sorry', file=sys.stderr); sys.exit(3)"])
        with self.assertRaisesRegex(processes.ProgramFailed, "did not end"):
            processes.run([sys.executable, "-c", "import time; time.sleep(60)"], timeout=0.2)
        with self.assertRaises(processes.ProgramFailed):
            processes.run(["/nowhere/at-all"])

    def test_energy_counters_turn_over(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            zone = Path(name) / "intel-rapl:0"
            zone.mkdir()
            (zone / "max_energy_range_uj").write_text("1000000\n")
            (zone / "energy_uj").write_text("100000\n")
            energy = processes.Energy(Path(name))
            self.assertTrue(energy.readable)
            self.assertAlmostEqual(energy.joules_since([900000]), 0.2)
            self.assertAlmostEqual(energy.joules_since([40000]), 0.06)
        self.assertFalse(processes.Energy(Path(name)).readable)


class Script(unittest.TestCase):
    def test_run_on_a_tiny_model(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            options = ["--peers", "missing", "--rounds", "2", "--prefill", "8", "--depth", "0,16", "--decode", "2"]
            folders = ["--out", folder / "out", "--peers-folder", folder / "peers", "--models", folder / "models"]
            script = [sys.executable, ROOT / "bench" / "compare" / "compare.py", "--galago", GALAGO]
            command = [*script, *options, *folders, make_tiny(folder, "q4_0")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            result = json.loads((folder / "out" / "compare.json").read_text())
            measured = {entry["case"]["phase"]: entry["tokens_per_second"] for entry in result["models"][0]["rates"]}
            self.assertEqual(set(measured), {"prefill", "decode"})
            self.assertEqual(len(measured["prefill"]["galago"]), 2)
            self.assertEqual(len(result["models"][0]["warm_seconds"]["galago"]), 2)
            self.assertIn("| prefill 8 |", done.stdout)
            self.assertEqual((folder / "out" / "compare.md").read_text(), done.stdout)
            ElementTree.parse(folder / "out" / "compare.svg")
            earlier = folder / "out" / "compare.json"
            again = subprocess.run([*script, "--out", folder / "again", "--report", earlier],
                                   capture_output=True, text=True, check=False)  # fmt: skip
            self.assertEqual(again.stdout, done.stdout)

    def test_cpu_time(self) -> None:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            options = ["--cpu-time", "--peers", "missing", "--rounds", "1", "--prefill", "200", "--depth", "0"]
            folders = ["--out", folder / "out", "--peers-folder", folder / "peers", "--no-start"]
            script = [sys.executable, ROOT / "bench" / "compare" / "compare.py", "--galago", GALAGO]
            command = [*script, *options, "--decode", "50", *folders, make_tiny(folder, "q4_0")]
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            self.assertEqual(done.returncode, 0, done.stderr)
            result = json.loads((folder / "out" / "compare.json").read_text())
            self.assertEqual((result["machine"]["threads"], result["machine"]["clock"]), (1, "CPU time"))
            self.assertFalse(any(entry["case"]["contended"] for entry in result["models"][0]["rates"]))

    def test_wrong_use(self) -> None:
        script = [sys.executable, ROOT / "bench" / "compare" / "compare.py", "--peers", "missing"]
        done = subprocess.run([*script, "no-such-model"], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("no-such-model: no file", done.stderr)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        GALAGO = Path(sys.argv.pop(1)).resolve()
    unittest.main()
