"""Questions about a scene with short answers, balanced by type; and things to be found with their boxes."""

from __future__ import annotations

import random
from collections.abc import Callable

from pocket.data.sample import Find, Question
from pocket.data.scenes.captions import position
from pocket.data.scenes.layout import OPPOSITE, Placed, Plan, relation
from pocket.data.scenes.names import COLOUR_NAMES, KINDS, NUMBERS, SHAPES, article, names

# Of each list the last wording is for tests only.
WORDINGS: dict[str, tuple[str, ...]] = {
    "what": ("what is in the picture?", "what is this?", "what do you see?", "which thing does the picture show?"),
    "kind": ("what {k} is in the picture?", "what {k} is it?", "which {k} is this?", "which {k} do you see?"),
    "colour": ("what colour is the {n}?", "which colour is the {n}?", "the {n} is what colour?"),
    "count": ("how many {m} are there?", "how many {m} do you see?", "count the {m}", "what is the number of {m}?"),
    "exists": ("is there {a}?", "is there {a} in the picture?", "do you see {a}?", "does the picture show {a}?"),
    "relation": ("is the {n} {r} the {o}?", "does the picture show the {n} {r} the {o}?"),
    "side": (
        "is the {n} on the left or on the right?",
        "on which side is the {n}, left or right?",
        "left or right: where is the {n}?",
    ),
    "height": (
        "is the {n} at the top or at the bottom?",
        "is the {n} at the bottom or at the top?",
        "top or bottom: where is the {n}?",
    ),
    "where": ("what is {r} the {o}?", "which thing is {r} the {o}?", "what do you see {r} the {o}?"),
    "background": ("what is in the background?", "where is this?", "what is behind?", "what is the setting?"),
    "background colour": (
        "what colour is the background?",
        "which colour is the background?",
        "the background is what colour?",
    ),
    "bigger": (
        "which is bigger, the {n} or the {o}?",
        "what is bigger, the {n} or the {o}?",
        "is the {n} or the {o} bigger?",
    ),
    "smaller": ("which is smaller, the {n} or the {o}?", "is the {n} or the {o} smaller?"),
    "more": (
        "are there more {m} than {o}?",
        "do you see more {m} than {o}?",
        "does the picture show more {m} than {o}?",
    ),
}


