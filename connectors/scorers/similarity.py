"""How alike texts are, by matched tokens, by likelihood or by their summaries (for `judges.similarity`)."""

import logging
import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convexplain.errors import UnavailableError, UsageError
from convexplain.judges.similarity import Similarity
from convexplain.models.chat import sendable

from .pretrained import Pretrained, in_batches, window

if TYPE_CHECKING:
    import torch

ROBERTA = "FacebookAI/roberta-large"
BART = "facebook/bart-large-cnn"
SUMMARY = 142  # tokens of a summary, as of BART's on CNN/DailyMail

# Where the authors of BERTScore found most agreement with people, counted from the embeddings, which are 0.
_LAYERS = {
    ROBERTA: 17,
    "roberta-large": 17,
    "bert-base-uncased": 9,
    "google-bert/bert-base-uncased": 9,
    "microsoft/deberta-xlarge-mnli": 40,
}
_AT_ONCE = 4  # rows whose probabilities over the vocabulary are held at once

_log = logging.getLogger(__name__)


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
        """F1 for each response; None where it or the original has no token.

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
            for states, own in self._read(model, batch):
                cosines = states @ reference.T
                yield cosines.max(1).values[own].cpu(), cosines.max(0).values[counts].cpu()

        rows, owners = _parts(tokenizer, model, texts)
        matches = in_batches(rows, tokenizer.pad_token_id, model, run)
        by_text: dict[int, list[tuple[torch.Tensor, torch.Tensor]]] = {}
        for owner, match in zip(owners, matches, strict=True):
            by_text.setdefault(owner, []).append(match)
        found = {text: _f1(by_text[i]) for i, text in enumerate(texts)}
        return [found[response] for response in responses]

    def _read(self, model: Any, batch: "dict[str, torch.Tensor]") -> "Iterator[tuple[torch.Tensor, torch.Tensor]]":
        """For each row its tokens' states, of length 1, and which of them count."""
        import torch

        marks = batch["special_tokens_mask"].bool()
        real = batch["attention_mask"].bool()
        encoder = model.get_encoder() if model.config.is_encoder_decoder else model
        read = {key: value for key, value in batch.items() if key != "special_tokens_mask"}
        if self._layer is None:
            states = encoder(**read).last_hidden_state
        else:
            layers = encoder(**read, output_hidden_states=True).hidden_states
            if self._layer >= len(layers):
                raise UsageError(f"layer={self._layer} is not valid; {self.name} has layers 1 to {len(layers) - 1}")
            states = layers[self._layer]
        states = torch.nn.functional.normalize(states.double(), dim=-1)
        for state, mark, one in zip(states, marks, real, strict=True):
            yield state[one], ~mark[one]


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
        """The mean of both directions for each response; None where it or the original has no token or is too long.

        Too long is what does not fit into the model's window (1024 tokens for BART): cut, it would be another text. A
        warning is logged.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: the model cannot be had, or does not say how it begins to write.
        """
        with self._lock:
            return _likelihoods(self._pretrained, original, responses)


class SummarySimilarity:
    """How alike the summaries of the original and of the response are, on the scale of what compares them.

    For responses that say the same in other words or at other length. The summaries are written as the model's own
    settings say, but without sampling, without a least length and of 142 tokens at most. What MExGen's own code calls
    `summ` is something else, one half of `BartScore`: how probable a summarizer finds the original given the response.
    For any thread.

    Args:
        source: an encoder-decoder that was trained to summarize: a folder as `save_pretrained` writes it, or the name
            of a repository on the Hugging Face hub.
        compare: compares the summaries; `BartScore` with the same weights unless given.
        prefix: what is put before each text; what the model's configuration has for summaries (T5: `summarize: `)
            unless given.
    """

    def __init__(self, source: str | Path = BART, compare: Similarity | None = None, prefix: str | None = None) -> None:
        self.name = f"summary:{source}" + (f" by {compare.name}" if compare else "")
        self._compare = compare
        self._prefix = prefix
        self._lock = threading.Lock()
        self._pretrained = Pretrained(source, self.name, "AutoModelForSeq2SeqLM")

    def __call__(self, original: str, responses: Sequence[str]) -> list[float | None]:
        """One value a response; None where there is no summary of it or of the original, or no value for the two.

        There is no summary of a text that is empty or too long for the model's window; a warning is logged of the
        latter.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: a model cannot be had, or does not say how it begins to write.
        """
        with self._lock:
            summaries = self._summaries(dict.fromkeys([original, *responses]) if responses else ())
            kept = [summary for response in responses if (summary := summaries.get(response))]
            first = summaries.get(original)
            if not first or not kept:
                return [None] * len(responses)
            if self._compare is None:
                found = iter(_likelihoods(self._pretrained, first, kept))
            else:
                found = iter(self._compare(first, kept))
            return [next(found) if summaries.get(response) else None for response in responses]

    def _summaries(self, texts: Iterable[str]) -> dict[str, str]:
        tokenizer, model = self._pretrained.get()
        _start(model, self.name)
        ids = _encoded(self._pretrained, [text for text in texts if text.strip()], self._before(model.config))
        longest = min(SUMMARY, window(tokenizer, model))

        def run(batch: "dict[str, torch.Tensor]") -> list[str]:
            written = model.generate(**batch, do_sample=False, min_length=0, max_length=longest)
            texts: list[str] = tokenizer.batch_decode(written, skip_special_tokens=True)
            return texts

        rows = [{"input_ids": row, "attention_mask": [1] * len(row)} for row in ids.values()]
        found = in_batches(rows, tokenizer.pad_token_id, model, run)
        return {text: summary.strip() for text, summary in zip(ids, found, strict=True)}

    def _before(self, config: Any) -> str:
        if self._prefix is not None:
            return self._prefix
        tasks = getattr(config, "task_specific_params", None) or {}
        return str(tasks.get("summarization", {}).get("prefix", ""))


