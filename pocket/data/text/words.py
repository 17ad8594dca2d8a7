"""The texts that are drawn: words of twelve languages, numbers, addresses, code, lines. Seeded, and split by word."""

from __future__ import annotations

import functools
import random
from pathlib import Path

from pocket.data.split import belongs
from pocket.data.text.charset import SYMBOLS

_DICTIONARIES = Path("/usr/share/dict")
_FOREIGN = (
    "french",
    "ngerman",
    "spanish",
    "italian",
    "portuguese",
    "dutch",
    "danish",
    "swedish",
    "norwegian",
    "catalan",
    "bokmaal",
    "nynorsk",
)
# Words without which no sentence is one; both splits use them.
COMMON = (
    "the of and to in a is that for it as was with be by on not he his but at are this have from or had an they which "
    "one you were all her she there would their we him been has when who will no more if out so up said what its about "
    "than into them can only other time new some could these two may first then do any like my now over such our man "
    "me even most made after also did many off before must well back through years where much your way down should "
    "because long each just state people those too how little good world make very year still see own work men day get "
    "here old life both between being under three never know same last another while us might great go come since "
    "against right came take used himself few house use place during high without again home around small however "
    "found part school once say general upon every left open closed sale free price total date page name"
).split()
_FOLD = {"a": "àáâãäå", "e": "èéêë", "i": "ìíîï", "o": "òóôõö", "u": "ùúûü", "c": "ç", "n": "ñ", "y": "ýÿ", "s": "ß"}
_KNOWN = frozenset(SYMBOLS)


@functools.lru_cache(None)
def _read(name: str) -> tuple[str, ...]:
    path = _DICTIONARIES / name
    if not path.exists():
        return ()
    raw = path.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    return tuple(w for w in (line.strip() for line in text.splitlines()) if 1 < len(w) < 18 and _KNOWN.issuperset(w))


@functools.lru_cache(None)
def english(split: str) -> tuple[str, ...]:
    words = _read("american-english") or _read("words")
    if not words:
        raise RuntimeError("no word list found: install the packages of pocket/data/text/packages.txt")
    return tuple(w for w in words if belongs(w.lower(), split))


@functools.lru_cache(None)
def rare(split: str) -> tuple[str, ...]:
    words = _read("american-english-large") + _read("british-english-large")
    return tuple(w for w in words if belongs(w.lower(), split)) or english(split)


@functools.lru_cache(None)
def foreign(split: str) -> tuple[tuple[str, ...], ...]:
    lists = (tuple(w for w in _read(name) if belongs(w.lower(), split)) for name in _FOREIGN)
    return tuple(words for words in lists if words) or (english(split),)


def plain_word(r: random.Random, split: str) -> str:
    k = r.random()
    if k < 0.72:
        return r.choice(english(split))
    if k < 0.82:
        return r.choice(rare(split))
    return r.choice(r.choice(foreign(split)))


def cased(r: random.Random, word: str) -> str:
    k = r.random()
    return word.upper() if k < 0.2 else word.capitalize() if k < 0.42 else word


def word(r: random.Random, split: str) -> str:
    """A word as print has it: with case, now and then an accent, punctuation, brackets, a hyphen."""
    w = cased(r, plain_word(r, split))
    if r.random() < 0.06:
        w = "".join(r.choice(_FOLD[c]) if c in _FOLD and r.random() < 0.4 else c for c in w)
    k = r.random()
    if k < 0.12:
        return w + r.choice(",.:;!?,.,.")
    if k < 0.15:
        around = ("({})", '"{}"', "“{}”", "[{}]", "<{}>", "'{}'", "‘{}’", "{{{}}}", "«{}»", "*{}*", "¿{}?", "¡{}!")
        return r.choice(around).format(w)
    if k < 0.17:
        return w + r.choice("-_/@&=+*#–") + r.choice(english(split))
    if k < 0.18:
        return w + r.choice(("'s", "’s", "'t", "…", "...", "™"[:0] + "®"))
    return w


def price(r: random.Random) -> str:
    whole = r.randrange(10 ** r.randint(1, 4))
    if r.random() < 0.6:
        return f"{r.choice('$€£¥$€$')}{whole}{r.choice('..,')}{r.randrange(100):02d}"
    return f"{whole}{r.choice('.,')}{r.randrange(100):02d}{r.choice(['', ' €', ' EUR', ' USD', '€', ' kr'])}"


_MONTHS = (
    "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec January February March April June July August September October "
    "November December".split()
)


def date(r: random.Random) -> str:
    day, month, year = r.randint(1, 31), r.randint(1, 12), r.randint(1950, 2035)
    k = r.randrange(5)
    if k == 0:
        return f"{year}-{month:02d}-{day:02d}"
    if k == 1:
        s = r.choice("/.-")
        return f"{day:02d}{s}{month:02d}{s}{r.choice([year, year % 100])}"
    if k == 2:
        return f"{day} {r.choice(_MONTHS)} {year}"
    if k == 3:
        return f"{r.choice(_MONTHS)} {day}, {year}"
    return f"{r.randrange(24):02d}:{r.randrange(60):02d}" + r.choice(["", "", ":00", " am", " PM", " h"])


