"""Writes shards of made samples, at low priority, ahead of training.

    python -m pocket.data.make_shards strips --out DIR --seed 1 --split train --count 8
    python -m pocket.data.make_shards pages --out DIR --seed 1 --count 0 --keep-ahead 6   (for ever, 6 unused ahead)
Started again, it goes on where it stopped: DIR/KIND-SPLIT-SEED.next holds the next shard's number.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path

from pocket.data.shards import waiting, write_shard

# kind: the module whose shard(seed, split, samples) makes the arrays, and samples in a shard
KINDS = {
    "strips": ("pocket.data.text.strip_shards", 25_000),
    "pages": ("pocket.data.text.page_shards", 2_000),
    "scenes": ("pocket.data.scenes.scene_shards", 2_000),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("kind", choices=sorted(KINDS))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--seed", type=int, required=True)
    parser.add_argument("--split", choices=("train", "test"), default="train")
    parser.add_argument("--count", type=int, default=0, help="shards to write; 0: without end")
    parser.add_argument("--samples", type=int, default=0, help="samples in a shard; 0: the kind's own number")
    parser.add_argument("--keep-ahead", type=int, default=0, help="wait while so many unused shards lie there")
    args = parser.parse_args()
    module, samples = KINDS[args.kind]
    make = importlib.import_module(module).shard
    args.out.mkdir(parents=True, exist_ok=True)
    stem = f"{args.kind}-{args.split}-{args.seed}"
    mark = args.out / f"{stem}.next"
    number = int(mark.read_text()) if mark.exists() else 0
    written = 0
    while not args.count or written < args.count:
        while args.keep_ahead and len(waiting(args.out)) >= args.keep_ahead:
            time.sleep(5)
        start = time.process_time()
        groups = make(args.seed * 1_000_003 + number, args.split, args.samples or samples)
        write_shard(args.out / f"{stem}-{number:06d}.npz", groups)
        number, written = number + 1, written + 1
        part = mark.with_suffix(".part")
        part.write_text(str(number))
        part.rename(mark)
        rate = (args.samples or samples) / (time.process_time() - start)
        print(f"{stem}-{number - 1:06d}.npz: {rate:.0f} samples a second of one core", flush=True)


if __name__ == "__main__":
    main()
