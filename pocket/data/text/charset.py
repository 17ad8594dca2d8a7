"""The characters that the reader knows, and how other characters become them.

Curly quotes, short dashes and the ellipsis are drawn as they are but labelled with their plain forms: nobody can tell
them apart in small print, and a reader that guesses is wrong half the time.
"""

from __future__ import annotations

import unicodedata

ACCENTS = "ÀÁÂÃÄÅÆÇÈÉÊËÌÍÎÏÑÒÓÔÕÖØÙÚÛÜÝßàáâãäåæçèéêëìíîïñòóôõöøùúûüýÿŒœ"
PUNCTUATION = "€£¥§°—•©®¿¡«»±×²½→"
SYMBOLS = "".join(chr(c) for c in range(32, 127)) + ACCENTS + PUNCTUATION
CLASS_OF = {c: i + 1 for i, c in enumerate(SYMBOLS)}  # class 0 is the blank of CTC

DRAWN_ONLY = {"’": "'", "‘": "'", "“": '"', "”": '"', "„": '"', "–": "-", "…": "..."}
_FOLD = str.maketrans({**DRAWN_ONLY, "\u00a0": " ", "−": "-", "‐": "-", "‑": "-", "‚": ","})

# Alone on a strip these look like each other, or like themselves in the other case.
_ALIKE = frozenset("lI1|iìíîïÌÍÎÏ0OoøØÒÓÔÕÖòóôõö.,'`\"-_—~^°•:;!¡CcSsVvWwXxZzKkPpUuÇç")
_CASELESS = frozenset("cosvwxzCOSVWXZ0.,-'\" ")


def label(drawn: str) -> str:
    """The text that the reader shall give for what is drawn."""
    return drawn.translate(_FOLD)


def encode(text: str) -> list[int]:
    """Classes of a text; characters that the reader does not know are dropped."""
    return [CLASS_OF[c] for c in label(text) if c in CLASS_OF]


def base_letter(c: str) -> str:
    """The letter without its accent."""
    return unicodedata.normalize("NFD", c)[0]


def ambiguous(text: str) -> bool:
    """True for texts that no reader can be held to: one look-alike glyph alone, or nothing but letters like c, o, s,
    whose case shows only beside others."""
    if len(text) == 1:
        return text in _ALIKE
    return all(c in _CASELESS for c in text) or all(c in "lI1|!i" for c in text)
