"""Films of a closed world, as an engine would describe them, and questions in other words.

Who does what where, what is said and what stands written is drawn from a seed out of the tables
below, each row with the words of a question about it, written by hand. The halves share no film,
no action and no line; no one does the same twice in all films, so a question has one right moment.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from random import Random

FILMS = 12
"""Of each half."""
CHUNKS = (8, 20)
ACTIONS_OF_FILM = 6
HALVES = ("dev", "test")

ACTORS = {
    "a woman in a yellow coat": "the lady dressed in yellow",
    "a man with a grey beard": "the fellow with whiskers",
    "a boy in a striped sweater": "the kid with the lined pullover",
    "a police officer": "the cop",
    "a cook in a white apron": "the chef",
    "an elderly couple": "the two pensioners",
    "a nurse": "the hospital worker",
    "a soldier": "the trooper",
    "a girl with red hair": "the ginger lass",
    "a man in a black suit": "the gentleman in dark formal clothes",
    "a postman": "the mail carrier",
    "a bride": "the lady who is getting married",
}
ACTIONS = {
    "climbs onto a bicycle": "get on the bike",
    "parks a red car": "leave the automobile somewhere",
    "feeds a dog": "give food to a hound",
    "chops onions": "cut vegetables",
    "opens an umbrella": "take cover from the rain",
    "reads a newspaper": "look at the press",
    "plays the violin": "make music on a fiddle",
    "pours coffee into a cup": "fill a mug with a hot drink",
    "repairs a bicycle tyre": "mend a flat wheel",
    "carries a wooden ladder": "bring something to climb up on",
    "lights a candle": "set a wick on fire",
    "throws a ball": "toss the round toy",
    "paints a wall green": "give the side of a room a new colour",
    "waters the flowers": "look after thirsty plants",
    "packs a suitcase": "get the luggage ready",
    "rows a boat": "move over the water with oars",
    "falls asleep on a bench": "doze off on a long seat",
    "signs a document": "put a name under a paper",
    "shakes hands with a stranger": "greet somebody unknown",
    "takes a photograph": "shoot a picture with a camera",
    "breaks a window": "smash the pane",
    "buys a loaf of bread": "get something from the baker",
    "chases a hen": "run after poultry",
    "drops a vase": "let something for flowers fall",
    "irons a shirt": "press the laundry",
    "catches a fish": "pull something alive out of the water",
    "sweeps the floor": "clean up with a broom",
    "knits a scarf": "make something warm of wool",
    "weighs apples on a scale": "find out how heavy the fruit is",
    "counts banknotes": "go through the cash",
    "dances alone": "move to music without a partner",
    "washes the dishes": "clean the plates",
    "digs a hole": "make a pit with a spade",
    "locks a door": "turn the key",
    "writes a letter": "put words on paper for someone far away",
    "brushes a horse": "groom a pony",
}
PLACES = {
    "in a kitchen": ("where meals are made", "Pots hang above the stove."),
    "at a railway station": ("where trains stop", "A clock hangs over the platform."),
    "on a beach": ("by the sea", "Waves roll in under a cloudy sky."),
    "in a park": ("among the trees of the town", "Leaves lie on the gravel path."),
    "in an office": ("at work", "Two screens glow on a desk."),
    "at a street market": ("among the stalls", "Crates of oranges stand in the sun."),
    "on a farm": ("out in the country", "A tractor stands before the barn."),
    "in a church": ("in the house of God", "Light falls through coloured glass."),
    "at a harbour": ("where ships lie", "Ropes and nets are piled on the quay."),
    "in a classroom": ("at school", "A map of Europe covers the blackboard."),
}
SAID = {
    "We have to be at the airport by seven.": "at what hour must they catch the plane?",
    "My sister just had twins.": "who became an aunt or uncle of two babies at once?",
    "The doctor says the leg is not broken.": "what did the physician find about the injury?",
    "I lost my wallet on the bus.": "where did the money go missing?",
    "Nobody has paid the rent since March.": "how long has the landlord been waiting?",
    "The bridge is closed because of the flood.": "why can't they cross the river?",
    "Grandfather built this house with his own hands.": "who put up the building?",
    "You should add more salt to the soup.": "which advice is given about seasoning?",
    "The train to Vienna leaves from platform nine.": "from which track do they go to Austria?",
    "I quit my job this morning.": "who is unemployed since today?",
    "There will be a storm tonight.": "what is the weather forecast?",
    "The thief wore a green mask.": "what covered the burglar's face?",
    "Our team won by three goals.": "how did the match end?",
    "The cat has been missing for a week.": "which pet ran away?",
    "She sold the piano to pay for the wedding.": "how was the marriage paid for?",
    "Turn the engine off before you fill the tank.": "what must be done before refuelling?",
    "The museum is free on Sundays.": "when does the gallery cost nothing?",
    "He is allergic to nuts.": "what may somebody not eat?",
    "The exam was much easier than last year.": "how hard was the test?",
    "I have hidden the keys under the mat.": "where can one find what opens the house?",
}
READ = {
    "NO SWIMMING": "it is forbidden to bathe",
    "CLOSED FOR RENOVATION": "not open while builders are at work",
    "FRESH EGGS 2 EUROS": "what hens lay is for sale",
    "BEWARE OF THE DOG": "a warning of an animal that bites",
    "MIND THE GAP": "careful when you step off",
    "HAPPY BIRTHDAY ANNA": "congratulations for somebody who grows a year older",
    "ELEVATOR OUT OF ORDER": "the lift does not work",
    "PLEASE TAKE OFF YOUR SHOES": "guests must go in socks",
    "EXIT": "the way out",
    "SALE 50 PERCENT OFF": "everything at half price",
    "LOST CHILDREN WAIT HERE": "a place for kids who can't find their parents",
    "WET PAINT": "do not touch, the colour is not dry",
    "DEPARTURES": "where passengers leave",
    "SILENCE DURING THE EXAM": "nobody may talk while being tested",
    "JUST MARRIED": "newly wed",
    "DANGER HIGH VOLTAGE": "the electricity here can kill",
}
NOWHERE = (
    "when does the astronaut land on the moon?",
    "which elephant drinks from the fountain?",
    "who wins the chess tournament?",
    "how does the dragon lose its tail?",
    "what does the judge sentence the pirate to?",
    "when does the submarine surface?",
    "who conducts the orchestra?",
    "what is the capital of Mongolia?",
    "when does the volcano erupt?",
    "who plays tennis against the king?",
    "how many penguins stand on the ice?",
    "where does the helicopter crash?",
    "which professor explains black holes?",
    "when does the magician saw the box in two?",
    "what does the robot build?",
    "who climbs the Matterhorn?",
    "when does the surgeon start the operation?",
    "what is the recipe for the pancakes?",
    "which password opens the vault?",
    "when does the parachute open?",
)
"""Questions that no film answers: the first half is dev's, the second test's."""
FRAMES = (
    "when does {} {}?",
    "where can I see {} {}?",
    "I look for {}: {}",
    "does {} {}, and when?",
)


@dataclass(frozen=True)
class Event:
    """What is seen in a chunk, as its description has it, and what may be said and read there."""

    actor: str
    action: str
    place: str
    start: float
    end: float
    said: str = ""
    read: str = ""

    @property
    def seen(self) -> str:
        """The description's first sentence."""
        return f"{self.actor[0].upper()}{self.actor[1:]} {self.action} {self.place}."


