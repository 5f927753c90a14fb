"""A local model on plain text without a chat template: its tokens and forward passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from .forward import Forward
from .prefix_tree import common_length


@dataclass(frozen=True, slots=True)
class RawText:
    """Forward passes and a tokenizer for plain text.

    Attributes:
        forward: runs the model.
        tokenizer: the model's tokenizer.
        token_texts: each token's text inside a text.
        window: tokens that the model reads at most, or None where it does not say.
    """

    forward: Forward
    tokenizer: Any
    token_texts: Sequence[str]
    window: int | None

    def encode_end(self, text: str, limit: int) -> list[int]:
        """Return the tokens of a text's end, at least one and about `limit` at most.

        Where it is cut moves in steps of half the limit, so that places close to each other share their beginning.
        Before it comes the tokenizer's first token, or an empty line: the next word of an embedded model's short
        texts was among its first twenty 24 times of 34 so, and 18 times with nothing there.
        """
        ids: list[int] = self.tokenizer(text, add_special_tokens=False)["input_ids"]
        step = max(1, limit // 2)
        ids = ids[max(0, -(-(len(ids) - limit) // step) * step) :]
        first = self.tokenizer.bos_token_id
        if first is not None and first in self.tokenizer("")["input_ids"]:
            return [first, *ids]
        return [*self.encode_following("\n\n"), *ids] or [self.tokenizer.eos_token_id or 0]

    def encode_following(self, text: str) -> list[int]:
        """Return the tokens of a text that follows another: some tokenizers treat a first word differently."""
        anchor = "a" if text[:1].isspace() else "\n"
        lead: list[int] = self.tokenizer(anchor, add_special_tokens=False)["input_ids"]
        ids: list[int] = self.tokenizer(anchor + text, add_special_tokens=False)["input_ids"]
        return ids[common_length(lead, ids) :]

    def special_tokens(self) -> set[int]:
        """Return the tokens that are no text."""
        added = {i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        return added | set(self.tokenizer.all_special_ids)
