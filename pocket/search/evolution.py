"""Evolution with early stopping: candidates that learn worse than most by a quarter of their pictures end there."""

from __future__ import annotations

import json
import random
import statistics
from dataclasses import asdict, dataclass, field
from pathlib import Path

from pocket.model.config import PocketConfig
from pocket.search.latency import Latency
from pocket.search.proxy import Proxy
from pocket.search.space import DEFAULT, Choice, Space, describe, key, to_config


@dataclass
class Candidate:
    choice: Choice
    milliseconds: float
    early: float  # loss at a quarter of the pictures
    loss: float | None = None  # None: stopped early, or too slow to be trained


@dataclass
class Search:
    """All that has been tried; written after each candidate, read back by the next run."""

    path: Path
    candidates: list[Candidate] = field(default_factory=list)

    def load(self) -> None:
        if self.path.exists():
            data = json.loads(self.path.read_text(encoding="utf-8"))
            self.candidates = [Candidate(**c) for c in data["candidates"]]

    def save(self) -> None:
        partial = self.path.with_suffix(".partial")
        partial.write_text(json.dumps({"candidates": [asdict(c) for c in self.candidates]}, indent=1), encoding="utf-8")
        partial.replace(self.path)

    def trained(self) -> list[Candidate]:
        return [c for c in self.candidates if c.loss is not None]

    def front(self) -> list[Candidate]:
        """Those that no other beats in both time and loss, the fastest first."""
        best: list[Candidate] = []
        for c in sorted(self.trained(), key=lambda c: (c.milliseconds, c.loss)):
            if not best or c.loss < best[-1].loss:  # type: ignore[operator]
                best.append(c)
        return best


def propose(search: Search, space: Space, population: int, limit: float, chance: random.Random) -> Choice:
    """The default first, then random ones, then children of the best that are fast enough."""
    tried = {key(c.choice) for c in search.candidates}
    start = {k: min(v, key=lambda x: abs(x - DEFAULT[k])) for k, v in space.fields.items()}
    if key(start) not in tried:
        return start
    parents = sorted((c for c in search.trained() if c.milliseconds <= limit), key=lambda c: c.loss or 0)
    parents = parents[: max(2, population // 4)]
    for _ in range(1000):
        if len(search.candidates) < population or not parents:
            choice = space.sample(chance)
        elif len(parents) > 1 and chance.random() < 0.3:
            choice = space.mutate(space.cross(*(p.choice for p in chance.sample(parents, 2)), chance), chance, 1)
        else:
            choice = space.mutate(chance.choice(parents).choice, chance)
        if key(choice) not in tried:
            return choice
    raise StopIteration("the space has been searched through")


def run(
    search: Search,
    space: Space,
    base: PocketConfig,
    latency: Latency,
    proxy: Proxy,
    steps: int,
    total: int,
    population: int,
    limit: float,
    seed: int,
) -> None:
    """Until `total` candidates have been tried, those of earlier runs included."""
    quarter = max(1, steps // 4)
    while len(search.candidates) < total:
        # Each candidate from its own seed: a resumed search proposes what an uninterrupted one would.
        chance = random.Random(f"{seed}/{len(search.candidates)}")
        try:
            choice = propose(search, space, population, limit, chance)
        except StopIteration as end:
            print(end)
            return
        config = to_config(choice, base)
        candidate = Candidate(choice, latency.milliseconds(config), float("inf"))
        # Half again as slow as allowed: of no use even as a parent.
        if candidate.milliseconds <= 1.5 * limit:
            train(candidate, config, proxy, quarter, steps, [c.early for c in search.trained()])
        search.candidates.append(candidate)
        search.save()
        verdict = (
            "too slow"
            if candidate.early == float("inf")
            else "stopped"
            if candidate.loss is None
            else f"loss {candidate.loss:.4f}"
        )
        print(
            f"{len(search.candidates)}/{total} {candidate.milliseconds:.2f} ms, {verdict}: {describe(choice)}",
            flush=True,
        )


def train(
    candidate: Candidate, config: PocketConfig, proxy: Proxy, quarter: int, steps: int, others: list[float]
) -> None:
    for at, loss in zip((quarter, steps), proxy.losses(config, [quarter, steps]), strict=False):
        if at == quarter:
            candidate.early = loss
            if len(others) >= 4 and loss > statistics.median(others) * 1.02:
                return
        if at == steps:
            candidate.loss = loss
