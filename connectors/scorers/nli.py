"""Natural language inference by a cross-encoder: contradiction as a score, entailment both ways as a similarity."""

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from convexplain.errors import UnavailableError
from convexplain.judges.inference import ChatInference
from convexplain.judges.scoring import Contradiction, ContradictionDifference
from convexplain.judges.similarity import NLILogOdds

from .kind import ScoreKind, similarity_kind
from .pretrained import Pretrained, in_batches, window

if TYPE_CHECKING:
    import torch

NLI = "cross-encoder/nli-roberta-base"
NLI_TARGET = "REPO_OR_FOLDER|chat|chat=MODEL"

_log = logging.getLogger(__name__)


class NLIModel:
    """A sequence classifier that was trained on natural language inference. Loaded when first asked; for any thread.

    Args:
        source: a folder as `save_pretrained` writes it, or the name of a repository on the Hugging Face hub.
        used_as: what the user calls it, before the source.
    """

    def __init__(self, source: str | Path = NLI, used_as: str = "contradiction") -> None:
        self.name = f"{used_as}:{source}"
        self._lock = threading.Lock()
        self._pretrained = Pretrained(source, self.name, "AutoModelForSequenceClassification")

    def contradiction(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Return for each (premise, hypothesis) the probability of the label contradiction, in [0, 1].

        A pair that is longer than the model's window (512 tokens for most) has None, and a warning is logged: cut, it
        would be another question.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: the model cannot be had, or has no label named contradiction.
        """
        return self._probabilities(pairs, "contradiction")

    def entailment(self, pairs: Sequence[tuple[str, str]]) -> list[float | None]:
        """Return for each (premise, hypothesis) the probability of the label entailment; else as `contradiction`."""
        return self._probabilities(pairs, "entailment")

    def _probabilities(self, pairs: Sequence[tuple[str, str]], label: str) -> list[float | None]:
        with self._lock:  # a tokenizer is not for several threads at once
            return self._computed(pairs, label)

    def _computed(self, pairs: Sequence[tuple[str, str]], label: str) -> list[float | None]:
        tokenizer, model = self._pretrained.get()
        column = self._column(model.config.id2label, label)
        encoded = [
            dict(tokenizer(premise, hypothesis, split_special_tokens=True, return_attention_mask=True, verbose=False))
            for premise, hypothesis in pairs
        ]
        size = window(tokenizer, model)
        fits = [len(row["input_ids"]) <= size for row in encoded]
        if not all(fits):
            _log.warning(
                "%s: %d of %d pairs of texts have no score: they do not fit into %d tokens",
                self.name,
                fits.count(False),
                len(fits),
                size,
            )

        def run(batch: "dict[str, torch.Tensor]") -> list[float]:
            probabilities: list[float] = model(**batch).logits.double().softmax(-1)[:, column].tolist()
            return probabilities

        rows = [row for row, fit in zip(encoded, fits, strict=True) if fit]
        values = iter(in_batches(rows, tokenizer.pad_token_id, model, run))
        return [next(values) if fit else None for fit in fits]

    def _column(self, names: dict[int, Any], label: str) -> int:
        """Return the column of a label, by its name: models order their labels differently."""
        columns = [i for i, name in names.items() if str(name).strip().casefold() == label]
        if len(columns) != 1:
            listed = ", ".join(map(str, names.values()))
            raise UnavailableError(f"{self.name}: it has not one label named {label}; its labels are: {listed}")
        return int(columns[0])


CONTRADICTION = ScoreKind(
    "contradiction",
    "How much the response contradicts the original one.",
    NLI_TARGET,
    optional=True,
    make=lambda source: Contradiction(NLIModel(source or NLI)),
    make_of_chat=lambda choice: Contradiction(ChatInference(choice)),
)
DIFFERENCE = ScoreKind(
    "contradiction-difference",
    "The paper's sentence to the letter: contradiction in one direction minus the other, near 0 for most pairs.",
    NLI_TARGET,
    optional=True,
    make=lambda source: ContradictionDifference(NLIModel(source or NLI, "contradiction-difference")),
    make_of_chat=lambda choice: ContradictionDifference(ChatInference(choice)),
)
LOG_ODDS = similarity_kind(
    "nli",
    "Entailment in both directions, as log-odds.",
    lambda source: NLILogOdds(NLIModel(source, "nli")),
    NLI,
    lambda choice: NLILogOdds(ChatInference(choice)),
)
