#!/usr/bin/env python3
"""The program that is built with libc++ runs a model as the original does.

Usage: check_libcxx.py BUILD REPOSITORY
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SKIPPED = 77


def main() -> int:
    build, repository = Path(sys.argv[1]), Path(sys.argv[2])
    program = build / "cli" / "galago"
    if not program.is_file():
        print(f"skipped: {program} is not there; ./dev test builds it")
        return 1 if os.environ.get("CI") == "true" else SKIPPED
    symbols = subprocess.run(["nm", "--undefined-only", program], capture_output=True, text=True, check=True).stdout
    if "_ZNSt3__1" not in symbols:
        print(f"{program} does not use libc++")
        return 1
    golden = repository / "tests" / "data" / "goldens" / "text" / "smollm2"
    status = 0
    for arguments in (["--version"], ["verify", golden, "--tolerance", "1e-4"], ["verify", golden, "--eager"]):
        run = subprocess.run([program, *arguments], capture_output=True, text=True, check=False)
        print(f"{' '.join(map(str, arguments))}: {run.returncode} {run.stdout.strip()} {run.stderr.strip()}")
        status |= run.returncode
    return status


if __name__ == "__main__":
    sys.exit(main())