# Things that may pass for one another: where one is shown, nothing is asked of the others as if they were absent.
CONFUSABLE = (
    "tree,pine tree,palm tree,christmas tree,potted plant,island,maple leaf,seedling,clover",
    "car,taxi,police car,race car,van,pickup truck,truck,bus,ambulance,fire engine",
    "bird,chicken,rooster,chick,duck,eagle,owl,dove,parrot,turkey,swan,flamingo,peacock,penguin,nest",
    "fish,pufferfish,shark,dolphin,whale,seal",
    "train,steam train,tram",
    "flower,tulip,rose,sunflower,bouquet,potted plant",
    "crescent moon,full moon,planet,sun,comet",
    "shoe,sneaker,boot,high heel,sandal,ice skate",
    "computer,laptop,television,keyboard,mobile phone",
    "camera,video camera,film camera",
    "house,hut,church,school,factory,office building,castle,mosque,tower,hotel,tent,circus tent",
    "handbag,purse,briefcase,suitcase,backpack",
    "cup of coffee,teapot,mug of beer,glass of wine,cocktail,glass of milk,juice box",
    "smiling face,crying face,angry face,sleeping face,kissing face,cool face,man,woman,boy,girl,baby,police officer",
    "smiling face,clown,robot,alien,santa claus,eye,nose,mouth,ear",
    "wolf,dog,fox,bear,koala,panda,lion,tiger,leopard,cat",
    "mouse,rat,hamster,squirrel,beaver,otter,badger,skunk,raccoon,sloth,hedgehog,rabbit",
    "sheep,ram,goat,llama,deer,cow,bison,camel,horse,unicorn,zebra,pig,boar",
    "monkey,gorilla,orangutan",
    "lizard,dinosaur,crocodile,dragon,snake,turtle",
    "ant,bee,ladybug,mosquito,grasshopper,spider,scorpion,spider web",
    "shrimp,lobster,crab,squid,octopus",
    "alarm clock,wristwatch,stopwatch,compass",
    "cap,top hat,sun hat,graduation cap",
    "pair of glasses,pair of sunglasses,cool face",
    "t-shirt,dress,coat,kimono,bikini",
    "pencil,pen,paintbrush,crayon",
    "book,notebook,folder,newspaper,calendar,clipboard",
    "birthday cake,slice of cake,cupcake,pie,ice cream",
    "orange,lemon,peach,mango,apple,melon,tomato,blueberry,pair of cherries",
    "drop,wave",
    "gem,diamond ring,ring,diamond",
    "cross,warning sign,no entry sign,stop sign,arrow,recycling symbol",
    "flag,checkered flag,golf flag",
    "key,padlock",
    "sailboat,speedboat,ship,canoe",
    "motor scooter,motorcycle,bicycle",
    "airplane,helicopter,rocket,flying saucer,satellite",
    "bowl of noodles,bowl of rice,plate of spaghetti",
    "hammer,pickaxe,axe,saw,wrench,screwdriver",
    "light bulb,candle,flame,flashlight,lantern",
    "bucket,basket,trash can,barrel,vase",
    "soccer ball,basketball,volleyball,baseball,tennis ball,eight ball,circle,ball of yarn,crystal ball,globe",
    "guitar,banjo,violin",
    "sun,star,circle,ring",
    "mountain,volcano",
    "loaf of bread,baguette,croissant,sandwich,hamburger,hot dog",
    "door,window,mirror",
    "cardboard box,gift,square",
    "couch,chair,bed,bathtub",
    "clothes,bow,gift",
    "mailbox,envelope",
    "bandage,pill,syringe",
)
# What a landscape, a room or an unknown photograph may show by itself.
BEHIND = {
    "field": "tree,cloud,seedling,flower",
    "sea": "wave,cloud,drop",
    "beach": "wave,cloud,island",
    "desert": "cloud,cactus",
    "snow": "snowflake,cloud,mountain",
    "mountains": "mountain,cloud,volcano",
    "night sky": "star,planet,comet",
    "room": "window,door",
    "street": "office building,house,window,cloud",
    "forest": "tree,pine tree,palm tree,maple leaf",
}


def confusable(plan: Plan) -> set[str]:
    """Names that one could say are in the picture."""
    shown = {p.thing.name for p in plan.placed}
    out = set(shown)
    for group in CONFUSABLE:
        members = set(group.split(","))
        if members & shown:
            out |= members
    if plan.background.kind == "photo":
        out |= {n.name for n in names().values() if n.kind in ("plant", "nature", "building", "animal")}
    if plan.background.kind in ("pattern", "gradient"):
        out |= {"circle", "square", "ring"}
    return out | set(BEHIND.get(plan.background.name, "").split(","))


def worded(key: str, rng: random.Random, split: str, **parts: str) -> str:
    """A wording of a question; tests also use one that training never sees."""
    options = WORDINGS[key]
    return rng.choice(options if split == "test" else options[:-1]).format(**parts)


def nouns(plan: Plan) -> list[str]:
    return [plan.placed[g[0]].noun for g in plan.groups]


def said(plan: Plan, placed: Placed) -> str:
    """The shortest name that tells a thing from the others: "car", or "red car" beside a blue one."""
    same = {p.noun for p in plan.placed if p.thing.name == placed.thing.name}
    return placed.noun if len(same) > 1 else placed.thing.name


def shows(plan: Plan, name: str, colour: str = "") -> bool:
    return any(p.thing.name == name and (not colour or p.thing.colour == colour) for p in plan.placed)


def absent(plan: Plan, rng: random.Random) -> tuple[str, str]:
    """A thing (name and colour or "") that is not there but could be: of another colour, of the same kind, or any."""
    coloured = [p for p in plan.placed if p.thing.colour]
    if coloured and rng.random() < 0.4:
        name = rng.choice(coloured).thing.name
        free = [c for c in COLOUR_NAMES if not shows(plan, name, c)]
        # A drawing whose own colour is not known might be of that colour.
        if all(p.thing.colour for p in plan.placed if p.thing.name == name):
            return name, rng.choice(free)
    kinds = {names()[p.thing.name].kind for p in plan.placed}
    unsure = confusable(plan)
    pool = [n for n in names().values() if n.kind not in ("support", "container") and n.name not in unsure]
    alike = [n for n in pool if n.kind in kinds]
    found = rng.choice(alike if alike and rng.random() < 0.5 else pool)
    return found.name, rng.choice(COLOUR_NAMES) if found.name in SHAPES else ""


