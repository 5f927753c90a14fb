"""Label probabilities from a model's whole vocabulary."""

import math
from collections.abc import Sequence
from functools import cached_property
from typing import Any

from convexplain.errors import ModelError
from convexplain.judges.labels import possible_labels
from convexplain.models.chat import LabelLogprobs

from .forward import Forward

_NEGLIGIBLE = 1e-4  # probability below which a token that begins several labels is not followed further


class LabelTokens:
    """The tokens that decide for labels.

    Args:
        tokenizer: the model's.
        size: tokens that the model knows; the tokenizer may have fewer.
    """

    def __init__(self, tokenizer: Any, size: int) -> None:
        self._tokenizer = tokenizer
        self._size = size
        self._tables: dict[tuple[str, ...], dict[str, list[int]]] = {}

    @cached_property
    def token_texts(self) -> list[str]:
        """Return each token's text inside a text: some tokenizers drop a first token's leading space."""
        size = min(self._size, len(self._tokenizer))
        (first,) = self._tokenizer("a", add_special_tokens=False)["input_ids"][-1:]
        lead = len(self._tokenizer.decode([first]))
        pairs = [[first, i] for i in range(size)]
        return [text[lead:] for text in self._tokenizer.batch_decode(pairs)]

    def deciding_tokens(self, labels: tuple[str, ...], before: str) -> dict[str, list[int]]:
        """Return the tokens that decide for each label after the text `before`; under "" those of several labels."""
        key = (*labels, before)
        if key not in self._tables:
            table: dict[str, list[int]] = {name: [] for name in (*labels, "")}
            for token, text in enumerate(self.token_texts):
                possible = possible_labels(before + text, labels) if text else ()
                if possible:
                    table[possible[0] if len(possible) == 1 else ""].append(token)
            self._tables[key] = table
        return self._tables[key]

    def read(
        self, forward: Forward, labels: Sequence[tuple[str, ...]], prompts: Sequence[list[int]]
    ) -> tuple[list[LabelLogprobs | ModelError], list[int]]:
        """Return each prompt's label log-probabilities, and how many of its tokens were cached.

        Each next token adds its probability to its label; a token that begins several labels is followed one further.

        Args:
            forward: runs the model.
            labels: of each prompt.
            prompts: token ids.
        """
        masses = [dict.fromkeys(names, 0.0) for names in labels]
        errors: dict[int, ModelError] = {}
        outcomes, cached = forward.last(prompts)
        places = [(i, ids, "", 1.0) for i, ids in enumerate(prompts)]
        while places:
            further = []
            for (i, ids, before, reached), outcome in zip(places, outcomes, strict=True):
                if isinstance(outcome, ModelError):
                    errors[i] = outcome
                    continue
                table = self.deciding_tokens(labels[i], before)
                probabilities = outcome.double().softmax(-1)
                for name in labels[i]:
                    masses[i][name] += reached * float(probabilities[table[name]].sum())
                for token in table[""]:
                    p = reached * float(probabilities[token])
                    if p > _NEGLIGIBLE:
                        further.append((i, [*ids, token], before + self.token_texts[token], p))
            places = further
            if places:
                outcomes, _ = forward.last([ids for _, ids, _, _ in places], keep=False)
        logprobs = [LabelLogprobs({name: math.log(p) for name, p in mass.items() if p > 0}) for mass in masses]
        return [errors.get(i, labels) for i, labels in enumerate(logprobs)], cached
