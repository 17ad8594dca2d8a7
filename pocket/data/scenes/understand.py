"""What a caption says, read back as facts: names, attributes and relations. It scores captions by construction."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass

from pocket.data.sample import Truth
from pocket.data.scenes.names import COLOURS, NUMBERS, names

RELATIONS: dict[str, str] = {
    "to the left of": "left of",
    "left of": "left of",
    "to the right of": "right of",
    "right of": "right of",
    "above": "above",
    "over": "above",
    "below": "below",
    "under": "below",
    "on top of": "on",
    "standing on": "on",
    "inside": "inside",
    "in between": "between",
    "between": "between",
    "next to": "next to",
    "beside": "next to",
    "on": "on",
    "in": "inside",
}
SIDES = {"on the left": "left of", "on the right": "right of", "at the top": "above", "at the bottom": "below"}
OPPOSITE = {"left of": "right of", "right of": "left of", "above": "below", "below": "above"}


@dataclass(frozen=True, slots=True)
class Mention:
    name: str
    modifiers: tuple[str, ...]
    start: int
    end: int


@functools.cache
def _forms() -> tuple[dict[str, str], re.Pattern[str]]:
    forms: dict[str, str] = {}
    for entry in names().values():
        for form in (entry.name, entry.plural):
            forms[form] = entry.name
    for entry in names().values():
        for synonym in entry.synonyms:
            forms.setdefault(synonym, entry.name)
    ordered = sorted(forms, key=len, reverse=True)
    modifiers = "|".join(["big", "small", *COLOURS, *NUMBERS[1:]])
    pattern = re.compile(rf"(?<![\w-])((?:(?:{modifiers}) )*)({'|'.join(map(re.escape, ordered))})(?![\w-])")
    return forms, pattern


# The background's own words are not things; nothing after them is.
_BEHIND = re.compile(
    r"(,? ?(?:on|in front of|with) (?:an?|the)"
    r" (?:[a-z]+ and [a-z]+ gradient|[a-z]+ background(?: of [a-z]+ and [a-z]+)?"
    r"|photo(?: behind)?|abstract picture(?: behind)?|beach|street)"
    r"|[a-z]+ and [a-z]+ gradient"
    r"|,? ?in (?:a|the) (?:field|desert|snow|mountains|night sky|room|forest)|,? ?at sea)"
)


def mentions(caption: str) -> list[Mention]:
    """Things named in a caption, in order."""
    forms, pattern = _forms()
    text = _BEHIND.sub(lambda m: " " * len(m.group()), caption.lower())
    out = []
    for m in pattern.finditer(text):
        out.append(Mention(forms[m.group(2)], tuple(m.group(1).split()), m.start(), m.end()))
    return out


def _relation(between: str, after: str) -> str:
    """The relation stated between two mentions, from the words between them and after the second."""
    words = re.sub(r"\b(a|an|the|is|are)\b", " ", between)
    words = re.sub(r"\s+", " ", words).strip()
    plain = re.sub(r"\s+", " ", between).strip()
    if words == "with":
        tail = after.strip()
        if tail.startswith("on it"):
            return "with on"
        return "with inside" if tail.startswith(("inside it", "in it")) else ""
    for side, relation in SIDES.items():
        if plain.startswith(side + " and"):
            return relation
    for phrase, relation in RELATIONS.items():
        if re.match(rf"(is |are )?{phrase}( |$)", plain):
            return relation
    return ""


def understand(caption: str) -> Truth:
    """Objects, (name, attribute) and (name, relation, name) that a caption states."""
    text = caption.lower()
    found = mentions(text)
    attributes = tuple((m.name, w) for m in found for w in m.modifiers if w != "one")
    relations: list[tuple[str, str, str]] = []
    three = re.search(r"with .* between them", text)
    if three and len(found) >= 3:
        one, other, middle = found[:3]
        relations += [(middle.name, "between", one.name), (middle.name, "between", other.name)]
    elif " between " in text and len(found) >= 3:
        middle, one, other = found[:3]
        relations += [(middle.name, "between", one.name), (middle.name, "between", other.name)]
    else:
        for a, b in zip(found, found[1:], strict=False):
            word = _relation(text[a.end : b.start], text[b.end :])
            if word.startswith("with "):
                relations.append((b.name, word[5:], a.name))
            elif word:
                relations.append((a.name, word, b.name))
    return Truth(tuple(m.name for m in found), attributes, tuple(relations))


def same_relation(stated: tuple[str, str, str], true: tuple[str, str, str]) -> bool:
    """ "a left of b" is "b right of a"; "next to" is either."""
    a, word, b = stated
    if (a, word, b) == true or (b, OPPOSITE.get(word, ""), a) == true:
        return True
    return word == "next to" and {a, b} == {true[0], true[2]} and true[1] in ("left of", "right of")
