"""A scene's plan in words: five captions by construction, and the facts that they state."""

from __future__ import annotations

import random

from pocket.data.sample import Truth
from pocket.data.scenes.backgrounds import PLACES, Background
from pocket.data.scenes.layout import OPPOSITE, Placed, Plan
from pocket.data.scenes.names import NUMBERS, article, names, plural, regular_plural

CAPTIONS = 5
# {s} what is seen, {p} where in the picture, {b} the background.
FRAMES = (
    "{s}{p} {b}",
    "there {is} {s}{p} {b}",
    "a picture of {s}{p} {b}",
    "{s} can be seen{p} {b}",
    "we see {s}{p} {b}",
    "the picture shows {s}{p} {b}",
    "{b}, there {is} {s}{p}",
)
PAIR_WORDS = {
    "left of": ("{a} to the left of {c}", "{a} left of {c}", "{a} on the left and {c} on the right"),
    "right of": ("{a} to the right of {c}", "{a} right of {c}", "{a} on the right and {c} on the left"),
    "above": ("{a} above {c}", "{a} over {c}", "{a} at the top and {c} at the bottom"),
    "below": ("{a} below {c}", "{a} under {c}", "{a} at the bottom and {c} at the top"),
}
OTHER_WORDS = {
    "on": ("{a} on {c}", "{a} on top of {c}", "{c} with {a} on it", "{a} standing on {c}"),
    "inside": ("{a} inside {c}", "{a} in {c}", "{c} with {a} inside it", "{c} with {a} in it"),
    "between": ("{a} between {c} and {d}", "{c} and {d} with {a} between them", "{a} in between {c} and {d}"),
}
NEXT = ("{a} next to {c}", "{a} beside {c}")


def position(box: tuple[float, float, float, float]) -> tuple[str, str]:
    """Which third of the picture a box's centre is in, across and down; "" is the middle."""
    x, y = (box[0] + box[2]) / 2, (box[1] + box[3]) / 2
    across = "left" if x < 0.36 else "right" if x > 0.64 else ""
    down = "top" if y < 0.36 else "bottom" if y > 0.64 else ""
    return across, down


def position_phrase(box: tuple[float, float, float, float]) -> str:
    across, down = position(box)
    if across and down:
        return f"in the {down} {across} corner"
    if across:
        return f"on the {across}"
    return f"at the {down}" if down else "in the middle"


def counted(noun_of: str, colour: str, size: str, count: int) -> str:
    """ "a big red car", "three cats" """
    words = [w for w in (size, colour) if w]
    if count == 1:
        return article(" ".join([*words, noun_of]))
    entry = names().get(noun_of)
    many = entry.plural if entry else regular_plural(noun_of)
    return " ".join([NUMBERS[count], *words, many])


def mention(plan: Plan, group: list[int], rng: random.Random, synonyms: float) -> str:
    """A group of equal things as it is named in a caption."""
    first: Placed = plan.placed[group[0]]
    noun = first.thing.name
    entry = names()[noun]
    if entry.synonyms and rng.random() < synonyms and len(group) == 1:
        noun = rng.choice(entry.synonyms)
        if noun.endswith("s") and not noun.endswith("ss"):  # "scissors", "noodles": plural words without an article
            return " ".join(w for w in (first.size, first.thing.colour, noun) if w)
    return counted(noun, first.thing.colour, first.size, len(group))