def what(plan: Plan, rng: random.Random, split: str) -> Question | None:
    if len(plan.groups) != 1 or len(plan.groups[0]) != 1:
        return None
    name = plan.placed[0].thing.name
    kind = names()[name].kind
    if kind in KINDS and rng.random() < 0.3:
        word = {"clothes": "piece of clothing", "music": "instrument"}.get(kind, kind)
        return Question("what", worded("kind", rng, split, k=word), name)
    return Question("what", worded("what", rng, split), name)


def colour(plan: Plan, rng: random.Random, split: str) -> Question | None:
    options = [plan.placed[g[0]] for g in plan.groups if plan.placed[g[0]].thing.colour and len(g) == 1]
    options = [p for p in options if sum(q.thing.name == p.thing.name for q in plan.placed) == 1]
    if not options:
        return None
    thing = rng.choice(options).thing
    return Question("colour", worded("colour", rng, split, n=thing.name), thing.colour)


def count(plan: Plan, rng: random.Random, split: str) -> Question | None:
    if plan.kind not in ("group", "empty") and rng.random() < 0.9:
        return None
    if not plan.groups or rng.random() < 0.08:
        name, colour_word = absent(plan, rng)
        many = f"{colour_word} {names()[name].plural}".strip()
        return Question("count", worded("count", rng, split, m=many), NUMBERS[0])
    name = plan.placed[rng.choice(plan.groups)[0]].thing.name
    number = sum(p.thing.name == name for p in plan.placed)
    return Question("count", worded("count", rng, split, m=names()[name].plural), NUMBERS[number])


def exists(plan: Plan, rng: random.Random, split: str) -> Question | None:
    if plan.placed and rng.random() < 0.5:
        placed = rng.choice(plan.placed)
        noun = placed.noun if rng.random() < 0.6 else placed.thing.name
        return Question("exists", worded("exists", rng, split, a=article(noun)), "yes")
    name, colour_word = absent(plan, rng)
    return Question("exists", worded("exists", rng, split, a=article(f"{colour_word} {name}".strip())), "no")


def clear_pairs(plan: Plan) -> list[tuple[int, str, int]]:
    """Pairs of single things with what the first clearly is to the second."""
    singles = [g[0] for g in plan.groups if len(g) == 1]
    if plan.kind in ("on", "inside", "group"):
        return list(plan.relations)
    found = []
    for a in singles:
        for b in singles:
            word = relation(plan.placed[a].box, plan.placed[b].box) if a != b else ""
            if word:
                found.append((a, word, b))
    return found


def relation_question(plan: Plan, rng: random.Random, split: str) -> Question | None:
    pairs = clear_pairs(plan)
    if not pairs:
        return None
    a, word, b = rng.choice(pairs)
    one, other = said(plan, plan.placed[a]), said(plan, plan.placed[b])
    right = rng.random() < 0.5
    if not right:
        wrong = {"on": ["below", "inside"], "inside": ["above", "left of", "right of"]}.get(word) or [
            OPPOSITE[word],
            rng.choice([w for w in OPPOSITE if w != word]),
        ]
        word = rng.choice(wrong)
    spoken = {"below": rng.choice(["below", "under"]), "left of": rng.choice(["left of", "to the left of"])}
    spoken["right of"] = rng.choice(["right of", "to the right of"])
    text = worded("relation", rng, split, n=one, r=spoken.get(word, word), o=other)
    return Question("relation", text, "yes" if right else "no")


