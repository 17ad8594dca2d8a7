#!/usr/bin/env python3
"""The checks of this folder find what they are there to find: each on a small made-up repository."""

from __future__ import annotations

import os
import subprocess
import tempfile
import unittest
from pathlib import Path
from unittest import mock

import check_headers
import check_includes
import check_python
import check_sizes
import check_symbols
import check_tree


class MadeUpRepository(unittest.TestCase):
    def setUp(self) -> None:
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = Path(folder.name)

    def write(self, path: str, text: str) -> None:
        (self.root / path).parent.mkdir(parents=True, exist_ok=True)
        (self.root / path).write_text(text, encoding="utf-8")


class Includes(MadeUpRepository):
    def problems(self, path: str, text: str) -> list[str]:
        self.write("src/base/file.cc", "")
        self.write("src/tensor/dtype.cc", "")
        self.write("include/galago/dtype.h", "")
        self.write(path, text)
        problems = check_includes.check(self.root)[0]
        (self.root / path).unlink()
        return problems

    def test_arrows_that_point_down_pass(self) -> None:
        self.assertEqual(self.problems("src/ops/x.cc", '#include "base/file.h"\n#include <vector>\n'), [])
        self.assertEqual(self.problems("src/formats/y.cc", '#include "galago/dtype.h"\n'), [])
        self.assertEqual(self.problems("cli/main.cc", '#include "runtime/engine.h"\n#include "verify/verify.h"\n'), [])
        self.assertEqual(self.problems("src/verify/x.cc", '#include "runtime/engine.h"\n'), [])

    def test_arrows_that_point_up_or_aside_fail(self) -> None:
        self.assertIn("layer graph", self.problems("src/ops/x.cc", '#include "graph/graph.h"\n')[0])
        self.assertIn("layer tensor", self.problems("src/text/y.cc", '#  include "galago/dtype.h"\n')[0])
        self.assertIn("layer verify", self.problems("src/runtime/x.cc", '#include "verify/verify.h"\n')[0])

    def test_public_headers_include_nothing_of_src(self) -> None:
        self.assertIn("is public", self.problems("include/galago/file.h", '#include "base/file.h"\n')[0])

    def test_unknown_places_fail(self) -> None:
        self.assertIn("names no layer", self.problems("src/ops/x.cc", '#include "file.h"\n')[0])
        self.assertIn("belongs to no layer", self.problems("src/misc/x.cc", "")[0])
        self.assertIn("layer is unknown", self.problems("src/ops/x.cc", '#include "galago/nobody.h"\n')[0])

    def test_backends_do_not_know_each_other(self) -> None:
        problems = self.problems("src/backends/vulkan/x.cc", '#include "backends/cpu/cpu.h"\n')
        self.assertIn("another backend", problems[0])
        allowed = '#include "backends/backend.h"\n#include "backends/vulkan/y.h"\n'
        self.assertEqual(self.problems("src/backends/vulkan/x.cc", allowed), [])


class Headers(MadeUpRepository):
    def test_a_header_that_leans_on_another_fails(self) -> None:
        self.write("include/galago/good.h", "#pragma once\n#include <string>\ninline std::string f() { return {}; }\n")
        self.assertEqual(check_headers.check(self.root, "c++"), ([], 1))
        self.write("include/galago/bad.h", "#pragma once\ninline std::string g() { return {}; }\n")
        self.write("include/galago/twice.h", "struct Twice {};\n")
        self.assertEqual(len(check_headers.check(self.root, "c++")[0]), 2)


class Python(MadeUpRepository):
    def test_what_ruff_finds_is_a_problem(self) -> None:
        repository = Path(__file__).resolve().parents[2]
        ruff = check_python.ruff_program(repository)
        self.assertTrue(ruff.is_file(), f"{ruff} is not there; ./dev setup fetches it")
        self.write("ruff.toml", (repository / "ruff.toml").read_text(encoding="utf-8"))
        self.write("good.py", "x = 1\n")
        self.assertEqual(check_python.check(self.root, ruff), ([], 1))
        self.write("bad.py", "def f(x):\n    return x+1\n")
        problems = check_python.check(self.root, ruff)[0]
        self.assertEqual(len(problems), 3, problems)  # no types of the argument and of what it returns; no blanks

    def test_it_looks_where_dev_puts_it(self) -> None:
        self.write("ruff.toml", 'required-version = "==1.2.3"\n')
        with mock.patch.dict(os.environ, {"GALAGO_HOME": "/data"}):
            self.assertEqual(check_python.ruff_program(self.root), Path("/data/tools/ruff-1.2.3/bin/ruff"))


