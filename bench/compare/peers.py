"""Fetches and builds llama.cpp: once by clang for this very machine, and by g++ for AVX-512-VNNI and for AVX2."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

PACKAGE = "llama-cpp-python"
VERSION = "0.3.36"
TARGETS = ("llama-bench", "llama-completion", "llama-quantize")
OPTIONS = (
    "-DCMAKE_BUILD_TYPE=Release",
    "-DBUILD_SHARED_LIBS=OFF",
    "-DLLAMA_CURL=OFF",
    "-DLLAMA_OPENSSL=OFF",
    "-DLLAMA_BUILD_TESTS=OFF",
    "-DLLAMA_BUILD_EXAMPLES=OFF",
    "-DLLAMA_BUILD_SERVER=OFF",
    "-DLLAMA_BUILD_TOOLS=ON",
    "-DLLAMA_BUILD_COMMON=ON",
)
AVX2 = tuple(f"-DGGML_{name}=ON" for name in ("SSE42", "AVX", "AVX2", "BMI2", "FMA", "F16C"))
VNNI = (*AVX2, "-DGGML_AVX512=ON", "-DGGML_AVX512_VNNI=ON")

Say = Callable[[str], None]


class BuildFailed(Exception):
    """The message says what and where its log is."""


@dataclass(frozen=True)
class Build:
    name: str  # of its folder
    title: str
    compilers: tuple[str, str]  # C, C++
    options: tuple[str, ...]
    isa: str  # the instruction set of ours that it is measured against; empty: the best
    needs: tuple[str, ...]  # flags of /proc/cpuinfo


BUILDS = (
    Build("clang-native", "clang -march=native", ("clang-19", "clang++-19"), ("-DGGML_NATIVE=ON",), "", ()),
    Build("gcc-vnni", "g++ VNNI", ("gcc", "g++"), ("-DGGML_NATIVE=OFF", *VNNI), "avx512_vnni", ("avx512_vnni",)),
    Build("gcc-avx2", "g++ AVX2", ("gcc", "g++"), ("-DGGML_NATIVE=OFF", *AVX2), "avx2", ("avx2",)),
)


def cpu_flags(cpuinfo: str) -> set[str]:
    for line in cpuinfo.splitlines():
        if line.startswith(("flags", "Features")):
            return set(line.partition(":")[2].split())
    return set()


def usable_builds(flags: set[str]) -> list[Build]:
    return [build for build in BUILDS if flags.issuperset(build.needs)]


def call(command: Sequence[str | Path], log: Path, what: str) -> None:
    with log.open("ab") as out:
        done = subprocess.run([str(part) for part in command], stdout=out, stderr=out, check=False)
    if done.returncode != 0:
        raise BuildFailed(f"{what} failed; {log} says why")


def fetch(folder: Path, say: Say) -> Path:
    """The source, from the package's sdist."""
    source = folder / f"{PACKAGE}-{VERSION}"
    if (source / "CMakeLists.txt").exists():
        return source
    say(f"fetching {PACKAGE} {VERSION} (77 MB)")
    download = folder / "download"
    shutil.rmtree(download, ignore_errors=True)
    download.mkdir(parents=True)
    command = (sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", ":all:", "--dest", download)
    # Binaries of its build system are fine; only its own source is wanted.
    command = tuple(PACKAGE if part == ":all:" else part for part in command)
    call((*command, f"{PACKAGE}=={VERSION}"), folder / "fetch.log", "fetching llama.cpp with pip")
    archive = next(iter(download.glob("*.tar.gz")), None)
    if archive is None:
        raise BuildFailed(f"pip left no .tar.gz in {download}")
    with tarfile.open(archive) as tar:
        tar.extractall(download, **({"filter": "data"} if hasattr(tarfile, "data_filter") else {}))
    unpacked = next((path for path in download.glob("*/vendor/llama.cpp") if path.is_dir()), None)
    if unpacked is None:
        raise BuildFailed(f"{archive.name} has no vendor/llama.cpp")
    unpacked.rename(source)
    shutil.rmtree(download)
    return source


def build_one(build: Build, source: Path, folder: Path, jobs: int, say: Say) -> Path:
    """The folder of its programs."""
    out = folder / build.name
    if all((out / "bin" / target).exists() for target in TARGETS):
        return out / "bin"
    for program in ("cmake", "ninja", *build.compilers):
        if shutil.which(program) is None:
            raise BuildFailed(f"{program} is not installed; ./dev setup installs it")
    say(f"building llama.cpp, {build.title} (once; 10 minutes of a core and more); log: {out}.log")
    log = folder / f"{build.name}.log"
    log.unlink(missing_ok=True)
    launcher = ("-DCMAKE_C_COMPILER_LAUNCHER=ccache", "-DCMAKE_CXX_COMPILER_LAUNCHER=ccache")
    compilers = (f"-DCMAKE_C_COMPILER={build.compilers[0]}", f"-DCMAKE_CXX_COMPILER={build.compilers[1]}")
    configure = ("cmake", "-G", "Ninja", "-S", source, "-B", out, *OPTIONS, *compilers, *build.options)
    call((*configure, *(launcher if shutil.which("ccache") else ())), log, f"configuring llama.cpp, {build.title},")
    make = ("cmake", "--build", out, "-j", str(jobs), "--target", *TARGETS)
    call((shutil.which("nice") or "nice", "-n", "10", *make), log, f"building llama.cpp, {build.title},")
    return out / "bin"


def build_peers(folder: Path, names: Sequence[str], jobs: int, say: Say) -> dict[str, Path]:
    """The programs' folders by the builds' names. What fails is reported and left out."""
    info = Path("/proc/cpuinfo")
    flags = cpu_flags(info.read_text()) if info.exists() else set()
    built: dict[str, Path] = {}
    folder.mkdir(parents=True, exist_ok=True)
    for build in BUILDS:
        if build.name not in names:
            continue
        if build not in usable_builds(flags):
            say(f"llama.cpp, {build.title}: left out, this {platform.machine()} lacks {', '.join(build.needs)}")
            continue
        try:
            prebuilt = folder / build.name / "bin"
            have = all((prebuilt / target).exists() for target in TARGETS)
            source = Path() if have else fetch(folder, say)
            built[build.name] = build_one(build, source, folder, jobs, say)
        except (BuildFailed, OSError, tarfile.TarError) as failure:
            say(f"llama.cpp, {build.title}: left out: {failure}")
    return built


def default_jobs() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
