"""BERTScore: how alike two texts are by matched tokens."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convexplain.errors import UsageError
from convexplain.models.chat import sendable

from .kind import similarity_kind
from .pretrained import Pretrained, in_batches, window

if TYPE_CHECKING:
    import torch

ROBERTA = "FacebookAI/roberta-large"

# The layers where the authors of BERTScore found most agreement with people, counted from the embeddings, which are 0.
_LAYERS = {
    ROBERTA: 17,
    "roberta-large": 17,
    "bert-base-uncased": 9,
    "google-bert/bert-base-uncased": 9,
    "microsoft/deberta-xlarge-mnli": 40,
}


class BertScore:
    """BERTScore (Zhang et al., arXiv 1904.09675): F1 of tokens matched by their contextual embeddings, in [0, 1].

    Precision is the mean over the response's tokens of the largest cosine with a token of the original, recall the
    other way round; higher = more alike, 1 = the same text. The marks that the tokenizer adds may be matched but do not
    count, as in the authors' package. There are no weights by rarity and no rescaling, so values crowd near 1. Where
    precision or recall is not positive F1 is 0. A text beyond the model's window is read in parts. For any thread.

    The authors' package, bert-score 0.3.13 of 2023, is not used. With transformers 5.23 it gives the same numbers for
    short texts, but it fails on empty ones and on some that are too long, reads a mark such as `</s>` in a text as the
    tokenizer's own, is not maintained any more, and brings matplotlib and pandas.

    Args:
        source: a folder as `save_pretrained` writes it, or the name of a repository on the Hugging Face hub; of an
            encoder-decoder the encoder is taken.
        layer: whose hidden states are compared, from 1; unless given the authors' choice for the models that are known
            here (17 for the default), and the last for others.

    Raises:
        UsageError: the layer is less than 1.
    """

    def __init__(self, source: str | Path = ROBERTA, layer: int | None = None) -> None:
        if layer is not None and layer < 1:
            raise UsageError(f"layer={layer} is not valid; it must be at least 1")
        self.name = f"bertscore:{source}"
        self._layer = _LAYERS.get(str(source)) if layer is None else layer
        self._lock = threading.Lock()
        self._pretrained = Pretrained(source, self.name, "AutoModel")

    def __call__(self, original: str, responses: Sequence[str]) -> list[float | None]:
        """Return F1 for each response; None where it or the original has no token.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: the model cannot be had.
            UsageError: the model has no such layer.
        """
        with self._lock:  # a tokenizer is not for several threads at once
            return self._scores(original, list(responses))

    def _scores(self, original: str, responses: list[str]) -> list[float | None]:
        tokenizer, model = self._pretrained.get()
        import torch

        texts = list(dict.fromkeys(responses))
        if not texts:
            return []
        rows, _ = _parts(tokenizer, model, [original])
        parts = in_batches(rows, tokenizer.pad_token_id, model, lambda batch: self._read(model, batch))
        reference = torch.cat([states for states, _ in parts])
        counts = torch.cat([counts for _, counts in parts])
        if not counts.any():
            return [None] * len(responses)

        def run(batch: "dict[str, torch.Tensor]") -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
            for states, counted in self._read(model, batch):
                cosines = states @ reference.T
                yield cosines.max(1).values[counted].cpu(), cosines.max(0).values[counts].cpu()

        rows, owners = _parts(tokenizer, model, texts)
        matches = in_batches(rows, tokenizer.pad_token_id, model, run)
        by_text: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {}
        for owner, match in zip(owners, matches, strict=True):
            by_text.setdefault(owner, []).append(match)
        scores = {text: _f1(by_text[i]) for i, text in enumerate(texts)}
        return [scores[response] for response in responses]

    def _read(self, model: Any, batch: "dict[str, torch.Tensor]") -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """Yield for each row the states of its tokens, normalised to length 1, and a mask of those that count."""
        import torch

        marks = batch["special_tokens_mask"].bool()
        real = batch["attention_mask"].bool()
        encoder = model.get_encoder() if model.config.is_encoder_decoder else model
        inputs = {key: value for key, value in batch.items() if key != "special_tokens_mask"}
        if self._layer is None:
            states = encoder(**inputs).last_hidden_state
        else:
            layers = encoder(**inputs, output_hidden_states=True).hidden_states
            if self._layer >= len(layers):
                raise UsageError(f"layer={self._layer} is not valid; {self.name} has layers 1 to {len(layers) - 1}")
            states = layers[self._layer]
        states = torch.nn.functional.normalize(states.double(), dim=-1)
        for state, mark, is_token in zip(states, marks, real, strict=True):
            yield state[is_token], ~mark[is_token]


def _parts(tokenizer: Any, model: Any, texts: Sequence[str]) -> tuple[list[dict[str, list[int]]], list[int]]:
    """Return the texts in rows that fit into the window, and for each row the index of its text."""
    encoded = tokenizer(
        [" " + sendable(text).strip() for text in texts],  # byte-level tokenizers tell a word that begins a text apart
        truncation=True,
        max_length=window(tokenizer, model),
        return_overflowing_tokens=True,
        return_attention_mask=True,
        return_special_tokens_mask=True,
        split_special_tokens=True,
    )
    owners = encoded.pop("overflow_to_sample_mapping")
    return [{key: encoded[key][i] for key in encoded} for i in range(len(owners))], owners


def _f1(parts: "Sequence[tuple[torch.Tensor, torch.Tensor]]") -> float | None:
    """Return F1 from the best cosines of each part's tokens and of the original's tokens with them."""
    import torch

    best_cosines = torch.cat([best for best, _ in parts])
    if not len(best_cosines):
        return None
    precision = float(best_cosines.mean())
    recall = float(torch.stack([best for _, best in parts]).max(0).values.mean())
    if precision <= 0 or recall <= 0:
        return 0.0
    return min(1.0, 2 * precision * recall / (precision + recall))


BERTSCORE = similarity_kind(
    "bertscore", "BERTScore: tokens matched by their contextual embeddings.", BertScore, ROBERTA
)
