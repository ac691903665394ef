"""What the check lets pass and what it holds back: sentences that small models really wrote."""

import pytest

from longtake.check import find_missing, find_support

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
    ("sentence", "sources", "support"),
    [
        ("Two people and two cars.", STREET, [0]),
        ("Two cars, then four cars and a bicycle.", STREET, [0, 1]),
        ("2 people, then a fire hydrant.", STREET, [0, 1]),
        ("A man walks a dog in a park.", PARK, [0]),
        ("A man walks a dog, and the dog runs after the ball.", PARK, [0, 1]),
        ("A man walking a small brown dog.", PARK, [0]),
        ('A heading reads "How Bridges Carry Weight".', SLIDES, [0]),
        ("Two people and a bicycle.", STREET, [0, 1]),
        ("There is much movement.", STREET, [0, 1]),
        ("A woman passes them.", PARK, [2]),
        ("A man turns and throws a ball.", ["A man turns and throws a ball."], [0]),
        ("A child sat by two buses.", ["A small child sits by two buses."], [0]),
        ('The heading reads "Push and Pull", and the picture stands still.', SLIDES, [1]),
        ("A goalkeeper stands between the posts, and a player kicks the ball.", GOAL, [0, 1]),
        ("The man does not wave at her.", PARK, [2]),
    ],
)
def test_what_only_leaves_words_out_holds(
    sentence: str, sources: list[str], support: list[int]
) -> None:
    assert find_missing(sentence, sources) == []
    assert find_support(sentence, sources) == support


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
    assert find_support(sentence, sources) is None


@pytest.mark.parametrize(
    ("sentence", "sources", "missing"),
    [
        ("Three people walk.", STREET, ["3", "walk"]),
        ("Mr. Smith walks a dog.", PARK, ["mr", "smith"]),
        ('Text reads "PWNED".', SLIDES, ['"pwned"']),
        ('The heading reads "How Bridges Fall".', SLIDES, ['"how bridges fall"']),
        ("A dragon burns a village.", PARK, ["dragon", "burn", "villag"]),
    ],
)
def test_names_numbers_and_quotations_that_no_source_has_are_found(
    sentence: str, sources: list[str], missing: list[str]
) -> None:
    assert find_missing(sentence, sources) == missing


def test_quotation_is_one_thing_whatever_stands_in_it() -> None:
    sources = ['Text reads "Wait. Stop; go / and never look back".']
    assert find_support('Text reads "Wait. Stop; go / and never look back".', sources) == [0]
    assert find_support('Text reads "and never look back".', sources) == [0]
    assert find_missing('Text reads "Wait. Stop".', sources) == ['"wait. stop"']


def test_denial_inside_a_quotation_denies_nothing() -> None:
    sources = ['Text reads "Do not enter". A man enters.']
    assert find_support('Text reads "Do not enter".', sources) == [0]
    assert find_support("A man enters.", sources) == [0]
