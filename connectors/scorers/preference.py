"""Preference between two responses by a text-to-text model such as SteamSHP."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convexplain.errors import UnavailableError
from convexplain.judges.preference import ChatPreference
from convexplain.judges.scoring import Preference, WordPrompt

from .kind import ScoreKind
from .pretrained import Pretrained, in_batches

if TYPE_CHECKING:
    import torch

STEAM_SHP = "stanfordnlp/SteamSHP-flan-t5-xl"
WINDOW = 512  # tokens that SteamSHP was trained on; a T5 itself has no end

_log = logging.getLogger(__name__)


class PreferenceModel:
    """The probability of a text-to-text model's first word. Loaded when first asked.

    Args:
        source: a folder as `save_pretrained` writes it, or the name of a repository on the Hugging Face hub.
    """

    def __init__(self, source: str | Path = STEAM_SHP) -> None:
        self.name = f"preference:{source}"
        # 3 billion parameters: the type that suits the device.
        self._pretrained = Pretrained(source, self.name, "AutoModelForSeq2SeqLM", dtype=None)

    def word_logprobs(self, prompts: Sequence[WordPrompt], words: Sequence[str]) -> list[list[float] | None]:
        """Return for each prompt the natural log-probability of each word as the answer's first token.

        A prompt of more than 512 tokens loses the beginning of its `post`. One that is too long even without it has
        None, and a warning is logged.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: the model cannot be had, or does not write each word as one token.
        """
        tokenizer, model = self._pretrained.get()
        tokens = [self._token(tokenizer, word) for word in words]
        start = model.generation_config.decoder_start_token_id
        if start is None:
            raise UnavailableError(f"{self.name}: its configuration has no decoder_start_token_id, so it cannot answer")
        encoded = [_encode(tokenizer, prompt) for prompt in prompts]
        if too_long := encoded.count(None):
            _log.warning(
                "%s: %d of %d pairs of responses have no score: they do not fit into %d tokens",
                self.name,
                too_long,
                len(encoded),
                WINDOW,
            )

        def run(batch: "dict[str, torch.Tensor]") -> list[list[float]]:
            import torch

            begin = torch.full((len(batch["input_ids"]), 1), start, device=model.device)
            logits = model(**batch, decoder_input_ids=begin).logits[:, 0]
            logprobs: list[list[float]] = logits.double().log_softmax(-1)[:, tokens].tolist()
            return logprobs

        rows = [{"input_ids": ids, "attention_mask": [1] * len(ids)} for ids in encoded if ids is not None]
        logprobs = iter(in_batches(rows, tokenizer.pad_token_id, model, run))
        return [None if ids is None else next(logprobs) for ids in encoded]

    def _token(self, tokenizer: Any, word: str) -> int:
        ids = tokenizer(word, add_special_tokens=False)["input_ids"]
        if len(ids) != 1 or ids[0] == tokenizer.unk_token_id:
            raise UnavailableError(f"{self.name}: its tokenizer has no token for the answer {word!r}")
        return int(ids[0])


def _encode(tokenizer: Any, prompt: WordPrompt) -> list[int] | None:
    text = prompt.prefix + prompt.post + prompt.suffix
    encoded = tokenizer(text, return_offsets_mapping=True, split_special_tokens=True, verbose=False)
    ids: list[int] = encoded["input_ids"]
    excess = len(ids) - WINDOW
    if excess <= 0:
        return ids
    begin = len(prompt.prefix)
    end = begin + len(prompt.post)
    post = [i for i, (_, stop) in enumerate(encoded["offset_mapping"]) if begin < stop <= end]
    if len(post) < excess:
        return None
    return ids[: post[0]] + ids[post[excess - 1] + 1 :]


PREFERENCE = ScoreKind(
    "preference",
    "How much less preferable the response is than the original one.",
    "REPO_OR_FOLDER|chat|chat=MODEL",
    optional=True,
    make=lambda source: Preference(PreferenceModel(source or STEAM_SHP)),
    make_of_chat=ChatPreference,
    first_questions=0,
    reads_question=True,
)