def joined(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else ", ".join(parts[:-1]) + " and " + parts[-1]


def background_phrase(background: Background, rng: random.Random) -> str:
    """The end of a caption, in one of a few equal wordings."""
    if background.kind == "colour":
        coloured = article(background.colour)
        return rng.choice([background.phrase, background.phrase, f"in front of {coloured} background"])
    if background.kind == "photo":
        named = article(background.name)
        return rng.choice([f"in front of {named}", f"on {named}", f"with {named} behind"])
    return background.phrase


def empty_caption(background: Background, rng: random.Random) -> str:
    if background.kind == "place":
        seen = PLACES[background.name][2]
    else:
        seen = article(background.name)
    if background.kind == "pattern":
        seen = background.phrase.removeprefix("on ")
    return rng.choice(
        [
            f"{seen} with nothing on it",
            f"nothing but {seen}",
            f"just {seen}",
            f"there is nothing but {seen}",
            f"only {seen} and no objects",
            f"a picture of {seen} and nothing else",
            f"{seen} without any objects",
        ]
    )


def subject(plan: Plan, rng: random.Random, synonyms: float, fullest: bool) -> tuple[str, bool]:
    """What is seen, and whether it is named in the plural."""
    mentions = [mention(plan, g, rng, synonyms) for g in plan.groups]
    if plan.kind == "between":
        words = {"a": mentions[0], "c": mentions[1], "d": mentions[2]}
        if rng.random() < 0.5:
            words["c"], words["d"] = words["d"], words["c"]
        form = rng.choice(OTHER_WORDS["between"])
        return form.format(**words), form.startswith("{c}")
    if plan.kind in ("on", "inside"):
        form = rng.choice(OTHER_WORDS[plan.kind])
        return form.format(a=mentions[0], c=mentions[1]), False
    if plan.kind == "pair" and plan.relations:
        _, word, _ = plan.relations[0]
        a, c = mentions
        if rng.random() < 0.5:
            word, a, c = OPPOSITE[word], c, a
        forms = PAIR_WORDS[word]
        if not fullest and word in ("left of", "right of") and rng.random() < 0.1:
            forms = NEXT
        form = rng.choice(forms)
        return form.format(a=a, c=c), " and " in form
    if rng.random() < 0.5 or plan.kind == "many":
        rng.shuffle(mentions)
    plural_words = len(mentions) > 1 or (len(plan.groups) == 1 and len(plan.groups[0]) > 1)
    return joined(mentions), plural_words


def caption(plan: Plan, rng: random.Random, *, fullest: bool = False) -> str:
    """One caption. The fullest one (for retrieval) always says where, and what is behind."""
    if plan.kind == "empty":
        return empty_caption(plan.background, rng)
    synonyms = 0.0 if fullest else 0.08
    seen, _ = subject(plan, rng, synonyms, fullest)
    where = ""
    if plan.kind == "single":
        at = position_phrase(plan.placed[0].box)
        if (at != "in the middle" and plan.placed[0].size != "big") or rng.random() < 0.15:
            where = " " + at
    behind = background_phrase(plan.background, rng)
    frame = FRAMES[0] if fullest else rng.choice(FRAMES)
    if not fullest and rng.random() < 0.12:
        frame = rng.choice(FRAMES[:6]).replace(" {b}", "")
    first = seen.split(" ", 1)[0]
    verb = "are" if first in NUMBERS[2:] else "is"
    return frame.format(s=seen, p=where, b=behind, **{"is": verb})


def captions(plan: Plan, rng: random.Random) -> tuple[str, ...]:
    """Five different captions, the fullest first."""
    out = [caption(plan, rng, fullest=True)]
    while len(out) < CAPTIONS:
        new = caption(plan, rng)
        if new not in out:
            out.append(new)
    return tuple(out)


def truth(plan: Plan) -> Truth:
    """What captions of this plan state."""
    objects, attributes = [], []
    for group in plan.groups:
        first = plan.placed[group[0]]
        name = first.thing.name
        objects.append(name)
        attributes += [(name, word) for word in (first.thing.colour, first.size) if word]
        if len(group) > 1:
            attributes.append((name, NUMBERS[len(group)]))
    relations = [(plan.placed[a].thing.name, word, plan.placed[b].thing.name) for a, word, b in plan.relations]
    if plan.between:
        middle, one, other = (plan.placed[i].thing.name for i in plan.between)
        relations += [(middle, "between", one), (middle, "between", other)]
    return Truth(tuple(objects), tuple(attributes), tuple(relations))


__all__ = ["CAPTIONS", "caption", "captions", "counted", "plural", "position", "position_phrase", "truth"]
