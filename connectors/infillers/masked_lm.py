"""Infilling with a masked language model: one mask for each word of the hole, filled from left to right."""

from functools import cached_property
from typing import TYPE_CHECKING

import regex

from convexplain.fidelity.edits import words
from convexplain.models.infilling import Masked

from . import fills
from .kind import InfillerKind
from .transformer import TransformerInfiller

if TYPE_CHECKING:
    import torch

_MOST = 24  # words of a hole; a longer one is filled with so many


class MaskedInfiller(TransformerInfiller):
    """Fills holes with a BERT- or RoBERTa-like model. A fill has as many words as the hole, each a single token."""

    kind = "masked"
    auto = "AutoModelForMaskedLM"

    def _check(self) -> str | None:
        return None if self._tokenizer.mask_token_id is not None else "its tokenizer has no mask token"

    def _candidates(self, before: list[int], after: list[int], masked: Masked, k: int) -> list[str]:
        """Return fills of a beam search: after each word the k beginnings with the highest log-probabilities remain."""
        import torch

        core = fills.parts(masked.old)[1] or masked.old
        length = min(len(words(core)), _MOST)
        allowed = self._whole_words
        if not int(allowed.sum()):
            return []
        mask = self._tokenizer.mask_token_id
        head, tail = self._around()
        beams: list[tuple[float, list[int]]] = [(0.0, [])]
        for at in range(length):
            rows = [[*head, *before, *beam, *[mask] * (length - at), *after, *tail] for _, beam in beams]
            hole = len(head) + len(before) + at
            ids = torch.tensor(rows, device=self._model.device)
            logits = self._model(input_ids=ids, attention_mask=torch.ones_like(ids)).logits[:, hole].float().cpu()
            scores = logits.log_softmax(-1)[:, : len(allowed)].masked_fill(~allowed, float("-inf"))
            best = scores.topk(min(k, int(allowed.sum())))
            grown = [
                (score + logprob, [*beam, token])
                for (score, beam), logprobs, tokens in zip(
                    beams, best.values.tolist(), best.indices.tolist(), strict=True
                )
                for logprob, token in zip(logprobs, tokens, strict=True)
            ]
            beams = sorted(grown, key=lambda beam: -beam[0])[:k]
        return [self._text(beam) for _, beam in beams]

    @cached_property
    def _whole_words(self) -> "torch.Tensor":
        """Return a mask of the tokens that are a word by themselves, and no piece of one."""
        import torch

        tokenizer = self._tokenizer
        size = min(self._model.config.vocab_size, len(tokenizer))
        (first,) = tokenizer("a", add_special_tokens=False)["input_ids"][-1:]
        lead = len(tokenizer.decode([first]))
        special = set(tokenizer.all_special_ids)
        texts = tokenizer.batch_decode([[first, i] for i in range(size)])
        word = regex.compile(r" \w[\w'’-]*+")
        return torch.tensor([i not in special and bool(word.fullmatch(text[lead:])) for i, text in enumerate(texts)])


MASKED = InfillerKind(
    "masked",
    "A masked language model of `transformers`: BERT, RoBERTa.",
    "REPO_OR_FOLDER",
    make=lambda target, cache: MaskedInfiller(target),
)
