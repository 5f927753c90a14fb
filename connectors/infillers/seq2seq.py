"""Infilling with an encoder-decoder: T5 writes the content of the hole, BART writes the text again."""

from collections.abc import Sequence

import regex

from convexplain.models.infilling import Masked

from . import fills
from .kind import InfillerKind
from .transformer import TransformerInfiller

_SENTINEL, _NEXT_SENTINEL = "<extra_id_0>", "<extra_id_1>"
_ANCHOR = 3  # words behind the hole by which the end of a fill is found
_WORD = regex.compile(r"\w+|[^\w\s]")


class Seq2SeqInfiller(TransformerInfiller):
    """Fills holes with a T5-like model (`<extra_id_0>`) or a BART-like one (`<mask>`)."""

    kind = "seq2seq"
    auto = "AutoModelForSeq2SeqLM"

    def _check(self) -> str | None:
        if self._sentinel(_SENTINEL) is None and self._tokenizer.mask_token_id is None:
            return f"its tokenizer has neither {_SENTINEL} (as T5's) nor a mask token (as BART's)"
        return None

    def _candidates(self, before: list[int], after: list[int], masked: Masked, k: int) -> list[str]:
        sentinel = self._sentinel(_SENTINEL)
        longest = 4 * fills.max_words(masked.old) + 4
        if sentinel is not None:
            texts = self._generate([*before, sentinel, *after], [sentinel], longest, k)
            return [self._text(new) for new in texts]
        # The text before the hole is given to the decoder: only what comes next is of interest.
        head = self._around()[0]
        behind = self._text(after)
        longest = min(longest + 8, self._positions() - len(head) - len(before) - 1)
        texts = self._generate([*before, self._tokenizer.mask_token_id, *after], [*head, *before], longest, k)
        return [fill for fill in (text_before(self._text(new), behind) for new in texts) if fill]

    def _generate(self, source: Sequence[int], prefix: Sequence[int], longest: int, k: int) -> list[list[int]]:
        """Return the decoder's tokens after its prefix, up to the next special token; k beams, best first."""
        import torch

        config, device = self._model.config, self._model.device
        start = self._model.generation_config.decoder_start_token_id
        start = config.decoder_start_token_id if start is None else start
        head, tail = self._around()
        ids = torch.tensor([[*head, *source, *tail]], device=device)
        ends = {self._tokenizer.eos_token_id, self._sentinel(_NEXT_SENTINEL)} - {None}
        beams = self._model.generate(
            input_ids=ids,
            attention_mask=torch.ones_like(ids),
            decoder_input_ids=torch.tensor([[start, *prefix]], device=device),
            max_new_tokens=longest,
            num_beams=k,
            num_return_sequences=k,
            do_sample=False,
            early_stopping=True,
            eos_token_id=sorted(ends),
        )
        special = set(self._tokenizer.all_special_ids)
        rows = [row[1 + len(prefix) :] for row in beams.tolist()]
        return [row[: next((i for i, token in enumerate(row) if token in special), len(row))] for row in rows]

    def _sentinel(self, token: str) -> int | None:
        number = self._tokenizer.convert_tokens_to_ids(token)
        return None if number is None or number == self._tokenizer.unk_token_id else int(number)


def text_before(text: str, after: str) -> str:
    """Return the text before the first words of `after`; empty where they are not in it.

    With nothing behind the hole, all of the text is returned.
    """
    words = _WORD.findall(after)[:_ANCHOR]
    if not words:
        return text.strip()
    for length in range(len(words), 0, -1):
        pattern = r"\s*".join(map(regex.escape, words[:length])) + (r"\b" if words[length - 1][-1].isalnum() else "")
        match = regex.search(r"(?<!\w)" * words[0][0].isalnum() + pattern, text)
        if match:
            return text[: match.start()].strip()
    return ""


SEQ2SEQ = InfillerKind(
    "seq2seq",
    "An encoder-decoder of `transformers`: T5, BART.",
    "REPO_OR_FOLDER",
    make=lambda target, cache: Seq2SeqInfiller(target),
)
