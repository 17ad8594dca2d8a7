"""Searches for the architecture under a latency.

    python -m pocket.train_nas --config pocket/configs/mobile_nas.yaml --hardware_target cpu --max_latency_ms 12
    python -m pocket.train_nas --engine build/cli/galago --max_latency_ms 12          measured by running candidates
Each candidate's encoder learns names and colours for a few thousand pictures; evolution goes on from the best. Started
again, it goes on. Writes nas_best_arch.yaml and .pth (for train_multitask --arch_checkpoint), pareto.png, .md and .csv.
"""

from __future__ import annotations

import argparse
import csv
from pathlib import Path
from typing import Any

import torch
import yaml

from pocket.data.places import home
from pocket.model.config import PocketConfig, named_config
from pocket.search.evolution import Candidate, Search, run
from pocket.search.latency import latency_of
from pocket.search.proxy import Proxy
from pocket.search.space import Space, describe, to_config
from pocket.training.build_see import cell_classes
from pocket.training.sources import PictureShards

CONFIG = Path(__file__).parent / "configs" / "mobile_nas.yaml"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--config", type=Path, default=CONFIG, help="space and budget")
    p.add_argument("--hardware_target", default="cpu", help="a latency table: JSON file, or a name in configs/latency")
    p.add_argument("--engine", type=Path, help="measure candidates with this program instead")
    p.add_argument("--engine_threads", type=int, default=2)
    p.add_argument("--max_latency_ms", type=float, default=12.0, help="of the encoder, for a picture")
    p.add_argument("--data", type=Path, help="folder with scenes/ (default: $POCKET_HOME/shards)")
    p.add_argument("--out", type=Path, default=Path("nas"))
    p.add_argument("--candidates", type=int, help="instead of the configuration's number")
    p.add_argument("--pictures", type=int, help="instead of the configuration's number")
    p.add_argument("--threads", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    return p


def write_front(search: Search, base: PocketConfig, limit: float, out: Path) -> Candidate | None:
    """Table, plot, and the best that is fast enough."""
    front = search.front()
    rows = [(f"{c.milliseconds:.2f}", f"{c.loss:.4f}", describe(c.choice)) for c in front]
    table = "| ms a picture | loss of cells | differs from pocket-s in |\n|---|---|---|\n"
    (out / "pareto.md").write_text(table + "".join(f"| {a} | {b} | {c} |\n" for a, b, c in rows), encoding="utf-8")
    with (out / "pareto.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["milliseconds", "loss", "on_front", *next(iter(search.candidates)).choice])
        for c in search.candidates:
            loss = "" if c.loss is None else f"{c.loss:.5f}"
            writer.writerow([f"{c.milliseconds:.3f}", loss, int(c in front), *c.choice.values()])
    draw(search, front, limit, out / "pareto.png")
    allowed = [c for c in front if c.milliseconds <= limit]
    if not allowed:
        return None
    best = min(allowed, key=lambda c: c.loss or 0)
    config = to_config(best.choice, base)
    config.save(out / "nas_best_arch.yaml")
    torch.save({"config": config.to_dict()}, out / "nas_best_arch.pth")
    return best


def draw(search: Search, front: list[Candidate], limit: float, path: Path) -> None:
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    figure, axis = plt.subplots(figsize=(7, 4.5))
    trained = search.trained()
    axis.scatter(
        [c.milliseconds for c in trained], [c.loss for c in trained], s=16, color="#888888", label="candidates"
    )
    axis.plot([c.milliseconds for c in front], [c.loss for c in front], "o-", color="#c03020", label="Pareto front")
    axis.axvline(limit, linestyle="--", color="#3060a0", label=f"limit, {limit:g} ms")
    axis.set_xlabel("ms a picture")
    axis.set_ylabel("loss of cells")
    axis.legend()
    axis.grid(alpha=0.3)
    figure.tight_layout()
    figure.savefig(path, dpi=110)
    plt.close(figure)


def main(arguments: list[str] | None = None) -> None:
    a = parser().parse_args(arguments)
    torch.set_num_threads(a.threads)
    settings: dict[str, Any] = yaml.safe_load(a.config.read_text(encoding="utf-8"))
    base = named_config(settings.get("base", "pocket-s"))
    space = Space.of(settings["space"])
    batch_size = int(settings.get("batch_size", 24))
    pictures = a.pictures or int(settings["pictures"])
    a.out.mkdir(parents=True, exist_ok=True)
    source = PictureShards((a.data or home() / "shards") / "scenes", a.seed, uses=1000)
    source.shards.keep = True  # the same pictures serve the training
    proxy = Proxy(source, cell_classes(None), batch_size, int(settings.get("see_size", 128)), a.seed)
    search = Search(a.out / "search.json")
    search.load()
    latency = latency_of(a.hardware_target, a.engine, a.engine_threads)
    print(
        f"latency by {latency.name}, at most {a.max_latency_ms} ms; {len(search.candidates)} candidates known",
        flush=True,
    )
    run(
        search,
        space,
        base,
        latency,
        proxy,
        max(1, pictures // batch_size),
        a.candidates or int(settings["candidates"]),
        int(settings.get("population", 12)),
        a.max_latency_ms,
        a.seed,
    )
    best = write_front(search, base, a.max_latency_ms, a.out)
    if best is None:
        raise SystemExit(f"no candidate within {a.max_latency_ms} ms; widen the space downwards or allow more")
    print(
        f"best: {best.milliseconds:.2f} ms, loss {best.loss:.4f}, {describe(best.choice)}; {a.out}/nas_best_arch.yaml"
    )


if __name__ == "__main__":
    main()
