"""A local model on plain text without a chat template: its tokens and forward passes."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from convexplain.errors import ModelError

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
        ids = self.encode(text)
        step = max(1, limit // 2)
        ids = ids[max(0, -(-(len(ids) - limit) // step) * step) :]
        first = self.tokenizer.bos_token_id
        if first is not None and first in self.tokenizer("")["input_ids"]:
            return [first, *ids]
        return [*self.encode_following("\n\n"), *ids] or [self.tokenizer.eos_token_id or 0]

    def encode_following(self, text: str) -> list[int]:
        """Return the tokens of a text that follows another: some tokenizers treat a first word differently."""
        anchor = "a" if text[:1].isspace() else "\n"
        ids = self.encode(anchor + text)
        return ids[common_length(self.encode(anchor), ids) :]

    def encode(self, text: str) -> list[int]:
        """Return the tokens of a text; control tokens that it spells out are text like any other."""
        ids: list[int] = self.tokenizer(text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        return ids

    def encode_with_places(self, text: str) -> list[tuple[int, int, int]]:
        """Return the tokens of a text that follows another, each with its place: (token, start, end) in code points.

        Tokens of one character that takes several have the same place; those of nothing in the text have none and are
        left out.

        Raises:
            ModelError: the tokenizer does not return places.
        """
        anchor = "a" if text[:1].isspace() else "\n"
        try:
            encoded = self.tokenizer(
                anchor + text, add_special_tokens=False, split_special_tokens=True, return_offsets_mapping=True
            )
        except NotImplementedError as error:
            raise ModelError("the model's tokenizer does not tell where its tokens stand in the text") from error
        places = zip(encoded["input_ids"], encoded["offset_mapping"], strict=True)
        return [(token, max(start, 1) - 1, end - 1) for token, (start, end) in places if end > 1]

    def special_tokens(self) -> set[int]:
        """Return the tokens that are no text."""
        added = {i for i, token in self.tokenizer.added_tokens_decoder.items() if token.special}
        return added | set(self.tokenizer.all_special_ids)
