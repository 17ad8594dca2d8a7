#!/usr/bin/env python3
"""check_32bit.py sees what a 32-bit processor or libc++ refuses."""

from __future__ import annotations

import shutil
import sys
import tempfile
import unittest
from pathlib import Path

import check_32bit

NARROWING = (
    "#include <span>\n#include <cstdint>\nstd::span<const char> f(const char* p, std::uint64_t n) { return {p, n}; }\n"
)
NUMBER = (
    "#include <charconv>\nauto f(const char* a, const char* b, double& x) { return std::from_chars(a, b, x).ec; }\n"
)
FINE = "#include <span>\nstd::span<const char> f(const char* p, std::size_t n) { return {p, n}; }\n"


class Check(unittest.TestCase):
    def problems(self, source: str) -> list[str]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "unit.cc"
            path.write_text(source, encoding="utf-8")
            return check_32bit.check([check_32bit.Unit(str(path), ("-DX=1",), "")])

    def test_what_is_refused(self) -> None:
        self.assertEqual(self.problems(FINE), [])
        self.assertIn("narrowed", self.problems(NARROWING)[0])
        self.assertIn("from_chars", self.problems(NUMBER)[0])
        self.assertIn("__int128", self.problems("unsigned __int128 x;\n")[0])

    def test_units_of_the_product(self) -> None:
        def entry(output: str, source: str) -> dict[str, str]:
            command = f"c++ -DA='b c' -I/i -isystem /s -O3 -include /b/cmake_pch.hxx -o {output} -c {source}"
            return {"command": command, "file": source}

        commands = [
            entry("src/base/CMakeFiles/galago_base.dir/Unity/unity_0_cxx.cxx.o", "u.cxx"),
            entry("src/backends/cpu/CMakeFiles/galago_backends_cpu.dir/isa/avx2/kernels.cc.o", "/isa/avx2/kernels.cc"),
            entry("src/base/CMakeFiles/base_test.dir/x.o", "t.cxx"),
            entry("src/base/CMakeFiles/galago_precompiled.dir/x.o", "p.cxx"),
            entry("cli/CMakeFiles/galago.dir/x.o", "c.cxx"),
        ]
        options = ("-DA=b c", "-I/i", "-isystem", "/s")
        expected = [check_32bit.Unit(name, options, "/b/cmake_pch.hxx") for name in ("u.cxx", "c.cxx")]
        self.assertEqual(check_32bit.units_of(commands, []), expected)
        self.assertEqual(check_32bit.units_of(commands, ["base"]), expected[:1])


if __name__ == "__main__":
    if shutil.which(check_32bit.COMPILER[0]) is None:
        sys.exit(check_32bit.SKIPPED)
    unittest.main()
