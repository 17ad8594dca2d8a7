"""The kinds of pictures with text: documents, receipts, signs, labels, screens, notes, posters, charts, photographs.

Each function draws one flat picture and gives its canvas and its caption, in the words that the model learns.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from PIL import Image

from pocket.data.text import fonts, words
from pocket.data.text.canvas import Canvas, Colour, any_colour, grey_of, ink_for, plain, textured

Made = tuple[Canvas, str]
PRINT, SCREEN = ("sans", "serif"), ("sans", "mono")


def _paper(r: random.Random) -> Colour:
    v = r.randint(215, 255)
    return v, min(255, max(0, v - r.randint(-4, 14))), min(255, max(0, v - r.randint(-4, 30)))


def _saying(noun: str, text: str) -> str:
    return f'{noun} that says "{text.lower()}"'


def _fit(canvas: Canvas, face: fonts.Face, text: str, width: float, largest: int, smallest: int = 7) -> int:
    """The largest size at which the text is not wider than `width`."""
    wide = max(1.0, canvas.width_of(face, 40, face.drawable(text)))
    return int(min(largest, max(smallest, 40 * width / wide)))


def _wrapped(canvas: Canvas, face: fonts.Face, size: int, text: str, width: float) -> list[str]:
    rows, row, room = [], "", width
    space = canvas.width_of(face, size, " ")
    for word in face.drawable(text).split():
        advance = canvas.width_of(face, size, word)
        if row and advance + space > room:
            rows, row, room = [*rows, row], "", width
        row, room = (f"{row} {word}" if row else word), room - advance - space
    return [*rows, row] if row else rows


def _paragraph(
    r: random.Random,
    split: str,
    canvas: Canvas,
    box: tuple[float, float, float, float],
    face: fonts.Face,
    size: int,
    colour: Colour,
    count: int,
    spacing: float = 1.0,
) -> float:
    """Sentences wrapped into a box, until it is full; gives the y below them."""
    x, y, right, bottom = box
    for row in _wrapped(
        canvas, face, size, " ".join(words.sentence(r, split, r.randint(5, 14)) for _ in range(count)), right - x
    ):
        if y + size * 1.3 > bottom:
            break
        _, h = canvas.text(x, y, row, face, size, colour)
        y += h * spacing
    return y


def document(r: random.Random, split: str) -> Made:
    width, height = r.choice(((640, 800), (700, 560), (560, 720)))
    ground = _paper(r)
    canvas = plain(width, height, ground)
    face, title = fonts.pick(r, split, PRINT), fonts.pick(r, split, PRINT)
    ink = (r.randint(0, 60),) * 3
    size, margin = r.randint(11, 20), r.randint(20, 60)
    y = float(margin)
    for row in _wrapped(canvas, title, size * 2 - 4, words.title(r, split, r.randint(1, 5)), width - 2 * margin):
        y += canvas.text(
            width / 2 if size % 2 else margin, y, row, title, size * 2 - 4, ink, "middle" if size % 2 else "left"
        )[1]
    columns = 2 if r.random() < 0.35 and size < 15 else 1
    wide = (width - margin * (columns + 1)) / columns
    spacing = r.uniform(0.95, 1.35)
    for c in range(columns):
        x, at = margin + c * (wide + margin), y + size
        while at < height - margin - 2 * size:
            if r.random() < 0.15:
                at += canvas.text(
                    x, at, f"{r.randint(1, 9)}. {words.title(r, split, r.randint(1, 3))}", title, size + 2, ink
                )[1]
            if r.random() < 0.1:
                canvas.draw.line((x, at, x + wide, at), ink)
                at += 4
            at = size * 0.7 + _paragraph(
                r, split, canvas, (x, at, x + wide, height - margin), face, size, ink, r.randint(1, 5), spacing
            )
    canvas.text(width / 2, height - margin + 4, str(r.randint(1, 400)), face, size, ink, "middle")
    return canvas, r.choice(("a page of text", "a document", "a printed page"))


def receipt(r: random.Random, split: str) -> Made:
    width, height = r.randint(260, 360), r.randint(420, 640)
    ground = _paper(r)
    paper = plain(width, height, ground)
    face = fonts.pick(r, split, ("mono", "sans"))
    size, ink = r.randint(12, 17), (r.randint(0, 80),) * 3
    y = float(r.randint(10, 30))
    shop = words.title(r, split, r.randint(1, 2))
    y += paper.text(
        width / 2, y, shop, face, _fit(paper, face, shop, width - 30, size + r.randint(2, 14)), ink, "middle"
    )[1]
    for text in (words.sentence(r, split, 2), words.phone(r), words.date(r) + " " + words.date(r)):
        if r.random() < 0.7:
            y += paper.text(width / 2, y, text, face, _fit(paper, face, text, width - 20, size), ink, "middle")[1]
    rule = lambda at: paper.draw.line((12, at, width - 12, at), ink)  # noqa: E731
    rule(y + 3)
    y += 8
    for _ in range(r.randint(4, 14)):
        if y > height - 6 * size:
            break
        name = r.choice(("", f"{r.randint(1, 9)} x ", f"{r.randint(1, 9)} ")) + words.plain_word(r, split)
        name = name.upper() if size % 2 else name
        paper.text(14, y, name, face, _fit(paper, face, name, width - 110, size), ink)
        y += paper.text(width - 14, y, f"{r.randrange(100)}.{r.randrange(100):02d}", face, size, ink, "right")[1] * 1.05
    rule(y + 2)
    y += 8
    for name in r.sample(("TOTAL", "Total", "VAT", "Tax", "Cash", "Change", "Subtotal", "Card"), r.randint(1, 3)):
        big = size + (6 if name in ("TOTAL", "Total") else 0)
        paper.text(14, y, name, face, big, ink)
        y += paper.text(
            width - 14, y, words.price(r), face, _fit(paper, face, "$0000.00", width / 2, big), ink, "right"
        )[1]
    if y < height - 2 * size:
        thanks = r.choice(("Thank you!", "THANK YOU", "Please come again", words.sentence(r, split, 3)))
        paper.text(width / 2, y + 6, thanks, face, _fit(paper, face, thanks, width - 20, size), ink, "middle")
    table = textured(r, width + 120, height + 60, calm=True)
    table.paste(paper, r.randint(10, 110), r.randint(5, 55))
    return table, "a receipt"


_NOTICES = (
    "OPEN",
    "CLOSED",
    "EXIT",
    "STOP",
    "PUSH",
    "PULL",
    "NO ENTRY",
    "NO PARKING",
    "WET PAINT",
    "SALE",
    "TAXI",
    "PRIVATE",
    "DANGER",
    "KEEP OUT",
    "FOR RENT",
    "WAY OUT",
    "TOILETS",
    "TICKETS",
    "PARKING",
    "SLOW",
    "CAUTION",
    "WELCOME",
)


def sign(r: random.Random, split: str) -> Made:
    wall = textured(r, r.randint(300, 460), r.randint(260, 400))
    w, h = wall.size
    ground = any_colour(r) if r.random() < 0.7 else (255, 255, 255)
    plate = plain(round(w * r.uniform(0.5, 0.9)), round(h * r.uniform(0.35, 0.8)), ground)
    pw, ph = plate.size
    ink = ink_for(r, ground)
    if r.random() < 0.5:
        inset = r.randint(2, 10)
        plate.draw.rounded_rectangle(
            (inset, inset, pw - inset, ph - inset), r.randint(0, 20), None, ink, r.randint(1, 5)
        )
    face = fonts.pick(r, split, ("sans", "poster", "serif", "sans", "hand"))
    rows = (
        r.choice(_NOTICES).split()
        if r.random() < 0.3
        else [
            words.title(r, split, r.randint(1, 2)) if r.random() < 0.8 else words.number(r)
            for _ in range(r.randint(1, 3))
        ]
    )
    rows = [t for t in (face.drawable(t) for t in rows) if t] or [face.drawable("OPEN")]
    room = (ph - 30) / len(rows)
    y = 15.0
    for row in rows:
        size = _fit(plate, face, row, pw - 36, int(room / 1.35), 10)
        plate.text(pw / 2, y + (room - size * 1.3) / 2, row, face, size, ink, "middle")
        y += room
    wall.paste(plate, r.randint(4, max(5, w - pw - 4)), r.randint(4, max(5, h - ph - 4)))
    return wall, _saying("a sign", " ".join(rows))


def label(r: random.Random, split: str) -> Made:
    box = textured(r, r.randint(340, 480), r.randint(300, 420), calm=r.random() < 0.5)
    w, h = box.size
    ground = _paper(r) if r.random() < 0.6 else any_colour(r)
    paper = plain(round(w * 0.8), round(h * 0.8), ground)
    pw, ph = paper.size
    ink = ink_for(r, ground)
    brand, small = fonts.pick(r, split, ("poster", "sans", "serif", "hand")), fonts.pick(r, split, PRINT)
    if r.random() < 0.4:
        band = ink_for(r, ground, 40)
        paper.draw.rectangle((0, ph - r.randint(10, 40), pw, ph), band)
    name = brand.drawable(words.title(r, split, r.randint(1, 2))) or "TEA"
    y = r.uniform(8, 30)
    y += paper.text(pw / 2, y, name, brand, _fit(paper, brand, name, pw - 30, r.randint(30, 60)), ink, "middle")[1]
    size = r.randint(12, 20)
    middle = r.random() < 0.5
    while y < ph - 3 * size:
        k = r.random()
        text = (
            words.sentence(r, split, r.randint(2, 5))
            if k < 0.5
            else words.number(r)
            if k < 0.7
            else f"{words.plain_word(r, split).capitalize()}: {words.number(r)}"
            if k < 0.9
            else f"Net {r.randrange(5, 999)} g"
        )
        y += paper.text(
            pw / 2 if middle else 14,
            y,
            text,
            small,
            _fit(paper, small, text, pw - 28, size),
            ink,
            "middle" if middle else "left",
        )[1] * r.uniform(1, 1.3)
    if r.random() < 0.4 and grey_of(ground) > 100:
        x = r.randint(10, pw // 2)
        for _ in range(24):
            bar = r.randint(1, 3)
            paper.draw.rectangle((x, ph - 34, x + bar - 1, ph - 10), (0, 0, 0))
            x += bar + r.randint(1, 3)
    box.paste(paper, r.randint(2, max(3, w - pw - 2)), r.randint(2, max(3, h - ph - 2)))
    return box, _saying("a label", name)


def terminal(r: random.Random, split: str) -> Made:
    width, height = r.choice(((640, 400), (560, 420), (720, 480)))
    dark = r.random() < 0.8
    ground = (r.randint(0, 40), r.randint(0, 40), r.randint(0, 50)) if dark else _paper(r)
    canvas = plain(width, height, ground)
    face, size = fonts.pick(r, split, ("mono",)), r.randint(11, 17)
    prompt = r.choice(("$ ", "> ", "# ", "user@host:~$ ", "% "))
    base, y = ink_for(r, ground, 110), 8.0
    accent = ink_for(r, ground, 90)
    while y < height - 1.5 * size:
        k = r.random()
        if k < 0.25:
            text = prompt + words.code(r, split).lstrip("$ ")
        elif k < 0.5:
            text = f"{words.date(r)} {words.sentence(r, split, r.randint(2, 6))}"
        elif k < 0.8:
            text = "  ".join(words.address(r, split) for _ in range(r.randint(1, 3))).replace("  ", " ")
        else:
            text = words.sentence(r, split, r.randint(3, 9))
        y += canvas.text(8, y, _cut(canvas, face, size, text, width - 14), face, size, accent if k < 0.25 else base)[1]
    return canvas, r.choice(("a terminal", "a computer terminal"))


def _cut(canvas: Canvas, face: fonts.Face, size: int, text: str, width: float) -> str:
    """As many of the first words as fit."""
    rows = _wrapped(canvas, face, size, text, width)
    return rows[0] if rows else ""


def code(r: random.Random, split: str) -> Made:
    width, height = r.choice(((600, 420), (520, 480), (680, 400)))
    ground = (r.randint(18, 48),) * 3 if r.random() < 0.6 else _paper(r)
    canvas = plain(width, height, ground)
    face, size = fonts.pick(r, split, ("mono",)), r.randint(12, 18)
    inks = [ink_for(r, ground, 80) for _ in range(3)]
    y, indent, number, numbered = 8.0, 0, r.randint(1, 300), r.random() < 0.4
    left = 8 + (size * 2.6 if numbered else 0)
    while y < height - 1.6 * size:
        if r.random() < 0.08:
            y += size * 1.2
            number += 1
            continue
        text = words.code(r, split).lstrip("$ ")
        text += r.choice(("", "", "", f"  # {words.sentence(r, split, 2)}")).replace("  #", " #")
        x = left + indent * size * 1.2
        if numbered:
            canvas.text(8 + size * 2, y, str(number), face, size, (128, 128, 128), "right")
        _, h = canvas.text(x, y, _cut(canvas, face, size, text, width - x - 8), face, size, r.choice(inks))
        indent = max(0, min(5, indent + (1 if text.endswith((":", "{")) else r.choice((0, 0, -1)))))
        y, number = y + h * 1.05, number + 1
    return canvas, r.choice(("a screen with code", "source code", "computer code"))


def web_page(r: random.Random, split: str) -> Made:
    width, height = r.choice(((720, 520), (640, 560), (480, 640)))
    ground = _paper(r) if r.random() < 0.75 else (r.randint(15, 40),) * 3
    canvas = plain(width, height, ground)
    face, head = fonts.pick(r, split, ("sans",)), fonts.pick(r, split, PRINT)
    bar = any_colour(r)
    bar_ink = ink_for(r, bar)
    canvas.draw.rectangle((0, 0, width, 40), bar)
    x = 14.0
    canvas.ground = bar
    while x < width - 120:
        x += canvas.text(x, 10, words.plain_word(r, split).capitalize(), face, 15, bar_ink)[0] + r.randint(22, 60)
    canvas.ground = ground
    ink, size = ink_for(r, ground, 120), r.randint(12, 17)
    y = 56.0
    name = words.title(r, split, r.randint(1, 4))
    y += canvas.text(20, y, name, head, _fit(canvas, head, name, width - 60, r.randint(22, 38)), ink)[1] + 6
    while y < height - 60:
        k = r.random()
        if k < 0.5:
            y = (
                _paragraph(
                    r,
                    split,
                    canvas,
                    (20, y, width * r.uniform(0.6, 0.95), height - 20),
                    face,
                    size,
                    ink,
                    r.randint(1, 3),
                    1.1,
                )
                + size
            )
        elif k < 0.75:
            y = _button(r, canvas, 20 + r.randrange(60), y, words.title(r, split, r.randint(1, 2)), face, size)
        elif k < 0.9:
            picture = textured(r, r.randint(80, width // 2), r.randint(50, 120))
            canvas.paste(picture, 20, round(y))
            y += picture.size[1] + 8
            y += canvas.text(
                20, y, _cut(canvas, face, size - 2, words.sentence(r, split, 5), width - 40), face, size - 2, ink
            )[1]
        else:
            link = (60, 90, 220) if grey_of(ground) > 127 else (130, 170, 255)
            y += canvas.text(20, y, words.address(r, split), face, size, link)[1] * 1.3
    return canvas, r.choice(("a web page", "a website", "a screenshot of a web page"))


def _button(r: random.Random, canvas: Canvas, x: float, y: float, text: str, face: fonts.Face, size: int) -> float:
    fill = any_colour(r)
    wide = canvas.width_of(face, size, face.drawable(text)) + 2 * size
    canvas.draw.rounded_rectangle(
        (x, y, x + wide, y + size * 2.2), r.randint(0, size), fill, ink_for(r, canvas.ground, 30)
    )
    before, canvas.ground = canvas.ground, fill
    canvas.text(x + size, y + size * 0.45, text, face, size, ink_for(r, fill))
    canvas.ground = before
    return y + size * 3


def dialog(r: random.Random, split: str) -> Made:
    desk = textured(r, r.randint(440, 560), r.randint(280, 380), calm=True)
    w, h = desk.size
    ground = (r.randint(225, 250),) * 3 if r.random() < 0.7 else (r.randint(30, 60),) * 3
    window = plain(round(w * 0.86), round(h * 0.7), ground)
    ww, wh = window.size
    face, size = fonts.pick(r, split, ("sans",)), r.randint(13, 18)
    bar = any_colour(r)
    window.draw.rectangle((0, 0, ww, size * 2), bar)
    window.ground = bar
    window.text(10, size * 0.35, words.title(r, split, r.randint(1, 3)), face, size, ink_for(r, bar))
    window.ground = ground
    message = words.sentence(r, split, r.randint(4, 12))
    y = size * 3.0
    ink = ink_for(r, ground, 130)
    for row in _wrapped(window, face, size, message, ww - 40)[:4]:
        y += window.text(20, y, row, face, size, ink)[1]
    x = ww - 30.0
    for text in r.sample(
        ("OK", "Cancel", "Yes", "No", "Save", "Retry", "Close", "Open", "Delete", "Next"), r.randint(1, 3)
    ):
        x -= window.width_of(face, size, text) + 2 * size + 10
        if x > 10:
            _button(r, window, x, wh - size * 2.8, text, face, size)
    desk.paste(window, r.randint(4, max(5, w - ww - 4)), r.randint(4, max(5, h - wh - 4)))
    return desk, r.choice(("a dialog box", "a window with a message"))


def note(r: random.Random, split: str) -> Made:
    width, height = r.choice(((480, 360), (420, 520), (560, 420)))
    ground = _paper(r) if r.random() < 0.7 else (r.randint(230, 255), r.randint(220, 250), r.randint(100, 200))
    canvas = plain(width, height, ground)
    face, size = fonts.pick(r, split, ("hand",)), r.randint(20, 34)
    ink = r.choice(((20, 20, 30), (20, 40, 130), (10, 60, 160), (120, 20, 30), (60, 60, 60)))
    step = sum(fonts.font(face.path, size).getmetrics()) * r.uniform(0.95, 1.25)
    rule = r.random()
    y = r.uniform(12, 40)
    while y < height - step:
        if rule < 0.4:
            canvas.draw.line((0, y + step * 0.86, width, y + step * 0.86), (150, 180, 220))
        if r.random() < 0.92:
            text = words.sentence(r, split, r.randint(1, 6)) if r.random() < 0.85 else "- " + words.plain_word(r, split)
            x = r.uniform(14, 40)
            canvas.text(x, y + r.uniform(-2, 2), _cut(canvas, face, size, text, width - x - 10), face, size, ink)
        y += step
    return canvas, r.choice(("a handwritten note", "handwriting", "a note written by hand"))


def poster(r: random.Random, split: str) -> Made:
    width, height = r.choice(((420, 560), (480, 480), (560, 400)))
    canvas = textured(r, width, height) if r.random() < 0.5 else plain(width, height, any_colour(r))
    ink = ink_for(r, canvas.ground, 110)
    for _ in range(r.randint(0, 4)):
        x, y, a = r.randrange(width), r.randrange(height), r.randint(20, 160)
        near = tuple(min(255, max(0, c + r.randint(-35, 35))) for c in canvas.ground)
        canvas.draw.ellipse((x - a, y - a, x + a, y + a), near)
    face, small = fonts.pick(r, split, ("poster", "sans", "serif")), fonts.pick(r, split, PRINT)
    rows = [t for t in (face.drawable(words.title(r, split, 1)) for _ in range(r.randint(1, 3))) if t] or ["SHOW"]
    y = height * r.uniform(0.05, 0.3)
    for row in rows:
        size = _fit(canvas, face, row, width - 40, r.randint(40, 96))
        y += canvas.text(width / 2, y, row, face, size, ink, "middle")[1]
    y += r.uniform(5, 60)
    for _ in range(r.randint(1, 5)):
        text = words.date(r) if r.random() < 0.4 else words.sentence(r, split, r.randint(2, 6))
        size = _fit(canvas, small, text, width - 40, r.randint(14, 30))
        if y > height - 2 * size:
            break
        y += canvas.text(width / 2, y, text, small, size, ink, "middle")[1] * 1.1
    return canvas, _saying("a poster", " ".join(rows))


def chart(r: random.Random, split: str) -> Made:
    width, height = r.choice(((520, 400), (600, 380), (440, 440)))
    ground = _paper(r)
    canvas = plain(width, height, ground)
    face, size, ink = fonts.pick(r, split, PRINT), r.randint(11, 17), (r.randint(0, 70),) * 3
    title = words.title(r, split, r.randint(1, 4))
    canvas.text(width / 2, 8, title, face, _fit(canvas, face, title, width - 40, size + 7), ink, "middle")
    left, top, bottom = 60, 50, height - 45
    canvas.draw.line((left, top, left, bottom), ink)
    canvas.draw.line((left, bottom, width - 20, bottom), ink)
    for i in range(5):
        y = bottom - i * (bottom - top) / 4
        canvas.draw.line((left - 4, y, left, y), ink)
        canvas.text(left - 8, y - size * 0.7, str(i * r.choice((5, 10, 25))), face, size, ink, "right")
    bars = r.randint(3, 6)
    wide = (width - 30 - left) / bars
    line_chart, last = r.random() < 0.4, None
    for i in range(bars):
        x, h = left + (i + 0.5) * wide, r.uniform(0.1, 0.95) * (bottom - top)
        if line_chart:
            if last is not None:
                canvas.draw.line((*last, x, bottom - h), any_colour(r), 2)
            last = (x, bottom - h)
        else:
            canvas.draw.rectangle((x - wide * 0.3, bottom - h, x + wide * 0.3, bottom), any_colour(r))
        name = words.plain_word(r, split) if r.random() < 0.6 else str(1980 + r.randrange(60))
        canvas.text(x, bottom + 6, name, face, _fit(canvas, face, name, wide - 10, size), ink, "middle")
    if r.random() < 0.5:
        canvas.turned_text(14, (top + bottom) / 2, words.plain_word(r, split), face, size, ink, -90)
    return canvas, "a line chart" if line_chart else "a bar chart"


def photograph(r: random.Random, split: str) -> Made:
    """Lines anywhere and at any angle on a scene; they do not touch each other."""
    width, height = r.choice(((480, 360), (420, 420), (360, 480)))
    canvas = textured(r, width, height)
    taken: list[tuple[float, float, float]] = []
    for _ in range(r.randint(1, 7)):
        face = fonts.pick(r, split)
        text = face.drawable(words.line(r, split))
        size = _fit(canvas, face, text or "x", width * 0.8, r.choice((14, 18, 24, 32, 44, 60)))
        half = canvas.width_of(face, size, text) / 2 + size
        cx, cy = r.uniform(size, width - size), r.uniform(size, height - size)
        if not text or any((cx - a) ** 2 + (cy - b) ** 2 < (half + c) ** 2 for a, b, c in taken):
            continue
        taken.append((cx, cy, half))
        angle = r.gauss(0, 6) if r.random() < 0.7 else r.uniform(-180, 180)
        ink = any_colour(r)
        outline = ink_for(r, ink, 110)
        canvas.turned_text(cx, cy, text, face, size, ink, angle, outline)
    return canvas, "a picture with text" if canvas.lines else "a picture without text"


def nothing(r: random.Random, split: str) -> Made:
    """A scene without text: what the line detector must leave alone."""
    canvas = textured(r, r.randint(300, 480), r.randint(300, 480))
    if r.random() < 0.3:
        other = textured(r, canvas.size[0] // 2, canvas.size[1] // 2)
        canvas.picture.paste(
            other.picture.resize(other.size, Image.Resampling.BOX), (r.randrange(100), r.randrange(100))
        )
    return canvas, "a picture without text"


KINDS: dict[str, tuple[Callable[[random.Random, str], Made], float]] = {
    "document": (document, 0.16),
    "receipt": (receipt, 0.09),
    "sign": (sign, 0.14),
    "label": (label, 0.09),
    "terminal": (terminal, 0.06),
    "code": (code, 0.07),
    "web page": (web_page, 0.08),
    "dialog": (dialog, 0.05),
    "handwriting": (note, 0.07),
    "poster": (poster, 0.05),
    "chart": (chart, 0.04),
    "photograph": (photograph, 0.07),
    "nothing": (nothing, 0.06),
}