class Sizes(MadeUpRepository):
    def body(self, lines: int) -> str:
        return "\n".join(f'  if (x == {i}) {{ y("}}"); }}  // }}' for i in range(lines))

    def test_functions_are_found_and_measured(self) -> None:
        source = (
            "namespace a {\ntemplate <class T>\nstruct S : B<T> {\n  S() : x_{1}, y_(2) {\n  }\n"
            "  int f() const { return 1; }\n};\n"
            'constexpr char kText[] = R"x({{{ " )x";\nint table[] = {\n1,\n2,\n};\n'
            "#define LOOP(x) for (;;) { \\\n  x\nstatic Result<std::pair<int, int>> g(int a,\n  int b) {\n"
            + self.body(3)
            + "\n  auto l = [&](int c) {\n    return c;\n  };\n}\n}  // namespace a\n"
        )
        found = {name: length for name, _, length in check_sizes.functions(source)}
        self.assertEqual(found["g"], 9)
        self.assertEqual(found["f"], 1)
        self.assertNotIn("LOOP", found)
        self.assertNotIn("table", found)

    def test_limits_and_exceptions(self) -> None:
        long_function = f"int f(int x) {{\n{self.body(90)}\n}}\n"
        self.write("src/base/x.cc", long_function)
        self.write("src/base/x.h", "\n" * 301)
        self.write("src/models/llama.cc", "\n" * 251)
        self.write("src/models/llama_test.cc", "\n" * 251)
        self.write("src/base/y.cc", "\n" * 600)
        self.assertEqual(len(check_sizes.check(self.root)[0]), 3)
        exceptions = "src/base/x.cc:f: a table\nsrc/base/x.h: generated\nsrc/models/llama.cc: two towers\n"
        self.write("tests/structure/size_exceptions.txt", exceptions)
        self.assertEqual(check_sizes.check(self.root)[0], [])
        self.write("tests/structure/size_exceptions.txt", exceptions + "src/base/y.cc: once long\n")
        self.assertIn("no longer", check_sizes.check(self.root)[0][0])
        self.write("tests/structure/size_exceptions.txt", exceptions.replace("generated", " "))
        self.assertTrue(check_sizes.check(self.root)[0])


class Symbols(MadeUpRepository):
    def test_what_the_linker_could_mix_up_is_found_in_a_real_object(self) -> None:
        source = "src/backends/cpu/isa/avx2/kernels.cc"
        self.write(source, "")
        self.assertEqual(check_symbols.check(self.root, self.root / "build", "nm", ["isa/avx2"]), ([], 0))
        self.assertIn("is it built?", check_symbols.check(self.root, self.root / "build", "nm", [])[0][0])
        self.write(
            source,
            "namespace shared { template <class T> T twice(T x) { return x + x; } }\n"
            "namespace avx2 { template <class T> T thrice(T x) { return 3 * x; } }\n"
            "int f(int x) { return shared::twice(x) + avx2::thrice(x); }\n",
        )
        built = self.root / "build/isa/avx2/kernels.cc.o"
        built.parent.mkdir(parents=True)
        subprocess.run(["c++", "-O0", "-c", str(self.root / source), "-o", str(built)], check=True)
        problems, examined = check_symbols.check(self.root, self.root / "build", "nm", [])
        self.assertEqual((len(problems), examined), (1, 1))
        self.assertIn("shared::twice", problems[0])

    def test_weak_symbols_are_told_from_others(self) -> None:
        output = "0000 W galago::cpu::avx2::dot()\n     w __gmon_start__\n0010 T galago::f()\n0000 V typeinfo for X\n"
        self.assertEqual(check_symbols.weak_symbols(output), ["galago::cpu::avx2::dot()", "typeinfo for X"])

    def test_names_are_whole_words(self) -> None:
        self.assertTrue(check_symbols.names_isa("void galago::norm<galago::cpu::Avx512Vnni>(A&)", "avx512_vnni"))
        self.assertTrue(check_symbols.names_isa("galago::cpu::avx2::dot(int)", "avx2"))
        self.assertFalse(check_symbols.names_isa("galago::cpu::avx512_vnni::dot(int)", "avx512"))
        self.assertFalse(check_symbols.names_isa("std::vector<float>::push_back(float&&)", "avx2"))


class Tree(MadeUpRepository):
    def test_big_files_and_machine_names_are_found(self) -> None:
        self.write("README.md", "See ../shared and https://example.org/home/page.\n")
        self.assertEqual(check_tree.check(self.root, {})[0], [])
        self.write("tool.py", "model = '/" + "work/models/x'\n")
        self.write("tests/data/prompt.txt", "/" + "root/x may be in a text\n")
        self.write("big.bin", "x" * 1_000_001)
        problems = check_tree.check(self.root, {})[0]
        self.assertEqual(len(problems), 2)
        self.write("tests/data/a.bin", "x" * 999_999)
        for index in range(10):
            self.write(f"tests/data/{index}.bin", "x" * 999_999)
        self.assertIn("in all", check_tree.check(self.root, {})[0][-1])


if __name__ == "__main__":
    unittest.main()
