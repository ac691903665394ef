"""What the check lets pass and what it holds back: sentences that small models really wrote."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from longtake.check.word_for_word import holds, weigh
from longtake.text.clauses import CLAUSE_END, split_text
from longtake.text.numbers import list_numbers
from tests.truths import Told, mutate, tell_all, tell_held_out, tell_reviewed

STREET = [
    "Two people and two cars. The view changes once; there is much movement. Mostly grey.",
    "Four cars, a bicycle, a fire hydrant and a person. There is much movement. Mostly grey.",
]
PARK = [
    "A man in a red jacket walks a small brown dog along a path in a park. He throws a ball.",
    "The dog runs after the ball across the grass. The man bends down and pats the dog.",
    "A woman with a pushchair passes them on the path. The man does not wave at her.",
]
SLIDES = [
    'The heading reads "How Bridges Carry Weight". Text reads "Beam, arch / Seven slides".',
    'The heading reads "Push and Pull". The picture stands still.',
]
GOAL = [
    "A goalkeeper in yellow stands between the posts. Players in blue walk up to the ball.",
    "A player in blue kicks the ball towards the goal. The goalkeeper dives to the left.",
]


@pytest.mark.parametrize(
    ("sentence", "sources"),
    [
        ("Two people and two cars.", STREET),
        ("There is much movement.", STREET),
        ("He throws a ball. The dog runs after the ball across the grass.", PARK),
        ("The man bends down and pats the dog, then the man does not wave at her.", PARK),
        ("A man in a red jacket walks …", PARK),
        ("The man does not wave at her.", PARK),
        ("A man turns and throws a ball.", ["A man turns and throws a ball."]),
        ('The heading reads "Push and Pull", and the picture stands still.', SLIDES),
        ('The heading reads "How Bridges …".', SLIDES),
        ("A goalkeeper in yellow stands between the posts; a player in blue …", GOAL),
        ("Nobody else is there?", ["Nobody else is there?"]),
    ],
)
def test_what_repeats_clauses_or_shows_where_they_are_cut_holds(
    sentence: str, sources: list[str]
) -> None:
    assert holds(sentence, sources)


@pytest.mark.parametrize(
    ("sentence", "sources"),
    [
        ("The car is a fire hydrant, the person is a bicycle.", STREET),
        ("The dog throws a ball.", PARK),
        ("A goalkeeper in blue kicks the ball towards the goal.", GOAL),
        ("The player in blue is kicked towards the goal.", GOAL),
        ("The ball kicks a player.", GOAL),
        ("The man waves at her.", PARK),
        ("The dog does not run after the ball.", PARK),
        ("The goalkeeper walks up to the ball.", GOAL),
        ("The goalkeeper dives to the posts.", GOAL),
        ("Two bicycles.", STREET),
        ("A red jacket walks a dog.", PARK),
        ("A woman passes them and throws a ball.", PARK),
        ("A woman passes, then a man walks a dog.", PARK),
        ("The dog runs before the man bends down.", PARK),
        ("A pushchair passes them.", PARK),
        ("Push and pull.", SLIDES),
        ("A woman comes in and drinks.", ["A man sits. He drinks.", "A woman comes in."]),
        ("A woman comes in, then a man sits.", ["A man sits.", "A woman comes in."]),
        ("A man sits after a woman comes in.", ["A man sits.", "A woman comes in."]),
        ("A man waves.", ["A woman next to a man waves."]),
        ("The dog falls.", ["A man with a dog falls."]),
        ("A woman drives away.", ["A man who kissed a woman drives away."]),
        ("A gun lies there.", ["A toy gun lies there."]),
        ("A man falls.", ["A man almost falls."]),
        ("A cat and a dog run.", ["A cat or a dog runs."]),
        ('Text reads "guilty".', ['Text reads "Found not guilty".']),
        ("Two men fight.", ['The heading reads "Two men fight".']),
        ("A man was shot.", ['The heading reads "Summary: a man was shot."']),
        ('Text reads "the earth is flat".', ['Text reads "Myth: the earth is flat".']),
        ("A red dog.", PARK),
        ("A woman feeds a dog.", ["A woman feeds a dog near the gate."]),
        ("A man hits.", ["A man hits the wall with a ball."]),
        ("A man walks along a ball.", PARK),
        ("Four people.", STREET),
        ("A man and a woman pass the dog.", PARK),
        ("", PARK),
        ("The.", PARK),
    ],
)
def test_known_words_put_together_in_another_way_do_not_hold(
    sentence: str, sources: list[str]
) -> None:
    assert not holds(sentence, sources)


def test_quotation_is_one_thing_whatever_stands_in_it() -> None:
    sources = ['Text reads "Wait. Stop; go / and never look back".']
    assert holds('Text reads "Wait. Stop; go / and never look back".', sources)
    assert holds('Text reads "and never look back".', sources)


def test_denial_inside_a_quotation_denies_nothing() -> None:
    sources = ['Text reads "Do not enter". A man enters.']
    assert holds('Text reads "Do not enter".', sources)
    assert holds("A man enters.", sources)


FOUND_BY_WORDS = {"number", "quotation", "mark"}
"""Kinds of false sentences that the words alone find, each and every one."""


def test_no_false_sentence_comes_out_supported() -> None:
    for told in (*tell_all(), *tell_held_out(), *tell_reviewed()):
        support, why = weigh(told.sentence, told.sources)
        assert told.true or support != "supported", told
        assert bool(why) is (support == "unsupported"), told
        assert told.kind not in FOUND_BY_WORDS or support == "unsupported", told


def test_no_true_sentence_of_the_scenes_comes_out_unsupported() -> None:
    for told in tell_all():
        if told.true:
            support = weigh(told.sentence, told.sources)[0]
            expected = {"in other words": "unchecked", "a shorter clause": support}
            assert support == expected.get(told.kind, "supported") != "unsupported", told


@pytest.mark.parametrize(
    ("sentence", "sources", "why"),
    [
        ("Seven people walk.", STREET, 'its descriptions lack "7"'),
        ("[P2] walks a dog.", ["[P1] a man walks a dog."], 'its descriptions lack "P2"'),
        ('A sign says "Stop".', PARK, 'its descriptions lack "Stop"'),
        ("A sign says 'Stop here'.", PARK, 'its descriptions lack "Stop here"'),
        ("Ein Mann sieht 3 Hunde.", STREET, 'its descriptions lack "3"'),
        ("Eleven dogs.", PARK, 'its descriptions lack "11"'),
        ("Der Bus hat 45 Sitze.", ["Der Bus hat 54 Sitze."], 'its descriptions lack "45"'),
    ],
)
def test_what_speaks_against_a_sentence_is_named(
    sentence: str, sources: list[str], why: str
) -> None:
    support, found = weigh(sentence, sources)
    assert support == "unsupported"
    assert why in found


@pytest.mark.parametrize(
    ("sentence", "sources"),
    [
        ("Someone plays with an animal.", PARK),
        ("A horse runs after the ball.", PARK),
        ("The man waves at her.", PARK),
        ("The man pats the dog, then he throws a ball.", PARK),
        ("Vehicles stand in the street.", STREET),
        ("Two people stand at a bus stop.", ["A man and a woman wait for the bus."]),
        ("The man is outdoors with his pet.", PARK),
        ("They sold 40,000 units.", ['A voice says "We sold forty thousand units".']),
        ("A speaker welcomes us.", ['A voice says "Welcome to all of you".']),
        ("Ein Mann wirft einen Ball, und Hunde laufen.", PARK),
        ("Zwei Busse fahren.", ["Two buses drive past."]),
        ("Man sieht einen Hund im Park von Berlin und einen Ball.", PARK),
        ("Un homme et son chien vont au Parc avec Paul.", PARK),
        ("Playing Fetch Outdoors With a Little Friend", PARK),
        ("A dog runs on grass.", ["A bulldog runs on grass. A man waves."]),
        ("A man dances with a woman.", ["A man in a tuxedo dances with a duchess."]),
        ("A car is stuck in the mud.", ["A roadster is stuck in the mud."]),
        ("Two children play in a garden.", ["Twins play in a garden."]),
        ("A grey car is parked.", ["A silver car is parked."]),
        ("A driver waits for green.", ["A red car stops at a green light."]),
        ("A person measures the field.", ["A surveyor looks through a lens."]),
        ("Birds swim on the lake.", ["Two swans swim on a lake."]),
        ("An animal eats.", ["A squirrel eats a nut."]),
        ("A football match is on.", ["Players in blue run across the pitch."]),
        ("The dog runs; there is no horse.", PARK),
    ],
)
def test_what_the_words_can_t_settle_stays_unchecked(sentence: str, sources: list[str]) -> None:
    assert weigh(sentence, sources) == ("unchecked", "")


@pytest.mark.parametrize(
    ("sentence", "sources"),
    [
        ("Ein Mann winkt.", ["Ein Mann winkt. Er geht."]),
        ("Ein Mann geht durch …", ["Ein Mann geht durch den Park."]),
        (
            'A voice says "One two three …"; a man waves.',
            ['A voice says "One two". A man waves.', 'A voice says "three four".'],
        ),
        (
            'Text reads "First / Second"; a man waves.',
            ['Text reads "First". A man waves.', 'Text reads "Second".'],
        ),
    ],
)
def test_own_words_of_any_language_are_supported(sentence: str, sources: list[str]) -> None:
    assert weigh(sentence, sources) == ("supported", "")


@pytest.mark.parametrize(
    "text",
    [
        'The sign is 5" wide and red.',
        'A man [7] reads "a; b. c" and leaves.',
        "一个男人走进房间。他坐下。",
        "Mr. Smith and J. R. Jones meet at 10 p.m. in St. Louis.",
        "It is -5 °C; 20 % of people leave. 50% stay.",
        "A man walks...",
        "Wait... what? No!",
        "A man stops; he does not stop.",
        "Before the man leaves, he sits down after eating.",
        'The text "A" then "B" then "A" appears.',
        "He finishes first, then last, finally next.",
        "Bob hits Ann. Ann hits Bob. Bob does not hit Ann.",
    ],
)
def test_text_repeated_word_for_word_is_supported(text: str) -> None:
    clauses = [f"{clause}." for clause in split_text(text, CLAUSE_END)]
    for sentence in (text, text.rstrip("."), *clauses):
        assert weigh(sentence, [text, "A dog sleeps. Nobody runs."]) == ("supported", "")


@pytest.mark.parametrize("middle", ["A man walks.", 'A voice says "Well".'])
def test_voices_are_joined_only_where_nothing_else_is_between(middle: str) -> None:
    sources = ['A voice says "I love"', middle, 'A voice says "to hate you"']
    assert weigh('A voice says "I love to hate you".', sources)[0] != "supported"
    assert weigh('A voice says "I love to hate you".', sources[::2])[0] == "supported"


def test_word_left_out_of_a_language_that_is_not_read_is_not_supported() -> None:
    assert weigh("Ein Mann winkt.", ["Ein Mann winkt nicht."]) == ("unchecked", "")


@settings(deadline=None)
@given(
    st.sampled_from([one for one in tell_all() if one.true and one.kind != "in other words"]),
    st.integers(0, 10**12),
    st.sampled_from(["before", "after"]),
)
def test_number_that_no_source_has_is_never_supported(told: Told, number: int, side: str) -> None:
    known = {n for source in told.sources for n in list_numbers(source, claimed=False)}
    text = f"{number} {told.sentence}" if side == "before" else f"{told.sentence} {number}"
    assert weigh(text, told.sources)[0] != "supported" or str(number) in known


@settings(deadline=None)
@given(
    st.sampled_from([one for one in tell_all() if one.true and '"' in one.sentence]),
    st.text(min_size=1),
)
def test_changed_quotation_is_never_supported(told: Told, text: str) -> None:
    text = text.replace('"', "") or "x"
    start, quoted, rest = told.sentence.split('"', 2)
    changed = f'{start}"{quoted} {text}"{rest}'
    support, _ = weigh(changed, told.sources)
    assert support != "supported" or not any(letter.isalnum() for letter in text)


@settings(deadline=None)
@given(st.sampled_from(tell_all()), st.lists(st.text(), max_size=3))
@example(tell_all()[0], ['"'])
def test_any_text_is_weighed_without_an_error(told: Told, texts: list[str]) -> None:
    for sentence in (*texts, told.sentence):
        assert weigh(sentence, texts)[0] in ("supported", "unsupported", "unchecked")
        assert weigh(sentence, [])[0] != "supported"


def test_numbers_are_read_from_digits_and_words() -> None:
    text = "Twenty-five dogs, 1,000 cats, 3.50 and two hundred five, ７ cows, the 3rd horse."
    assert list_numbers(text) == ["25", "1000", "3.5", "205", "7", "3"]


def test_each_kind_of_mutation_is_made() -> None:
    assert {one.kind for one in tell_all() if not one.true} >= FOUND_BY_WORDS | {
        "name",
        "denial",
        "who does what",
        "words dropped",
    }
    assert dict(mutate("Ann hands Bob two keys.", ["Ann hands Bob two keys. He sees Bob and Ann."]))


def test_what_a_voice_says_in_several_chunks_may_be_quoted_as_one() -> None:
    sources = [
        'The heading reads "Tides". A voice says "The moon pulls.".',
        'The heading reads "Tides". A voice says "The sea follows.".',
        'The heading reads "Sand". A voice says "The wind moves it.".',
    ]
    whole = (
        'The heading reads "Tides"; a voice says "The moon pulls. The sea follows."; the heading'
    )
    assert weigh(f'{whole} reads "Sand".', sources)[0] == "supported"
    swapped = 'A voice says "The sea follows. The moon pulls.".'
    assert weigh(swapped, sources)[0] == "unsupported"
