"""The model's parts put together as in training, and asked without an engine."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from torch import nn

from longtake.evaluate.world import COLOURS, KINDS
from scripts.sight.batches import Batch, as_pixels, make_prompt
from scripts.sight.model import PICTURE, PICTURE_TOKENS, TILED, WIDTH
from scripts.sight.sentences import Event, read_events
from scripts.sight.windows import FACTS, PICTURES, Window

MOST_TOKENS = 48


class Trainee(nn.Module):  # type: ignore[misc]
    """The model, and beside it two heads for training alone.

    One tells from its tokens what is in a picture; the other, from what the text model knows at the
    end of each picture, what is in it and what was in the one before: so it learns to compare them.
    """

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.model = model
        self.teller = nn.Linear(PICTURE_TOKENS * WIDTH, len(COLOURS) * FACTS)
        self.recaller = nn.Linear(WIDTH, 2 * len(COLOURS) * FACTS)

    def look(self, pixels: Any) -> Any:
        """The tokens of each picture: (pictures, tokens, width)."""
        side = pixels.shape[-1] // self.model.config.vision_config.patch_size
        mask = torch.ones(len(pixels), side, side, dtype=torch.bool)
        seen = self.model.model.vision_model(pixels, patch_attention_mask=mask)
        return self.model.model.connector(seen.last_hidden_state)

    def embed(self, tokens: Any, seen: Any, tiled: bool) -> Any:
        """The prompt's tokens with those of the pictures in their places."""
        places = (tokens[0] == self.model.config.image_token_id).nonzero()[:, 0]
        seen = seen.view(len(tokens), -1, PICTURE_TOKENS, WIDTH)
        if tiled:
            seen = seen.repeat_interleave(2, 1)
        embedded = self.model.model.text_model.embed_tokens(tokens.clamp(min=0))
        return embedded.index_copy(1, places, seen.reshape(len(tokens), -1, WIDTH))

    def losses(self, batch: Batch) -> dict[str, Any]:
        """Of the answers, of what is told of each picture, and of what is recalled after each."""
        seen = self.look(batch.pixels)
        embedded = self.embed(batch.tokens, seen, batch.tiled)[:, :-1]
        known = self.model.model.text_model(inputs_embeds=embedded, use_cache=False)
        states = known.last_hidden_state
        scores = self.model.lm_head(states[:, batch.start - 1 :])
        targets = batch.tokens[:, batch.start :]
        each = len(TILED if batch.tiled else PICTURE)
        recalled = self.recaller(states[:, each : batch.start - 1 : each])
        facts = batch.facts.view(*recalled.shape[:2], len(COLOURS), FACTS)
        now, before = recalled.view(*facts.shape[:-1], 2 * FACTS).chunk(2, -1)
        return {
            "answers": nn.functional.cross_entropy(
                scores.transpose(1, 2), targets, ignore_index=-1
            ),
            "facts": self.fact_loss(batch.facts, seen),
            "recalled": _compare(now, facts) + _compare(before[:, 1:], facts[:, :-1]),
        }

    def fact_loss(self, facts: Any, seen: Any) -> Any:
        """Of what is told of single pictures."""
        return _compare(self.teller(seen.flatten(1)).view(facts.shape), facts)


def _compare(told: Any, facts: Any) -> Any:
    there = facts[..., 0]
    presence = nn.functional.binary_cross_entropy_with_logits(told[..., 0], there)
    kinds = slice(1, 1 + len(KINDS))
    kind = -(told[..., kinds].log_softmax(-1) * facts[..., kinds]).sum(-1)
    rest = (told[..., kinds.stop :] - facts[..., kinds.stop :]).square().sum(-1)
    return 10 * presence + ((kind + 5 * rest) * there).sum() / there.sum().clamp(min=1)


@torch.inference_mode()  # type: ignore[untyped-decorator]
def answer(trainee: Trainee, tokenizer: Any, pixels: Any, windows: int, tiled: bool) -> list[str]:
    """Greedy answers about windows with as many pictures each."""
    count = len(pixels) // windows
    tokens = torch.tensor([make_prompt(tokenizer, count, tiled)] * windows)
    embedded, kept, said = trainee.embed(tokens, trainee.look(pixels), tiled), None, []
    for _ in range(MOST_TOKENS):
        states = trainee.model.model.text_model(inputs_embeds=embedded, past_key_values=kept)
        kept = states.past_key_values
        best = trainee.model.lm_head(states.last_hidden_state[:, -1:]).argmax(-1)
        said.append(best)
        if (torch.cat(said, 1) == tokenizer.eos_token_id).any(1).all():
            break
        embedded = trainee.model.model.text_model.embed_tokens(best)
    rows = torch.cat(said, 1).tolist()
    end = tokenizer.eos_token_id
    return [tokenizer.decode(row[: row.index(end)] if end in row else row) for row in rows]


def score(
    trainee: Trainee, tokenizer: Any, windows: Sequence[Window], count: int, tiled: bool = False
) -> tuple[Counter[Event], Counter[Event], Counter[Event]]:
    """The events that happen, those that are told, and those of them that happen, each counted."""
    true: Counter[Event] = Counter()
    told: Counter[Event] = Counter()
    right: Counter[Event] = Counter()
    chosen = [int((k + 0.5) * PICTURES / count) for k in range(count)]
    for start in range(0, len(windows), 64):
        some = windows[start : start + 64]
        pixels = as_pixels(np.concatenate([w.pictures[chosen] for w in some]), None, count)
        texts = answer(trainee, tokenizer, pixels, len(some), tiled)
        for window, text in zip(some, texts, strict=True):
            happened = Counter(read_events(" ".join(window.sentences)))
            said = Counter(read_events(text))
            true += happened
            told += said
            right += happened & said
    return true, told, right
