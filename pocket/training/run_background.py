"""The long training: the reader and the rest side by side, and the makers of their data, at the lowest priority.

    python -m pocket.training.run_background start [reader see]     starts what is not running, from newest checkpoints
    python -m pocket.training.run_background status
    python -m pocket.training.run_background stop                   saves checkpoints first
Everything lies in $POCKET_HOME: shards/, run/read, run/see (checkpoints, curves) and run/*.log; a second copy of the
checkpoints in $POCKET_MIRROR, if that is set. $POCKET_NICE is their priority (19). Options after `--` go to the
trainings: `start -- --decay_minutes 240 --quantize`.
"""

from __future__ import annotations

import argparse
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from glob import glob
from pathlib import Path

from pocket.data.places import home

ROOT = Path(__file__).resolve().parents[2]
ALLOCATORS = ("/usr/lib/*/libjemalloc.so.2", "/usr/lib64/libjemalloc.so.2")
NICE = int(os.environ.get("POCKET_NICE", "19"))
# Samples that evaluations use, made once, from a seed of their own.
HELD = {"strips": 3000, "pages": 300, "scenes": 600}
AHEAD = {"strips": 2, "pages": 3, "scenes": 3}


@dataclass(frozen=True)
class Job:
    name: str
    module: str
    arguments: list[str]

    @property
    def pid_file(self) -> Path:
        return home() / "run" / f"{self.name}.pid"

    @property
    def log_file(self) -> Path:
        return home() / "run" / f"{self.name}.log"

    def pid(self) -> int | None:
        """Of the running process; a number that another program has got meanwhile does not count."""
        try:
            pid = int(self.pid_file.read_text())
            command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (OSError, ValueError):
            return None
        return pid if self.module.encode() in command else None

    def start(self) -> None:
        if self.pid() is not None:
            print(f"{self.name}: runs")
            return
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": "1"}
        allocator = next((f for pattern in ALLOCATORS for f in glob(pattern)), None)
        if allocator:
            environment["LD_PRELOAD"] = allocator
            environment["MALLOC_CONF"] = "dirty_decay_ms:-1,muzzy_decay_ms:-1,narenas:1"
        with self.log_file.open("ab") as log:
            process = subprocess.Popen(
                ["nice", "-n", str(NICE), sys.executable, "-m", self.module, *self.arguments],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=ROOT,
                env=environment,
                start_new_session=True,
            )
        self.pid_file.write_text(str(process.pid))
        print(f"{self.name}: started, log in {self.log_file}")

    def stop(self, patience: float = 120) -> None:
        pid = self.pid()
        if pid is None:
            return
        os.kill(pid, signal.SIGTERM)
        end = time.monotonic() + patience
        while self.pid() is not None and time.monotonic() < end:
            time.sleep(0.2)
        if self.pid() is not None:
            os.kill(pid, signal.SIGKILL)
        self.pid_file.unlink(missing_ok=True)
        print(f"{self.name}: stopped")


def trainings(extra: list[str]) -> dict[str, list[Job]]:
    run, shards = home() / "run", home() / "shards"
    mirror = os.environ.get("POCKET_MIRROR")

    def train(name: str, *arguments: str) -> Job:
        places = ["--checkpoints", str(run / name), "--data", str(shards), "--resume"]
        if mirror:
            places += ["--mirror", str(Path(mirror) / name)]
        return Job(name, "pocket.train_multitask", [*arguments, *places, *extra])

    def make(kind: str, seed: int) -> Job:
        return Job(
            f"make-{kind}",
            "pocket.data.make_shards",
            [kind, "--out", str(shards / kind), "--seed", str(seed), "--keep-ahead", str(AHEAD[kind])],
        )

    return {
        "reader": [make("strips", 11), train("read", "--tasks", "read", "--datasets", "strips", "--batch_size", "48")],
        "see": [
            make("pages", 12),
            make("scenes", 13),
            train(
                "see",
                "--tasks",
                "lines,caption,ask,find,retrieve",
                "--datasets",
                "scenes,pages",
                "--batch_size",
                "32",
                "--learning_rate",
                "1e-3",
                "--seed",
                "2",
            ),
        ],
    }


def make_held(kinds: list[str]) -> None:
    """Evaluations need data before the first of them; a shard of each kind, once."""
    for kind in kinds:
        folder = home() / "shards" / f"{kind}-test"
        job = Job(
            f"make-{kind}-test",
            "pocket.data.make_shards",
            [
                kind,
                "--out",
                str(folder),
                "--seed",
                "999",
                "--split",
                "test",
                "--count",
                "1",
                "--samples",
                str(HELD[kind]),
            ],
        )
        if not any(folder.glob("*.npz")):
            job.start()


KINDS = {"reader": ["strips"], "see": ["pages", "scenes"]}


def main(arguments: list[str] | None = None) -> None:
    arguments = sys.argv[1:] if arguments is None else arguments
    extra: list[str] = []
    if "--" in arguments:
        at = arguments.index("--")
        arguments, extra = arguments[:at], arguments[at + 1 :]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("command", choices=("start", "status", "stop"))
    parser.add_argument("parts", nargs="*", help="reader, see (default: both)")
    a = parser.parse_args(arguments)
    known = trainings(extra)
    parts: list[str] = a.parts or list(known)
    for unknown in set(parts) - set(known):
        raise SystemExit(f"unknown part '{unknown}', expected reader or see")
    jobs = [job for part in parts for job in known[part]]
    if a.command == "start":
        make_held([kind for part in parts for kind in KINDS[part]])
        for job in jobs:
            job.start()
    elif a.command == "stop":
        for job in reversed(jobs):
            job.stop()
    else:
        for job in jobs:
            pid = job.pid()
            lines = job.log_file.read_text(errors="replace").splitlines() if job.log_file.exists() else []
            print(f"{job.name}: {f'runs ({pid})' if pid else 'does not run'}; {lines[-1] if lines else 'no log'}")


if __name__ == "__main__":
    main()