def where(plan: Plan, rng: random.Random, split: str) -> Question | None:
    """What stands in a relation to something, or on which side a thing is."""
    if plan.between and rng.random() < 0.5:
        middle, one, other = (said(plan, plan.placed[i]) for i in plan.between)
        return Question("where", rng.choice([f"what is between the {one} and the {other}?"]), middle)
    pairs = clear_pairs(plan) if plan.kind != "many" else []
    # In a row of three the answer would not be the only one.
    pairs = [] if plan.kind == "between" else pairs
    if pairs and rng.random() < 0.6:
        a, word, b = rng.choice(pairs)
        one, other = plan.placed[a], said(plan, plan.placed[b])
        return Question("where", worded("where", rng, split, r=word, o=other), said(plan, one))
    singles = [plan.placed[g[0]] for g in plan.groups if len(g) == 1]
    if not singles or plan.kind in ("on", "inside"):
        return None
    placed = rng.choice(singles)
    across, down = position(placed.box)
    options = [(key, word) for key, word in (("side", across), ("height", down)) if word]
    if not options:
        return None
    key, word = rng.choice(options)
    return Question("where", worded(key, rng, split, n=said(plan, placed)), word)


def background(plan: Plan, rng: random.Random, split: str) -> Question | None:
    behind = plan.background
    if behind.kind in ("colour", "gradient", "pattern") and (behind.kind == "colour" or rng.random() < 0.6):
        return Question("background", worded("background colour", rng, split), behind.colour)
    answer = behind.name.removesuffix(" background")
    if behind.kind != "place":
        return Question("background", "what is in the background?", answer)
    return Question("background", worded("background", rng, split), answer)


def compare(plan: Plan, rng: random.Random, split: str) -> Question | None:
    if len(plan.groups) < 2:
        return None
    first, second = rng.sample(plan.groups, 2)
    a, b = plan.placed[first[0]], plan.placed[second[0]]
    if plan.kind == "group":
        many, few = names()[a.thing.name].plural, names()[b.thing.name].plural
        if len(first) == len(second) or a.thing.name == b.thing.name:
            return None
        answer = "yes" if len(first) > len(second) else "no"
        return Question("compare", worded("more", rng, split, m=many, o=few), answer)
    areas = [(p.box[2] - p.box[0]) * (p.box[3] - p.box[1]) for p in (a, b)]
    if max(areas) < 1.8 * min(areas) or plan.kind in ("on", "inside"):
        return None
    key = rng.choice(["bigger", "smaller"])
    answer = a if (areas[0] > areas[1]) == (key == "bigger") else b
    return Question("compare", worded(key, rng, split, n=said(plan, a), o=said(plan, b)), said(plan, answer))


TYPES: tuple[Callable[[Plan, random.Random, str], Question | None], ...] = (
    what,
    colour,
    count,
    exists,
    relation_question,
    where,
    background,
    compare,
)


def questions(plan: Plan, rng: random.Random, split: str) -> tuple[Question, ...]:
    """One question of each type that the scene allows, in random order."""
    found = [q for build in TYPES if (q := build(plan, rng, split)) is not None]
    rng.shuffle(found)
    return tuple(found)


def find(plan: Plan, query_name: str, query_colour: str, query: str) -> Find:
    """All boxes of a thing, in reading order."""
    boxes = [
        p.box
        for p in plan.placed
        if p.thing.name == query_name and (not query_colour or p.thing.colour == query_colour)
    ]
    return Find(query, tuple(sorted(boxes, key=lambda b: (round((b[1] + b[3]) * 3), b[0]))))


def finds(plan: Plan, rng: random.Random) -> tuple[Find, ...]:
    """One thing that is there (all of them where there are several), now and then one that is not."""
    out: list[Find] = []
    if plan.groups:
        group = rng.choice(plan.groups)
        thing = plan.placed[group[0]].thing
        with_colour = bool(thing.colour) and (rng.random() < 0.6 or said(plan, plan.placed[group[0]]) != thing.name)
        colour_word = thing.colour if with_colour else ""
        number = sum(
            p.thing.name == thing.name and (not colour_word or p.thing.colour == colour_word) for p in plan.placed
        )
        noun = thing.name if number == 1 else names()[thing.name].plural
        out.append(find(plan, thing.name, colour_word, " ".join(w for w in ("the", colour_word, noun) if w)))
    if not out or rng.random() < 0.2:
        name, colour_word = absent(plan, rng)
        out.append(Find(" ".join(w for w in ("the", colour_word, name) if w), ()))
    return tuple(out)