def phone(r: random.Random) -> str:
    d = lambda n: f"{r.randrange(10**n):0{n}d}"  # noqa: E731
    k = r.randrange(4)
    if k == 0:
        return f"+{r.randint(1, 99)} {d(3)} {d(4)}"
    if k == 1:
        return f"({d(3)}) {d(3)}-{d(4)}"
    if k == 2:
        return f"0{d(3)}/{d(6)}"
    return f"{d(3)}-{d(3)}-{d(4)}"


def address(r: random.Random, split: str) -> str:
    """An e-mail address, a URL or a path."""
    a, b = (r.choice(english(split)).lower().replace("'", "") for _ in range(2))
    k = r.randrange(5)
    if k == 0:
        return f"{a}{r.choice(['', '.', '_'])}{r.choice(['', b[:4]])}@{b}.{r.choice(_TLD)}"
    if k == 1:
        return f"www.{a}.{r.choice(_TLD)}"
    if k == 2:
        return f"{r.choice(['https', 'http'])}://{a}.{r.choice(_TLD)}/{r.choice(['', b, str(r.randrange(999))])}"
    if k == 3:
        return f"/{a}/{b}{r.choice(['', '.txt', '.py', '/', '.pdf'])}"
    return f"@{a}_{b}" if r.random() < 0.5 else f"#{a}"


_TLD = "com org net edu gov de fr co.uk io info eu it es".split()


def code(r: random.Random, split: str) -> str:
    """A piece of source text or of a terminal."""
    a, b = (r.choice(english(split)).lower().replace("'", "")[:9] for _ in range(2))
    n = r.randrange(10 ** r.randint(1, 3))
    forms = (
        "{a}({b})",
        "{a}_{b} = {n}",
        "if {a} == {n}:",
        "return {a};",
        "def {a}({b}):",
        "int {a} = {n};",
        "for {a} in {b}:",
        "{a}[{n}] += 1",
        "#include <{a}.h>",
        "import {a}",
        "$ {a} --{b}",
        "{a}->{b}();",
        "const {a} = '{b}';",
        "// {a} {b}",
        "std::{a}<{b}>",
        'print("{a}")',
        "{a}.{b}()",
        "0x{n:04x}",
        "{{{a}: {n}}}",
        "<{a}>{b}</{a}>",
        "# {a} {b}",
        "{a} && {b}",
        "!{a} || {n} > 0",
        "{a}%{b}",
        "git {a} -{b[0]}",
        "{a} | {b}",
        "~/{a}",
        "v{n}.{b[0]}",
        "@{a}",
        "}} else {{",
    )
    form = r.choice(forms)
    return form.format(a=a, b=b, n=n)


def number(r: random.Random) -> str:
    k = r.randrange(12)
    if k < 2:
        return str(r.randrange(10 ** r.randint(1, 7)))
    if k < 4:
        return price(r)
    if k < 6:
        return date(r)
    if k == 6:
        unit = r.choice(("%", " %", "°", " °C", " kg", "cm", " m²", "½"))
        return f"{r.randrange(100)}{r.choice(['', f'.{r.randrange(10)}'])}{unit}"
    if k == 7:
        return f"{r.randrange(1000)}{r.choice(',. ')}{r.randrange(1000):03d}"
    if k == 8:
        return phone(r)
    if k == 9:
        return r.choice("-+±×") + f"{r.randrange(100)}.{r.randrange(1000)}"
    return "".join(r.choice("ABCDEFGHJKLMNPRSTUVWXYZ0123456789") for _ in range(r.randint(3, 9)))


def symbols(r: random.Random) -> str:
    """Characters in no order, so that each is seen: half plain ASCII, half of everything."""
    pool = SYMBOLS[1:95] if r.random() < 0.6 else SYMBOLS[1:]
    return "".join(r.choice(pool) for _ in range(r.randint(1, 9)))


def sentence(r: random.Random, split: str, words: int) -> str:
    """Words in the rhythm of a sentence: half of them the common short ones."""
    out = [r.choice(COMMON) if r.random() < 0.42 else plain_word(r, split) for _ in range(words)]
    for i in range(len(out) - 1):
        if r.random() < 0.08:
            out[i] += r.choice(",,,;:")
        elif r.random() < 0.05:
            out[i] = number(r)
    if r.random() < 0.7:
        out[0] = out[0][:1].upper() + out[0][1:]
    if r.random() < 0.5:
        out[-1] += r.choice("...!?")
    return " ".join(out)


def title(r: random.Random, split: str, words: int) -> str:
    out = " ".join(plain_word(r, split).capitalize() for _ in range(words))
    return out.upper() if r.random() < 0.4 else out


def line(r: random.Random, split: str) -> str:
    """A text of the mixture that the reader is trained on."""
    k = r.random()
    if k < 0.44:
        return word(r, split)
    if k < 0.57:
        return number(r)
    if k < 0.61:
        return symbols(r)
    if k < 0.65:
        return address(r, split)
    if k < 0.70:
        return code(r, split)
    if k < 0.76:
        return title(r, split, r.randint(2, 4))
    if k < 0.84:
        return " ".join(word(r, split) if r.random() < 0.8 else number(r) for _ in range(r.randint(2, 4)))
    return sentence(r, split, r.randint(2, 7))
