"""Who has been named in a text so far, and who is meant by a noun or a pronoun."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from longtake.evaluate.reading.vocabulary import Look

_NEW = frozenset(["a", "another", "no"])


@dataclass(eq=False)
class Thing:
    """Somebody or something that a text tells of."""

    colour: str
    kind: str
    earlier: tuple[str, ...] = ()
    """Colours that it has had before, as the text tells it."""
    hidden: bool = False
    """Whether it is behind something, as the text tells it."""

    @property
    def look(self) -> Look:
        """How it looks by now."""
        return Look(self.colour, self.kind)

    def fits(self, colour: str, kind: str) -> bool:
        """Whether it can be meant by these; what is left out fits."""
        if kind and kind != self.kind:
            return False
        return not colour or colour == self.colour or colour in self.earlier


@dataclass
class Mention:
    """A thing as it is named at one place; `things` is empty for nobody known."""

    things: list[Thing]
    identity: str = ""
    denied: bool = False
    """Whether the text says "no", as in "no star appears"."""


NOBODY = Mention([])


@dataclass
class Phrase:
    """A noun with its article and adjectives, as they come."""

    article: str = ""
    identity: str = ""
    colours: list[str] = field(default_factory=list)
    listing: bool = False
    """Whether another colour is to come: "red and blue"."""
    noun: str = ""
    """The last word that is in no table."""

    def add_colour(self, colour: str) -> None:
        """Of two with nothing between the last one counts."""
        if self.colours and not self.listing:
            self.colours.pop()
        self.colours.append(colour)
        self.listing = False


class Cast:
    """The things of a text, the one named last at the end."""

    def __init__(self) -> None:
        self.things: list[Thing] = []

    def name(self, mentions: Iterable[Mention]) -> list[Mention]:
        """Note that these are named now."""
        named = list(mentions)
        for thing in (thing for mention in named for thing in mention.things):
            self.things = [each for each in self.things if each is not thing] + [thing]
        return named

    def resolve(self, phrase: Phrase, colour: str, kind: str) -> Mention:
        """The thing that is meant: one that was named before, or a new one."""
        denied = phrase.article == "no"
        definite = phrase.article in ("the", "its")
        if phrase.article not in _NEW or phrase.identity == "same":
            for thing in reversed(self.things):
                same = thing.fits(colour, kind) if definite else thing.look == (colour, kind)
                if same:
                    return Mention([thing], phrase.identity, denied)
        return Mention([Thing(colour, kind)], phrase.identity, denied)

    def last(self, about: Sequence[Mention]) -> list[Mention]:
        """Who `it` is: whom the clause was about, else who was named last."""
        known = [mention for mention in about if mention.things]
        if known:
            return [Mention(known[-1].things)]
        return [Mention(self.things[-1:])] if self.things else []

    def last_person(self) -> list[Mention]:
        """Who `she` is, where anybody is."""
        people = [thing for thing in self.things if thing.kind == "person"]
        return [Mention(people[-1:])] if people else []

    def several(self, about: Sequence[Mention], *, everything: bool) -> list[Mention]:
        """Who `they` are: several of whom the clause was about, else the two named last."""
        if len(about) > 1 and not everything:
            return [Mention(mention.things) for mention in about]
        return [Mention([thing]) for thing in (self.things if everything else self.things[-2:])]

    def others(self, about: Sequence[Mention], count: int) -> list[Mention]:
        """The last named of those whom the clause is not about."""
        taken = [thing for mention in about for thing in mention.things]
        rest = [thing for thing in self.things if thing not in taken]
        return [Mention([thing]) for thing in rest[-count:]]
