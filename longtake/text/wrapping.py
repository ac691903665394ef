"""What models put round an answer, taken off: thoughts, channels, boxes, fences, ends of turns.

One cleaning for all engines, before anything is judged. Knows no question and no language. What
stands between quotation marks stays, for a video may say or show anything.
"""

import re
from collections.abc import Callable, Iterable

from longtake.text.clauses import QUOTED


def _read_pairs(table: str) -> dict[str, str]:
    """Each line's first mark in lower case, and its last."""
    pairs = (line.lower().rsplit(maxsplit=1) for line in table.strip().splitlines())
    return {begin.strip(): end for begin, end in pairs}


THOUGHTS = _read_pairs("""
    <think> </think>
    <thinking> </thinking>
    <thought> </thought>
    <thoughts> </thoughts>
    <reasoning> </reasoning>
    <reflection> </reflection>
    <scratchpad> </scratchpad>
    <seed:think> </seed:think>
    <mm:think> </mm:think>
    <longcat_think> </longcat_think>
    ◁think▷ ◁/think▷
    [think] [/think]
    [thinking] [/thinking]
    <|channel>thought <channel|>
    <|begin_of_thought|> <|end_of_thought|>
    <|start_thinking|> <|end_thinking|>
    <|inner_prefix|> <|inner_suffix|>
    <unused94>thought <unused95>
    <|channel|>analysis<|message|> <|end|>
    <|channel|>commentary<|message|> <|end|>
""")
"""What begins a thought, and what ends it."""
ANSWERS = _read_pairs("""
    <answer> </answer>
    <final_answer> </final_answer>
    <final> </final>
    <response> </response>
    <output> </output>
    <result> </result>
    <solution> </solution>
    <description> </description>
    <caption> </caption>
    <|begin_of_box|> <|end_of_box|>
    <|begin_of_solution|> <|end_of_solution|>
    <|start_response|> <|end_response|>
    <|channel|>final<|message|> <|return|>
    <|channel|>final <|constrain|>json<|message|> <|return|>
    assistantfinal <|return|>
""")
"""What begins an answer, where that is marked, and what ends it."""
BEGINS = """
    <s> <bos> <|begin_of_text|> <|startoftext|> [/inst] <|assistant|> <｜assistant｜> <|start|>assistant
    <|im_start|>assistant <start_of_turn>model <|turn>model <|start_header_id|>assistant<|end_header_id|>
    <|start_of_role|>assistant<|end_of_role|> <|start_of_turn_token|><|chatbot_token|>
""".split()  # noqa: E501 - marks have no blanks to break at
"""Begin a model's turn: servers that cut the template in the wrong place leave them."""
ENDS = """
    </s> <eos> <end_of_turn> <turn|> <end_of_utterance> <|im_end|> <|im_start|> <|endoftext|> <|end|>
    <|eot_id|> <|eom_id|> <|end_of_text|> <|end_of_turn|> <|endofturn|> <|end_of_turn_token|> <|return|>
    <|end▁of▁sentence|> <｜end▁of▁sentence｜> <|end_of_sentence|> <|start_header_id|> <|user|>
    <|observation|> <start_of_turn> <|turn> [inst] <|end_of_role|> <|role_end|> <|message_sep|> <|eot|>
""".split()  # noqa: E501
"""End a model's turn: what comes after one is invented."""
_LONE = frozenset(THOUGHTS.values()) - frozenset(ENDS)
"""Ends of thoughts that tell one even without its begin: some templates open it themselves."""


def _any(marks: Iterable[str]) -> re.Pattern[str]:
    known = sorted(marks, key=len, reverse=True)
    return re.compile("|".join(map(re.escape, known)), re.IGNORECASE)


_THOUGHT = _any({*THOUGHTS, *THOUGHTS.values()})
_ANSWER, _CLOSED = _any(ANSWERS), _any({*ANSWERS.values()})
_BEGIN, _ENDED = _any(BEGINS), _any(ENDS)
_UNMARKED = re.compile(r"analysis(?=\S)", re.IGNORECASE)
"""Channels of gpt-oss whose marks were left out: `analysisThe user … assistantfinalA man`."""
_FENCE = re.compile(r"```[\w-]*[ \t]*\n(.*?)(?:\n[ \t]*```|\Z)", re.DOTALL)
MOST_ROUNDS = 8


def unwrap(text: str) -> tuple[str, bool]:
    """The answer alone, and whether there was a thought beside it; empty where nothing else was."""
    bare, thought = _drop_thoughts(text)
    for _ in range(MOST_ROUNDS):
        before = bare
        for step in _STEPS:
            bare = step(bare).strip()
        if bare == before:
            break
    return bare, thought


def _drop_thoughts(text: str) -> tuple[str, bool]:
    """Without its thoughts; one that never ends takes the rest, where nothing stands before it."""
    kept: list[str] = []
    start, ends, found = 0, "", False
    for mark in _THOUGHT.finditer(text):
        said = mark[0].lower()
        if ends:
            if said == ends:
                start, ends = mark.end(), ""
        elif said in THOUGHTS:
            kept.append(text[start : mark.start()])
            start, ends, found = mark.start(), THOUGHTS[said], True
        elif said in _LONE:
            kept.clear()
            start, found = mark.end(), True
    whole = "".join(kept).strip() or not ends
    return ("".join([*kept, text[start:]]).strip() if whole else ""), found


def _take_answer(text: str) -> str:
    """What is marked as the answer; the last one, where there are several."""
    marks = [m for m in _ANSWER.finditer(_mask(text)) if _tells_answer(text, m)]
    if not marks:
        return text
    begin = marks[-1]
    end = text.lower().find(ANSWERS[begin[0].lower()], begin.end())
    return text[begin.end() : end if end >= 0 else None]


def _tells_answer(text: str, mark: re.Match[str]) -> bool:
    return mark[0][0] == "<" or bool(_UNMARKED.match(text))


def _drop_begins(text: str) -> str:
    found = _BEGIN.match(text)
    return text[found.end() :] if found else text


def _drop_ends(text: str) -> str:
    """Up to the first mark that ends a turn, and without one that only closes an answer."""
    found = _ENDED.search(_mask(text))
    text = text[: found.start()].rstrip() if found else text
    closed = [mark for mark in _CLOSED.finditer(text) if mark.end() == len(text)]
    return text[: closed[0].start()] if closed else text


def _open_fence(text: str) -> str:
    """What the one fence of a text holds, where at most a line announces it."""
    fences = list(_FENCE.finditer(text))
    if len(fences) != 1 or "\n" in text[: fences[0].start()].strip():
        return text
    return fences[0][1]


def _mask(text: str) -> str:
    """The text with other letters in place of its quotations."""
    return re.sub(QUOTED, lambda found: "\0" * len(found[0]), text)


_STEPS: tuple[Callable[[str], str], ...] = (_drop_begins, _take_answer, _drop_ends, _open_fence)
