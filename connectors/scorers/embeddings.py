"""Texts as vectors: the mean over an encoder's last hidden states (for `fidelity.content_preservation`)."""

from pathlib import Path
from typing import TYPE_CHECKING

from convexplain.models.chat import sendable

from .pretrained import Pretrained, in_batches, window

if TYPE_CHECKING:
    import torch

BERT = "bert-base-uncased"


class SentenceEmbeddings:
    """Gives each text the mean of its tokens' last hidden states. Loaded when first called.

    The tokens that mark a beginning and an end count as well. A text longer than the model's window is read in parts,
    and the mean goes over the tokens of all.

    Args:
        source: a folder as `save_pretrained` writes it, or the name of a repository on the Hugging Face hub; the
            default is the CELL paper's.
    """

    def __init__(self, source: str | Path = BERT) -> None:
        self._pretrained = Pretrained(source, f"embeddings:{source}", "AutoModel")

    def __call__(self, texts: list[str]) -> list[list[float]]:
        """Return one vector a text, of the model's width.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: the model cannot be had.
        """
        tokenizer, model = self._pretrained.get()
        if not texts:
            return []
        encoded = tokenizer(
            [sendable(text) for text in texts],
            truncation=True,
            max_length=window(tokenizer, model),
            return_overflowing_tokens=True,
            return_attention_mask=True,
            split_special_tokens=True,
        )
        parts = encoded.pop("overflow_to_sample_mapping")
        rows = [{key: encoded[key][i] for key in encoded} for i in range(len(parts))]

        def run(batch: "dict[str, torch.Tensor]") -> "list[torch.Tensor]":
            mask = batch["attention_mask"].unsqueeze(-1)
            return list((model(**batch).last_hidden_state.double() * mask).sum(1).cpu())

        sums = in_batches(rows, tokenizer.pad_token_id, model, run)
        totals: list[torch.Tensor | None] = [None] * len(texts)
        counts = [0] * len(texts)
        for text, row, part in zip(parts, rows, sums, strict=True):
            total = totals[text]
            totals[text] = part if total is None else total + part
            counts[text] += len(row["input_ids"])
        return [(total / count).tolist() for total, count in zip(totals, counts, strict=True) if total is not None]