@dataclass(frozen=True)
class Film:
    """A film of a half: an event in each of its chunks."""

    half: str
    name: str
    events: tuple[Event, ...]


@dataclass(frozen=True)
class Wanted:
    """A question, its kind, and the film and event, from 0, that answer it."""

    half: str
    kind: str
    film: int
    event: int
    text: str


def deal(rows: Sequence[str], half: str) -> list[str]:
    """The rows of a table that are this half's: every other one."""
    return list(rows[HALVES.index(half) :: len(HALVES)])


def make_films(seed: int = 1) -> list[Film]:
    """All films of both halves."""
    return [film for half in HALVES for film in _make_half(half, Random(f"{half} {seed}"))]  # noqa: S311


def _make_half(half: str, random: Random) -> Iterator[Film]:
    actions, lines, signs = (deal(list(table), half) for table in (ACTIONS, SAID, READ))
    free = list(product(ACTORS, actions))
    random.shuffle(free)
    random.shuffle(lines)
    random.shuffle(signs)
    for number in range(FILMS):
        random.shuffle(actions)
        actions.sort(key=lambda action: -sum(pair[1] == action for pair in free))
        some = actions[:ACTIONS_OF_FILM]
        chosen = [pair for pair in free if pair[1] in some][: random.randint(*CHUNKS)]
        free = [pair for pair in free if pair not in chosen]
        told = dict(zip(random.sample(range(len(chosen)), len(chosen)), chosen, strict=True))
        spoken = {random.randrange(len(chosen)): lines.pop() for _ in lines[:1]}
        written = {random.randrange(len(chosen)): signs.pop() for _ in signs[:1]}
        events, start, place = [], 0.0, ""
        for at in range(len(chosen)):
            place = random.choice(list(PLACES)) if at % 4 == 0 else place
            end = start + random.randint(8, 20)
            actor, action = told[at]
            said, read = spoken.get(at, ""), written.get(at, "")
            events.append(Event(actor, action, place, start, end, said, read))
            start = end
        yield Film(half, f"{half}{number}.mp4", tuple(events))


def ask_films(films: Sequence[Film], seed: int = 1) -> list[Wanted]:
    """A third of what is done, and all that is said and read, asked in other words."""
    random, questions = Random(seed), []  # noqa: S311
    for number, film in enumerate(films):
        for place, event in enumerate(film.events):
            if place % 3 == 0:
                seen = ask_event(event, random)
                questions.append(Wanted(film.half, "seen", number, place, seen))
            if event.said:
                questions.append(Wanted(film.half, "said", number, place, SAID[event.said]))
            if event.read:
                sign = f"a sign: {READ[event.read]}"
                questions.append(Wanted(film.half, "read", number, place, sign))
    return questions


def ask_event(event: Event, random: Random) -> str:
    """What is done, in other words; of every other, where, too."""
    where = f" {PLACES[event.place][0]}" if random.random() < 0.5 else ""
    frame = random.choice(FRAMES)
    return frame.format(ACTORS[event.actor], ACTIONS[event.action] + where)
