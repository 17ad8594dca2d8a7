"""The results as Markdown."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from measure import ModelResult
from programs import Case, Duel
from samples import best, ratio, summarize, text, three_digits

Row = Sequence[str]


def table(head: Row, rows: Sequence[Row]) -> str:
    lines = [head, ["---"] + ["---:"] * (len(head) - 1), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def times(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def percent(value: float | None) -> str:
    return "-" if value is None else f"{100 * value:.0f} %"


def duel_ratio(duel: Duel, values: Mapping[str, Sequence[float]], smaller: bool = False) -> float | None:
    theirs = best([values.get(name, []) for name in duel.theirs], smaller)
    return ratio(values.get(duel.ours, []), theirs)


def limit(result: ModelResult, of: Callable[[dict[str, Any]], float | None]) -> float | None:
    """The median over the rounds."""
    values = [value for found in result.limits if (value := of(found)) is not None]
    summary = summarize(values)
    return summary.median if summary else None


def bandwidth(result: ModelResult) -> float | None:
    return limit(result, lambda found: found.get("read_bytes_per_second"))


def peak(result: ModelResult, kind: str) -> float | None:
    return limit(result, lambda found: found.get(kind, {}).get("operations_per_second"))


def state_bytes(result: ModelResult, case: Case) -> float:
    """Of keys and values that the middle token of a run reads."""
    per_token = result.work.state_bytes * {"f16": 1.0, "q8": 0.5}.get(case.kv, 1.0)
    return per_token * (case.depth + case.n_tokens / 2)


def fraction(result: ModelResult, case: Case, values: Sequence[float]) -> float | None:
    """Of the machine's limit: of the read bandwidth in decoding, of the int8 peak in prefill."""
    summary = summarize(values)
    if summary is None or case.contended:
        return None
    if case.phase == "prefill":
        most, needed = peak(result, "int8"), 2.0 * result.work.multiplications
    else:
        most, needed = bandwidth(result), result.work.step_bytes + state_bytes(result, case)
    return needed * summary.median / most if most else None


def rates_table(result: ModelResult, names: Sequence[str], duels: Sequence[Duel]) -> str:
    rows = []
    for case, values in result.rates.items():
        fractions = [percent(fraction(result, case, values.get(name, []))) for name in names[:1]]
        ratios = [times(duel_ratio(duel, values)) for duel in duels]
        rows.append([case.title, *(text(values.get(name, [])) for name in names), *ratios, *fractions])
    return table(["tokens/s", *names, *(duel.title for duel in duels), "of the limit"], rows)


def contended_table(result: ModelResult, names: Sequence[str]) -> str:
    rows = []
    for case, values in result.rates.items():
        quiet = Case(case.phase, case.n_tokens, case.depth, case.kv)
        if case.contended and quiet in result.rates:
            kept = (ratio(values.get(name, []), result.rates[quiet].get(name, [])) for name in names)
            rows.append([f"kept of {quiet.title}", *(percent(k) for k in kept)])
    return table(["beside a busy process", *names], rows) if rows else ""


def start_table(result: ModelResult, names: Sequence[str], duels: Sequence[Duel]) -> str:
    def row(title: str, values: Mapping[str, Sequence[float]], unit: float, smaller: bool = True) -> Iterator[Row]:
        if not values:
            return
        scaled = {name: [value / unit for value in several] for name, several in values.items()}
        ratios = [times(duel_ratio(duel, scaled, smaller)) for duel in duels]
        yield [title, *(text(scaled.get(name, [])) for name in names), *ratios]

    rows = [
        *row("first token, cold, ms", result.cold_seconds, 1e-3),
        *row("first token, warm, ms", result.warm_seconds, 1e-3),
        *row("peak memory, MB", result.peak_bytes, 1e6),
        *row("tokens per joule", result.tokens_per_joule, 1, smaller=False),
    ]
    return table(["start", *names, *(duel.title for duel in duels)], rows) if rows else ""


def limits_line(result: ModelResult) -> str:
    parts = []
    if (bytes_per_second := bandwidth(result)) is not None:
        parts.append(f"reading {bytes_per_second / 1e9:.1f} GB/s over {result.work.step_bytes / 1e6:.0f} MB")
    for kind in ("int8", "bf16", "f32"):
        if (operations := peak(result, kind)) is not None:
            instruction = result.limits[0][kind]["instruction"]
            parts.append(f"{kind} {operations / 1e12:.2f} TOPS ({instruction})")
    return "The machine, in the same rounds: " + ", ".join(parts) + ".\n" if parts else ""


def roofline_line(result: ModelResult) -> str:
    parts = []
    if (bytes_per_second := bandwidth(result)) is not None:
        parts.append(f"decode {three_digits(bytes_per_second / result.work.step_bytes)}")
    if (operations := peak(result, "int8")) is not None and result.work.multiplications:
        parts.append(f"prefill {three_digits(operations / 2 / result.work.multiplications)} in int8")
    return "That allows, in tokens/s: " + ", ".join(parts) + ".\n" if parts else ""


def model_section(result: ModelResult, names: Sequence[str], duels: Sequence[Duel]) -> str:
    bound = result.file_bytes + result.kv_bytes + (64 << 20)
    sizes = (
        f"{result.file_bytes / 1e6:.0f} MB; a step of decoding reads {result.work.step_bytes / 1e6:.0f} MB and "
        f"{result.work.state_bytes / 1e3:.1f} KB for each token of context; a token of a prompt multiplies "
        f"{result.work.multiplications / 1e6:.0f} M times; file + KV + 64 MiB are {bound / 1e6:.0f} MB.\n"
    )
    parts = [
        f"## {result.name}\n",
        sizes + limits_line(result) + roofline_line(result),
        rates_table(result, names, duels),
        contended_table(result, names),
        start_table(result, names, duels),
        "".join(f"- failed: {failure}\n" for failure in result.failures),
    ]
    return "\n".join(part for part in parts if part)


def machine_line(machine: Mapping[str, Any]) -> str:
    return (
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_bytes'] / 1e9:.0f} GB, {machine['system']}; "
        f"{machine['threads']} threads, {machine['rounds']} rounds, {machine['clock']}, {machine['date']}; "
        f"galago {machine['galago']} ({machine['isa']})."
    )


def markdown(machine: Mapping[str, Any], results: Sequence[ModelResult], names: Row, duels: Sequence[Duel]) -> str:
    head = (
        f"# Galago beside llama.cpp\n\n{machine_line(machine)}\n\n"
        "Median of the rounds (first to third quartile; below four rounds the extremes). The programs took turns. "
        "Ratios are of medians, ours to the best of theirs: above 1 is better for rates, below 1 for times and memory. "
        "The limit is the read bandwidth for decoding, the int8 peak for prefill.\n"
    )
    return "\n".join([head, *(model_section(result, names, duels) for result in results)])
