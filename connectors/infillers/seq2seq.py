"""Infilling with an encoder-decoder: T5, which writes what is in the hole, and BART, which writes the text anew."""

from collections.abc import Sequence

import regex

from convexplain.models.infilling import Masked

from . import fills
from .kind import InfillerKind
from .loaded import LoadedInfiller

_SENTINEL, _NEXT_SENTINEL = "<extra_id_0>", "<extra_id_1>"
_ANCHOR = 3  # words behind the hole by which the end of a fill is found
_WORD = regex.compile(r"\w+|[^\w\s]")


class Seq2SeqInfiller(LoadedInfiller):
    """Fills holes with a T5-like model (`<extra_id_0>`) or a BART-like one (`<mask>`)."""

    kind = "seq2seq"
    auto = "AutoModelForSeq2SeqLM"

    def _check(self) -> str | None:
        if self._sentinel(_SENTINEL) is None and self._tokenizer.mask_token_id is None:
            return f"its tokenizer has neither {_SENTINEL} (as T5's) nor a mask token (as BART's)"
        return None

    def _candidates(self, before: list[int], after: list[int], masked: Masked, k: int) -> list[str]:
        sentinel = self._sentinel(_SENTINEL)
        longest = 4 * fills.longest(masked.old) + 4
        if sentinel is not None:
            made = self._written([*before, sentinel, *after], [sentinel], longest, k)
            return [self._text(new) for new in made]
        # The text before the hole is given to the decoder: only what comes next is of interest.
        head = self._around()[0]
        behind = self._text(after)
        longest = min(longest + 8, self._positions() - len(head) - len(before) - 1)
        made = self._written([*before, self._tokenizer.mask_token_id, *after], [*head, *before], longest, k)
        return [fill for fill in (up_to(self._text(new), behind) for new in made) if fill]

    def _written(self, read: Sequence[int], given: Sequence[int], longest: int, k: int) -> list[list[int]]:
        """What the decoder writes after the tokens given to it, up to its next special token; k beams, best first."""
        import torch

        config, device = self._model.config, self._model.device
        start = self._model.generation_config.decoder_start_token_id
        start = config.decoder_start_token_id if start is None else start
        head, tail = self._around()
        ids = torch.tensor([[*head, *read, *tail]], device=device)
        ends = {self._tokenizer.eos_token_id, self._sentinel(_NEXT_SENTINEL)} - {None}
        made = self._model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            decoder_input_ids=torch.tensor([[start, *given]], device=device),
            max_new_tokens=longest,
            num_beams=k,
            num_return_sequences=k,
            do_sample=False,
            early_stopping=True,
            eos_token_id=sorted(ends),
        )
        special = set(self._tokenizer.all_special_ids)
        rows = [row[1 + len(given) :] for row in made.tolist()]
        return [row[: next((i for i, token in enumerate(row) if token in special), len(row))] for row in rows]

    def _sentinel(self, token: str) -> int | None:
        found = self._tokenizer.convert_tokens_to_ids(token)
        return None if found is None or found == self._tokenizer.unk_token_id else int(found)


def up_to(text: str, after: str) -> str:
    """What stands in a text up to where `after` begins, found by its first words; empty where it does not begin.

    With nothing behind the hole, all of the text.
    """
    words = _WORD.findall(after)[:_ANCHOR]
    if not words:
        return text.strip()
    for length in range(len(words), 0, -1):
        pattern = r"\s*".join(map(regex.escape, words[:length])) + (r"\b" if words[length - 1][-1].isalnum() else "")
        found = regex.search(r"(?<!\w)" * words[0][0].isalnum() + pattern, text)
        if found:
            return text[: found.start()].strip()
    return ""


SEQ2SEQ = InfillerKind(
    "seq2seq",
    "An encoder-decoder of `transformers`: T5, BART.",
    "REPO_OR_FOLDER",
    make=lambda target, cache: Seq2SeqInfiller(target),
)