def _parts(tokenizer: Any, model: Any, texts: Sequence[str]) -> tuple[list[dict[str, list[int]]], list[int]]:
    """Each text in rows that fit into the window, and for each row the number of its text."""
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
    """From the best cosines of each part's own tokens and of the original's with them."""
    import torch

    own = torch.cat([best for best, _ in parts])
    if not len(own):
        return None
    precision = float(own.mean())
    recall = float(torch.stack([best for _, best in parts]).max(0).values.mean())
    if precision <= 0 or recall <= 0:
        return 0.0
    return min(1.0, 2 * precision * recall / (precision + recall))


def _likelihoods(pretrained: Pretrained, original: str, responses: Sequence[str]) -> list[float | None]:
    """BARTScore's mean of both directions."""
    tokenizer, model = pretrained.get()
    start = _start(model, pretrained.name)
    ids = _encoded(pretrained, dict.fromkeys([original, *responses]) if responses else ())
    others = [text for text in dict.fromkeys(responses) if text in ids and original in ids]
    rows = [
        {"input_ids": read, "attention_mask": [1] * len(read), "labels": written, "counts": [1] * len(written)}
        for other in others
        for read, written in ((ids[other], ids[original]), (ids[original], ids[other]))
    ]

    def run(batch: "dict[str, torch.Tensor]") -> "Iterator[float]":
        for start_row in range(0, len(batch["labels"]), _AT_ONCE):
            some = {key: value[start_row : start_row + _AT_ONCE] for key, value in batch.items()}
            yield from _mean_logprobs(model, start, some)

    found = in_batches(rows, tokenizer.pad_token_id, model, run)
    means = ((there + back) / 2 for there, back in zip(found[::2], found[1::2], strict=True))
    known = dict(zip(others, means, strict=True))
    return [known.get(response) for response in responses]


def _mean_logprobs(model: Any, start: int, batch: "Mapping[str, torch.Tensor]") -> list[float]:
    """For each row the mean log-probability of its labels, padding left out."""
    import torch

    labels, counts = batch["labels"], batch["counts"]
    begin = torch.full_like(labels[:, :1], start)
    logits = model(
        input_ids=batch["input_ids"],
        attention_mask=batch["attention_mask"],
        decoder_input_ids=torch.cat([begin, labels[:, :-1]], dim=1),  # it looks back only, so padding does no harm
    ).logits
    chosen = logits.gather(-1, labels.unsqueeze(-1)).squeeze(-1) - logits.logsumexp(-1)
    means: list[float] = ((chosen.double() * counts).sum(1) / counts.sum(1)).tolist()
    return means


def _start(model: Any, name: str) -> int:
    start = model.generation_config.decoder_start_token_id
    if start is None:
        raise UnavailableError(f"{name}: its configuration has no decoder_start_token_id, so it cannot write")
    return int(start)


def _encoded(pretrained: Pretrained, texts: Iterable[str], prefix: str = "") -> dict[str, list[int]]:
    """The tokens of each text that has any and fits into the model's window; of the others a warning is logged."""
    tokenizer, model = pretrained.get()
    size = window(tokenizer, model)
    found: dict[str, list[int]] = {}
    too_long = 0
    for text in texts:
        encoded = tokenizer(
            prefix + sendable(text).strip(), split_special_tokens=True, return_special_tokens_mask=True, verbose=False
        )
        ids: list[int] = encoded["input_ids"]
        if len(ids) > size:
            too_long += 1
        elif not all(encoded["special_tokens_mask"]):
            found[text] = ids
    if too_long:
        _log.warning("%s: %d texts are left out: they do not fit into %d tokens", pretrained.name, too_long, size)
    return found
