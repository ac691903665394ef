"""What of a text can be looked up in others: numbers, quotations, names, marks, known things.

Number words, names and things are English. Knows no video and no model.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from longtake.text.clauses import PLAIN_STARTS, QUOTED

_SINGLE_QUOTED = r"(?<!\w)['‘][^'‘’]+['’](?!\w)"
_QUOTATION = re.compile(rf"{QUOTED}|{_SINGLE_QUOTED}")
MARKED = re.compile(r"\[([PTL]\d{1,4})\]")
"""A mark as descriptions have it: by it somebody is known again."""
_MARK = re.compile(rf"{MARKED.pattern}|\b([PTL]\d{{1,4}})\b")
_TOKEN = re.compile(r"\d+(?:[.,]\d+)*|[^\W\d_]+(?:['’][^\W\d_]+)*|[^\w\s]")
LONG_WORD = 4
"""Letters from which on a word of a title has a capital."""
_STOPS = frozenset(".!?;:—")

_SMALL = {
    word: number
    for number, word in enumerate(
        "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen"
        " fifteen sixteen seventeen eighteen nineteen".split()
    )
}
ONES = {word: str(number) for word, number in _SMALL.items()}
_TENS = {
    word: 10 * number
    for number, word in enumerate(
        "twenty thirty forty fifty sixty seventy eighty ninety".split(), start=2
    )
}
_SCALES = {"hundred": 100, "thousand": 1000, "million": 1_000_000}
_SOME = {"a": "1", "an": "1", "another": "1", "single": "1", "pair": "2", "couple": "2"} | {
    "both": "2", "dozen": "12", "once": "1", "twice": "2", "duo": "2", "twins": "2", "trio": "3",
    "triplets": "3", "quartet": "4", "half": "2"
}  # fmt: skip
"""What gives a number without being one: it supports a number, and claims none."""

NEGATORS = frozenset(
    "no not never nobody nothing none neither nor without cannot hardly almost nearly".split()
)
DETERMINERS = frozenset("a an the this that these those his her its their another some".split())

_THINGS = """
man: man men gentleman guy husband father dad he him his king son brother uncle groom monk
woman: woman women lady wife mother mom mum she her hers queen daughter sister aunt bride nun
boy: boy son he him his brother
woman: waitress actress princess grandmother girlfriend
man: prince grandfather boyfriend
girl: girl daughter she her hers sister
bicycle: bicycle bike
car: car automobile sedan taxi cab suv jeep limousine convertible
motorcycle: motorcycle motorbike scooter moped bike
airplane: airplane aeroplane plane aircraft jet airliner
bus: bus minibus
train: train* locomotive tram
truck: truck lorry pickup
van: van
boat: boat ship ferry yacht canoe kayak sailboat rowboat tugboat vessel
traffic light: traffic_light stoplight
fire hydrant: fire_hydrant hydrant
stop sign: stop_sign
parking meter: parking_meter
bench: bench*
bird: bird pigeon seagull duck goose chicken hen rooster parrot crow sparrow swan owl eagle penguin
cat: cat kitten
dog: dog puppy hound terrier poodle retriever husky labrador dachshund
horse: horse pony stallion mare foal
sheep: sheep lamb
cow: cow cattle calf bull
elephant: elephant
bear: bear*
zebra: zebra
giraffe: giraffe
backpack: backpack rucksack
umbrella: umbrella parasol
handbag: handbag purse
suitcase: suitcase
frisbee: frisbee
skis: skis
snowboard: snowboard
sports ball: ball*
kite: kite
bat: baseball_bat
skateboard: skateboard
surfboard: surfboard
racket: racket
bottle: bottle
glass: wine_glass
cup: cup mug
fork: fork
knife: knife knives
spoon: spoon
bowl: bowl*
banana: banana
apple: apple
sandwich: sandwich
broccoli: broccoli
carrot: carrot
hot dog: hot_dog
pizza: pizza
donut: donut doughnut
cake: cake
chair: chair* armchair
couch: couch sofa
plant: potted_plant houseplant
bed: bed*
table: table* desk
toilet: toilet
tv: tv television
laptop: laptop
mouse: mouse mice
keyboard: keyboard
phone: cell_phone phone* smartphone telephone mobile_phone cellphone
microwave: microwave
oven: oven stove cooker
toaster: toaster
sink: sink*
refrigerator: refrigerator fridge
book: book* notebook
clock: clock
vase: vase
scissors: scissors
teddy bear: teddy_bear
hair drier: hair_drier hair_dryer
toothbrush: toothbrush
red: red crimson scarlet maroon
orange: orange
yellow: yellow golden
green: green
blue: blue navy turquoise
purple: purple violet
pink: pink
brown: brown tan beige
black: black
white: white
grey: grey gray silver*
"""
"""Kinds and the words for them: COCO's labels, people, colours. `*`: only after an article or a
number, because it has other uses."""

_WIDER = """
person people persons someone somebody anyone everyone everybody human = man woman boy girl
child children kid toddler infant baby = boy girl
vehicle = car bus truck van motorcycle bicycle train
animal = bird cat dog horse sheep cow elephant bear zebra giraffe
"""
"""Words that may stand for any of several kinds."""
_ROLES = """
voice they them their figure adult teenager student pupil parent couple group team crowd audience
family player worker driver goalkeeper speaker teacher presenter chef cook cyclist rider runner
dancer singer musician host guest passenger pedestrian officer doctor nurse patient actor customer
seller waiter farmer soldier surfer skater lecturer narrator reporter referee athlete guard pilot
artist engineer friend visitor = man woman boy girl
traffic tractor ambulance excavator cart wagon = car bus truck van motorcycle bicycle train
pet creature lion tiger monkey rabbit fish snake deer fox wolf squirrel pig goat
= bird cat dog horse sheep cow elephant bear zebra giraffe
football basketball volleyball = sports_ball
furniture seat stool counter = chair couch bench bed table
fruit food snack meal = banana apple sandwich broccoli carrot pizza donut cake
bag luggage = backpack handbag suitcase
computer device screen monitor = laptop tv phone keyboard
"""
"""Words that may stand for some of these kinds; a sentence may add them and claim no thing."""
_FAMILIES = """
man woman boy girl = bird cat dog horse sheep cow = car bus truck van motorcycle bicycle boat
= chair couch bench bed table = backpack handbag suitcase = laptop tv phone
= bottle glass cup bowl = red orange yellow green blue purple pink brown black white grey
"""
"""Kinds that have more names than are known here: what a source calls a labrador may be a dog."""


@dataclass(frozen=True)
class _Thing:
    kinds: frozenset[str]
    guarded: bool = False
    """Whether it only counts after an article or a number."""
    claimed: bool = True
    """Whether a sentence that has it needs a source that has such a thing."""


def _load_things() -> dict[str, _Thing]:
    things: dict[str, _Thing] = {}

    def add(words: str, kinds: Sequence[str], *, claimed: bool = True) -> None:
        for word in words.split():
            plain = word.rstrip("*").replace("_", " ")
            known = things[plain].kinds if plain in things else frozenset()
            things[plain] = _Thing(known | frozenset(kinds), word.endswith("*"), claimed)

    for line in _THINGS.strip().splitlines():
        kind, _, words = line.partition(":")
        add(words, [kind])
    for table, claimed in ((_WIDER, True), (_ROLES, False)):
        for words, kinds in re.findall(r"([^=]+)= ([^\n]+)\n", table.lstrip()):
            add(words, [kind.replace("_", " ") for kind in kinds.split()], claimed=claimed)
    return things


THINGS = _load_things()
_OF_PAIRS = frozenset(thing.partition(" ")[2] for thing in THINGS if " " in thing)
"""Second words of things that take two."""
COLOURS = frozenset("red orange yellow green blue purple pink brown black white grey".split())
FAMILIES = [
    frozenset(kind.replace("_", " ") for kind in family.split()) for family in _FAMILIES.split("=")
]
PEOPLE = FAMILIES[0]
_DOER = re.compile(r"\w{2,}(?:er|or|ist|ian|man|men|woman|women)s?", re.IGNORECASE)
_NO_DOERS = frozenset(
    "water paper river flower over under after another other corner center counter tower computer"
    " together never number letter later either whether rather floor door color colour monitor"
    " finger shoulder weather winter summer paper poster power her".split()
)
PRONOUNS = frozenset("he him his she her hers they them their".split())


@dataclass(frozen=True)
class Named:
    """A known thing as it stands in a text, and how many of it are told: None, where no number."""

    word: str
    kinds: frozenset[str]
    count: str | None = None
    claimed: bool = True


def mask_quotes(text: str) -> str:
    """The text with a lone mark in place of each quotation."""
    return _QUOTATION.sub(' " ', text)


def list_quotations(text: str) -> list[str]:
    """What stands between quotation marks, single ones too, without them."""
    return [found[0][1:-1] for found in _QUOTATION.finditer(text)]


def plain_words(text: str) -> str:
    """The words alone, between spaces."""
    words = re.findall(r"[^\W_]+", text.casefold())
    return f" {' '.join(words)} "


def list_marks(text: str) -> list[str]:
    """Marks such as P1, by which people, things and places are known again."""
    return [found[1] or found[2] for found in _MARK.finditer(mask_quotes(text))]


def drop_marks(text: str) -> str:
    """The text without such marks."""
    return " ".join(_MARK.sub(" ", text).split())


def unmark(text: str) -> str:
    """The text without marks in brackets, for a title."""
    return re.sub(rf" ?{MARKED.pattern}", "", text)


def list_numbers(text: str, *, claimed: bool = True) -> list[str]:
    """Numbers, each as digits; with `claimed` false also what `a`, `both` or `dozen` amount to.

    A claimed `one` is none: it may be no more than an article.
    """
    words = [word.casefold() for word in _TOKEN.findall(drop_marks(text))]
    numbers = list(_read_numbers(words))
    if claimed:
        return [value for value, after in numbers if (value, words[after - 1]) != ("1", "one")]
    return [value for value, _ in numbers] + [_SOME[word] for word in words if word in _SOME]


def _read_numbers(words: Sequence[str]) -> Iterator[tuple[str, int]]:
    """Each number as digits, and the place after its last word."""
    place = 0
    while place < len(words):
        word = words[place]
        if word[0].isdecimal():
            place += 1
            yield _as_digits(word), place
        elif word in _SMALL or word in _TENS:
            value, place = _read_words(words, place)
            yield str(value), place
        else:
            place += 1


def _as_digits(word: str) -> str:
    """`1,000` is 1000, `3,50` is 3.5; digits of any script are those of this one."""
    plain = "".join(str(int(letter)) if letter.isdecimal() else letter for letter in word)
    if re.fullmatch(r"\d{1,3}(,\d{3})+(\.\d+)?", plain):
        plain = plain.replace(",", "")
    whole, point, rest = plain.replace(",", ".").partition(".")
    if "." in rest:
        return plain
    rest = rest.rstrip("0")
    return (whole.lstrip("0") or "0") + (point + rest if rest else "")


def _read_words(words: Sequence[str], place: int) -> tuple[int, int]:
    """The number that words tell from that place on, and the place after it."""
    total = current = 0
    start = place
    while place < len(words):
        word = words[place]
        if word in _SCALES and current:
            current *= _SCALES[word]
            if current >= _SCALES["thousand"]:
                total, current = total + current, 0
        elif word in _TENS and current % 100 == 0:
            current += _TENS[word]
        elif word in _SMALL and (place == start or _takes_ones(words[place - 1])):
            current += _SMALL[word]
        elif word != "-":
            break
        place += 1
    while words[place - 1] == "-":
        place -= 1
    return total + current, place


def _takes_ones(word: str) -> bool:
    return word == "-" or word in _TENS or word in _SCALES


def list_things(text: str) -> list[Named]:
    """The known things of a text, in order, with what number stands before each.

    Left out are those that are denied, and pronouns.
    """
    words = [word.casefold() for word in _TOKEN.findall(mask_quotes(text))]
    counts = {after: value for value, after in _read_numbers(words)}
    found, place = [], 0
    while place < len(words):
        word, thing, width = _look_up(words, place)
        if thing and not (thing.guarded and not _is_noun(words, place)):
            before = words[max(0, place - 3) : place]
            if not NEGATORS & set(before) and not any(t.endswith(("n't", "n’t")) for t in before):
                found.append(Named(word, thing.kinds, _count(words, counts, place), thing.claimed))
        place += width
    return found


def tells_of_people(text: str) -> bool:
    """Whether a word may be somebody who does something, such as `surveyor`."""
    words = re.findall(r"\w+", mask_quotes(text).casefold())
    return any(word.rstrip("s") not in _NO_DOERS and _DOER.fullmatch(word) for word in words)


def _look_up(words: Sequence[str], place: int) -> tuple[str, _Thing | None, int]:
    """The thing that stands there, and of how many words."""
    after = words[place + 1] if place + 1 < len(words) else ""
    if _OF_PAIRS & {after, after[:-1]} and (pair := _find_thing(f"{words[place]} {after}")):
        return pair, THINGS[pair], 2
    word = _find_thing(words[place])
    return word or words[place], THINGS.get(word), 1


@lru_cache(maxsize=8192)
def _find_thing(word: str) -> str:
    """The singular under which it is known; empty for what is no known thing."""
    return next((plain for plain in (word, *_singulars(word)) if plain in THINGS), "")


def _singulars(word: str) -> Iterator[str]:
    if word.endswith("s"):
        yield word[:-1]
    if word.endswith("es"):
        yield word[:-2]
    if word.endswith(("'s", "’s")):
        yield word[:-2]
    if word.endswith("ies"):
        yield word[:-3] + "y"


def _is_noun(words: Sequence[str], place: int) -> bool:
    """Whether an article or a number stands right before, or one word before that."""
    before = words[max(0, place - 2) : place]
    return any(t in DETERMINERS or t in _SMALL or t[0].isdecimal() for t in before)


def _count(words: Sequence[str], counts: dict[int, str], place: int) -> str | None:
    """The number that ends at most two words before that place."""
    for back in range(3):
        if place - back in counts:
            return counts[place - back]
        if back < 2 and (place - back < 1 or not words[place - back - 1].isalpha()):
            break
    return None


def list_names(text: str) -> list[str]:
    """Words with a capital that no sentence's beginning explains; those side by side are one.

    None of a title that has all its words begin so.
    """
    if _is_title(text):
        return []
    names: list[str] = []
    joined = False
    start = True
    for word in _TOKEN.findall(mask_quotes(drop_marks(text))):
        if _is_capital(word) and not start and word != "I" and not word.startswith(("I'", "I’")):
            name = re.sub(r"['’]s$", "", word)
            names[-1:] = [f"{names[-1]} {name}"] if joined else [*names[-1:], name]
            joined = name == word
        else:
            joined = joined and word == "." and names[-1].split()[-1] in _TITLES
        start = word in _STOPS and not joined
    return names


def _is_title(text: str) -> bool:
    long = [word for word in _TOKEN.findall(mask_quotes(text)) if len(word) >= LONG_WORD]
    return len(long) > 1 and all(word[0].isupper() for word in long)


_TITLES = frozenset("Mr Mrs Ms Dr Prof St".split())


def _is_capital(word: str) -> bool:
    return word[0].isupper() and len(word) > 1


def opening_name(text: str) -> tuple[str, str]:
    """The first word and the one after it, where the first may be a name; else both are empty."""
    words = re.match(r"\s*([^\W\d_]+)\s+([^\W\d_]+)", drop_marks(text))
    if not words or not _is_capital(words[1]) or words[1].casefold() in PLAIN_STARTS:
        return "", ""
    return words[1], words[2]


_ENGLISH = frozenset(
    "the and with then his their they from into there while where behind along through who reads"
    " says stands walks shows woman people two three four five seven eight nine"
    " eleven twelve twenty thirty forty fifty hundred thousand".split()
)
_OTHERS = frozenset(
    "der die das den dem ein eine und ist mit auf im de du la le les un une et est avec que el los"
    " las una con y il di che het een en van met og ett och com na um se".split()
)
_FOREIGN = _OTHERS | frozenset(
    "einen einem einer sie wir nicht sich von zu zum zur bei nach aus vom durch zwei drei vier"
    " sechs sieben acht neun zehn des au aux dans sur sous pour sont deux trois quatre cinq sept"
    " huit neuf dix del por para dos tres cuatro cinco seis siete ocho nueve diez della nel sul"
    " sono due tre quattro cinque sei otto dieci do da em uma op naar twee vijf zes zeven".split()
)


def is_english(text: str) -> bool:
    """Whether words of English, and none that tell of another language, stand in it."""
    words = set(plain_words(mask_quotes(text)).split())
    return len(words & (_ENGLISH | {"a"})) > len(words & _OTHERS)


def is_foreign(text: str) -> bool:
    """Whether words or letters of another language stand in it, and no more of English."""
    words = set(plain_words(mask_quotes(drop_marks(text))).split())
    strange = {word for word in words if not word.isascii()} | words & _FOREIGN
    return len(strange) > len(words & (_ENGLISH | {"a"}))
