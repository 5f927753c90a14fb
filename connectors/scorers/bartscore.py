"""BARTScore: how alike two texts are by their likelihood under an encoder-decoder."""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convexplain.errors import UnavailableError
from convexplain.models.chat import sendable

from .kind import similarity_kind
from .pretrained import Pretrained, in_batches, window

if TYPE_CHECKING:
    import torch

BART = "facebook/bart-large-cnn"

_AT_ONCE = 4  # rows whose probabilities over the vocabulary are held at once

_log = logging.getLogger(__name__)


class BartScore:
    """BARTScore (Yuan et al., arXiv 2106.11520): how probable the original and the response make each other, up to 0.

        ½ · (mean log p(token of the original | response) + mean log p(token of the response | original))

    That is the paper's F-score: natural logarithms, the marks that the tokenizer adds counted as tokens, as the authors
    do. Higher = more alike, but a text given itself does not have 0: values compare for one original only. For any
    thread.

    Args:
        source: an encoder-decoder: a folder as `save_pretrained` writes it, or the name of a repository on the Hugging
            Face hub.
    """

    def __init__(self, source: str | Path = BART) -> None:
        self.name = f"bartscore:{source}"
        self._lock = threading.Lock()
        self._pretrained = Pretrained(source, self.name, "AutoModelForSeq2SeqLM")

    def __call__(self, original: str, responses: Sequence[str]) -> list[float | None]:
        """Return the mean of both directions for each response.

        It is None where the response or the original has no token or is too long. Too long is what does not fit into
        the model's window (1024 tokens for BART): cut, it would be another text. A warning is logged.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: the model cannot be had, or does not say how it begins to write.
        """
        with self._lock:
            return likelihoods(self._pretrained, original, responses)


def likelihoods(pretrained: Pretrained, original: str, responses: Sequence[str]) -> list[float | None]:
    """Return BARTScore's mean of both directions for each response, or None."""
    tokenizer, model = pretrained.get()
    start = decoder_start(model, pretrained.name)
    ids = encode_texts(pretrained, dict.fromkeys([original, *responses]) if responses else ())
    texts = [text for text in dict.fromkeys(responses) if text in ids and original in ids]
    rows = [
        {"input_ids": read, "attention_mask": [1] * len(read), "labels": written, "counts": [1] * len(written)}
        for text in texts
        for read, written in ((ids[text], ids[original]), (ids[original], ids[text]))
    ]

    def run(batch: "dict[str, torch.Tensor]") -> "Iterator[float]":
        for start_row in range(0, len(batch["labels"]), _AT_ONCE):
            slices = {key: tensor[start_row : start_row + _AT_ONCE] for key, tensor in batch.items()}
            yield from _mean_logprobs(model, start, slices)

    logprobs = in_batches(rows, tokenizer.pad_token_id, model, run)
    means = ((there + back) / 2 for there, back in zip(logprobs[::2], logprobs[1::2], strict=True))
    by_text = dict(zip(texts, means, strict=True))
    return [by_text.get(response) for response in responses]


def _mean_logprobs(model: Any, start: int, batch: "Mapping[str, torch.Tensor]") -> list[float]:
    """Return for each row the mean log-probability of its labels without padding."""
    import torch

    labels, counts = batch["labels"], batch["counts"]
    begin = torch.full_like(labels[:, :1], start)
    logits = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        decoder_input_ids=torch.cat([begin, labels[:, :-1]], dim=1),  # it looks back only, so padding does no harm
    ).logits
    logprobs = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)
    means: list[float] = ((logprobs.double() * counts).sum(1) / counts.sum(1)).tolist()
    return means


def decoder_start(model: Any, name: str) -> int:
    """Return the token with which the decoder begins. Raises UnavailableError where the configuration has none."""
    start = model.generation_config.decoder_start_token_id
    if start is None:
        raise UnavailableError(f"{name}: its configuration has no decoder_start_token_id, so it cannot write")
    return int(start)


def encode_texts(pretrained: Pretrained, texts: Iterable[str], prefix: str = "") -> dict[str, list[int]]:
    """Return the tokens of each text that has any and fits the model's window; warn of texts that are too long."""
    tokenizer, model = pretrained.get()
    size = window(tokenizer, model)
    tokens: dict[str, list[int]] = {}
    too_long = 0
    for text in texts:
        encoded = tokenizer(
            prefix + sendable(text).strip(), split_special_tokens=True, return_special_tokens_mask=True, verbose=False
        )
        ids: list[int] = encoded["input_ids"]
        if len(ids) > size:
            too_long += 1
        elif not all(encoded["special_tokens_mask"]):
            tokens[text] = ids
    if too_long:
        texts = "1 text is left out: it does" if too_long == 1 else f"{too_long} texts are left out: they do"
        _log.warning("%s: %s not fit into %d tokens", pretrained.name, texts, size)
    return tokens


BARTSCORE = similarity_kind("bartscore", "BARTScore: how probable both texts make each other.", BartScore, BART)
