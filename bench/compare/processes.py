"""Runs a program and measures it from outside: seconds to its first byte, seconds to its end, largest resident set."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path


class ProgramFailed(Exception):
    """It did not end, or with an error. The message says which and what it last said."""


@dataclass
class Finished:
    stdout: bytes
    seconds: float
    first_byte_seconds: float  # until the first byte on standard output; without one, until the end
    peak_bytes: int
    cpu_seconds: float


def run(command: Sequence[str | Path], env: Mapping[str, str] | None = None, timeout: float = 1800) -> Finished:
    with tempfile.TemporaryFile() as errors:
        begin = time.perf_counter()
        try:
            process = subprocess.Popen(
                [str(part) for part in command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(env or {})},
            )
        except OSError as failure:
            raise ProgramFailed(f"{command[0]}: {failure.strerror}") from failure
        assert process.stdout is not None
        killed = threading.Event()

        def stop() -> None:
            killed.set()
            process.kill()

        timer = threading.Timer(timeout, stop)
        timer.start()
        try:
            first = process.stdout.read(1)
            first_byte = time.perf_counter() - begin
            rest = process.stdout.read()
            # Not process.wait(): only wait4 tells the memory of this one child.
            _, status, usage = os.wait4(process.pid, 0)
            seconds = time.perf_counter() - begin
        finally:
            timer.cancel()
            process.stdout.close()
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            errors.seek(0)
            said = errors.read().decode(errors="replace").strip().splitlines()
            what = f"did not end in {timeout:.0f} s" if killed.is_set() else f"exit status {process.returncode}"
            raise ProgramFailed(f"{Path(command[0]).name}: {what}" + (f": {said[-1][:300]}" if said else ""))
    unit = 1 if sys.platform == "darwin" else 1024
    cpu_seconds = usage.ru_utime + usage.ru_stime
    return Finished(first + rest, seconds, first_byte if first else seconds, usage.ru_maxrss * unit, cpu_seconds)


@contextlib.contextmanager
def busy_process(wanted: bool = True) -> Iterator[None]:
    """Something else that wants to compute all the time."""
    if not wanted:
        yield
        return
    process = subprocess.Popen([sys.executable, "-c", "while True: pass"])
    try:
        yield
    finally:
        process.kill()
        process.wait()


def drop_from_page_cache(files: Sequence[Path]) -> bool:
    """The next reading comes from the disk. False where the system has no such advice."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for file in files:
        with file.open("rb") as opened:
            os.fsync(opened.fileno())  # dirty pages would stay
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


class Energy:
    """What the processors' own counters (RAPL) say they used, in joules."""

    def __init__(self, folder: Path = Path("/sys/class/powercap")) -> None:
        self.counters = [zone for zone in sorted(folder.glob("intel-rapl:*")) if zone.name.count(":") == 1]
        try:
            self.readable = bool(self.counters) and self.read() is not None
        except (OSError, ValueError):
            self.readable = False  # since 2020 for root alone

    def read(self) -> list[int]:
        return [int((zone / "energy_uj").read_text()) for zone in self.counters]

    def joules_since(self, before: Sequence[int]) -> float:
        total = 0
        for zone, was, now in zip(self.counters, before, self.read(), strict=True):
            total += now - was if now >= was else now - was + int((zone / "max_energy_range_uj").read_text())
        return total / 1e6
