"""Who has been named in a text so far, and who is meant by a noun or a pronoun."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from longtake.evaluate.reading.vocabulary import Look

_NEW = frozenset(["a", "another", "no"])


@dataclass(eq=False)
class NamedThing:
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

    @property
    def colours(self) -> tuple[str, ...]:
        """All that it has had."""
        return (*self.earlier, self.colour) if self.colour else self.earlier

    def fits(self, colours: Sequence[str], colour: str, kind: str) -> bool:
        """Whether it can be meant by these, had it those colours; what is left out fits."""
        return kind in ("", self.kind) and (not colour or colour in colours)


@dataclass
class Mention:
    """A thing as it is named at one place; `things` is empty for nobody known."""

    things: list[NamedThing]
    identity: str = ""
    denied: bool = False
    """Whether the text says "no", as in "no star appears"."""
    colour: str = ""
    """As it is told here; it may have had another since, or before."""

    @property
    def look(self) -> Look:
        """How it looks, as it is told here."""
        if not self.things:
            return Look("", "")
        return Look(self.colour or self.things[0].colour, self.things[0].kind)

    @property
    def other_colours(self) -> tuple[str, ...]:
        """Those that it has at other times, as the text tells it."""
        colours = [colour for thing in self.things[:1] for colour in thing.colours]
        return tuple(colour for colour in colours if colour != self.look.colour)


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
        self.things: list[NamedThing] = []

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
            thing = self._find(colour, kind, definite=definite)
            if thing:
                return Mention([thing], phrase.identity, denied, colour)
        return Mention([NamedThing(colour, kind)], phrase.identity, denied, colour)

    def _find(self, colour: str, kind: str, *, definite: bool) -> NamedThing | None:
        """The last that looks so by now, else, of "the red circle", one that has looked so."""
        last_first = self.things[::-1]
        if not definite:
            return next((each for each in last_first if each.look == (colour, kind)), None)
        now = (each for each in last_first if each.fits([each.colour], colour, kind))
        once = (each for each in last_first if each.fits(each.earlier, colour, kind))
        return next(now, None) or next(once, None)

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
