"""The likeness of two texts' summaries."""

import threading
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convexplain.judges.similarity import Similarity

from .bartscore import BART, decoder_start, encode_texts, likelihoods
from .kind import similarity_kind
from .pretrained import Pretrained, in_batches, window

if TYPE_CHECKING:
    import torch

LONGEST = 142  # tokens of a summary, as of BART's on CNN/DailyMail


class SummarySimilarity:
    """The likeness of the summaries of the original and of the response, on the scale of what compares them.

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
        """Return one value a response; None where a summary is missing, or a value for the two.

        There is no summary of a text that is empty or too long for the model's window; a warning is logged of the
        latter.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: a model cannot be had, or does not say how it begins to write.
        """
        with self._lock:
            summaries = self._summaries(dict.fromkeys([original, *responses]) if responses else ())
            compared = [summary for response in responses if (summary := summaries.get(response))]
            first = summaries.get(original)
            if not first or not compared:
                return [None] * len(responses)
            if self._compare is None:
                values = iter(likelihoods(self._pretrained, first, compared))
            else:
                values = iter(self._compare(first, compared))
            return [next(values) if summaries.get(response) else None for response in responses]

    def _summaries(self, texts: Iterable[str]) -> dict[str, str]:
        tokenizer, model = self._pretrained.get()
        decoder_start(model, self.name)
        ids = encode_texts(self._pretrained, [text for text in texts if text.strip()], self._before(model.config))
        longest = min(LONGEST, window(tokenizer, model))

        def run(batch: "dict[str, torch.Tensor]") -> list[str]:
            written = model.generate(**batch, do_sample=False, min_length=0, max_length=longest)
            texts: list[str] = tokenizer.batch_decode(written, skip_special_tokens=True)
            return texts

        rows = [{"input_ids": row, "attention_mask": [1] * len(row)} for row in ids.values()]
        summaries = in_batches(rows, tokenizer.pad_token_id, model, run)
        return {text: summary.strip() for text, summary in zip(ids, summaries, strict=True)}

    def _before(self, config: Any) -> str:
        if self._prefix is not None:
            return self._prefix
        tasks = getattr(config, "task_specific_params", None) or {}
        return str(tasks.get("summarization", {}).get("prefix", ""))


SUMMARY = similarity_kind("summary", "The likeness of the summaries, by BARTScore.", SummarySimilarity, BART)
