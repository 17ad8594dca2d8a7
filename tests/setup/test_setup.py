#!/usr/bin/env python3
"""./dev setup asks for the packages that are missing, and for no other. No package manager is called: PATH begins with
programs that answer as Debian's do and write down what they were asked."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import tomllib
import unittest
from pathlib import Path

DEV = Path(sys.argv.pop(1)) if len(sys.argv) > 1 else Path(__file__).parents[2] / "dev"
RUFF = tomllib.loads((DEV.parent / "ruff.toml").read_text(encoding="utf-8"))["required-version"].removeprefix("==")

# dpkg-query prints what it knows and fails when it has never heard of one of the names.
DPKG_QUERY = """#!/bin/sh
status=0
shift 3
for name; do
  awk -v name="$name" '{ split($1, parts, ":") }
    $1 == name || parts[1] == name { print; found = 1 }
    END { exit !found }' "$PRETENDED/known" || status=1
done
exit $status
"""
DPKG = """#!/bin/sh
case $1 in
  --print-architecture) echo amd64 ;;
  --print-foreign-architectures) echo arm64 ;;
esac
"""
APT_GET = """#!/bin/sh
echo "$*" >> "$PRETENDED/asked"
"""
# python3 -m pip install ... --target FOLDER ruff==VERSION; that there is pip, it says as well.
PYTHON = """#!/bin/sh
[ "$3" = install ] || exit 0
for word; do
  echo "$word" >> "$PRETENDED/pip"
  [ "$before" = --target ] && mkdir -p "$word/bin" && cp "$0" "$word/bin/ruff"
  before=$word
done
"""
PRETENDED = {"dpkg-query": DPKG_QUERY, "dpkg": DPKG, "apt-get": APT_GET, "python3": PYTHON} | {
    name: f"#!/bin/sh\necho {answer}\n" for name, answer in {"id": "0", "uname": "x86_64"}.items()
}


def model_fields() -> dict[str, str]:
    lines = (DEV.parent / "cmake" / "default_model.txt").read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if "=" in line and not line.startswith("#"))


def installed(packages: list[str]) -> list[str]:
    """What dpkg-query prints of them."""
    return [f"{name if ':' in name else name + ':amd64'} installed" for name in packages]


class Setup(unittest.TestCase):
    def packages_asked_for(self, known: list[str]) -> list[str]:
        """What apt-get is told to install on a machine where dpkg-query prints the lines of `known`."""
        return self.asked_for(known)[0]

    def asked_for(self, known: list[str], ruff: str | None = None) -> tuple[list[str], list[str]]:
        """As above, and what pip is told to, where this version of ruff is there."""
        with tempfile.TemporaryDirectory() as folder:
            root = Path(folder)
            for name, text in PRETENDED.items():
                (root / name).write_text(text, encoding="utf-8")
                (root / name).chmod(0o755)
            (root / "known").write_text("".join(f"{line}\n" for line in known), encoding="utf-8")
            fields = model_fields()
            model = root / "models" / fields["file"]
            model.parent.mkdir()
            with model.open("wb") as file:
                file.truncate(int(fields["bytes"]))
            if ruff is not None:
                program = root / "tools" / f"ruff-{ruff}" / "bin" / "ruff"
                program.parent.mkdir(parents=True)
                program.touch(mode=0o755)
            replaced = {"PATH": f"{root}:{os.environ['PATH']}", "PRETENDED": str(root), "GALAGO_HOME": str(root)}
            done = subprocess.run(
                [DEV, "setup", "-y"],
                env=os.environ | replaced,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                check=False,
            )
            self.assertEqual(done.returncode, 0, done.stderr)
            asked = root / "asked"
            self.assertTrue((root / "tools" / f"ruff-{RUFF}" / "bin" / "ruff").is_file())
            fetched = (root / "pip").read_text(encoding="utf-8").split() if (root / "pip").exists() else []
            calls = asked.read_text(encoding="utf-8").splitlines() if asked.exists() else []
        installs = [call.split() for call in calls if call.startswith("install ")]
        packages = [word for call in installs for word in call[1:] if not word.startswith("-")]
        return packages, [word for word in fetched if word.startswith("ruff")]

    def test_ruff_of_the_version_that_its_settings_ask_for(self) -> None:
        self.assertEqual(self.asked_for([])[1], [f"ruff=={RUFF}"])
        self.assertEqual(self.asked_for([], ruff="0.0.1")[1], [f"ruff=={RUFF}"])
        self.assertEqual(self.asked_for([], ruff=RUFF)[1], [])

    def test_bare_machine(self) -> None:
        asked = self.packages_asked_for([])
        for package in ("g++", "cmake", "libfmt-dev", "libgtest-dev", "clang-19", "libfmt-dev:arm64"):
            self.assertIn(package, asked)

    def test_only_what_is_missing(self) -> None:
        everything = self.packages_asked_for([])
        known = installed(everything)
        self.assertEqual(self.packages_asked_for(known), [])
        self.assertEqual(self.packages_asked_for(known[1:]), everything[:1])

    def test_removed_package_is_missing(self) -> None:
        everything = self.packages_asked_for([])
        known = [f"{everything[0]}:amd64 config-files", *installed(everything[1:])]
        self.assertEqual(self.packages_asked_for(known), everything[:1])

    def test_package_for_all_architectures(self) -> None:
        everything = self.packages_asked_for([])
        known = [line.replace("nlohmann-json3-dev:amd64", "nlohmann-json3-dev:all") for line in installed(everything)]
        self.assertEqual(self.packages_asked_for(known), [])


if __name__ == "__main__":
    unittest.main()
