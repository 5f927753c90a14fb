"""Hidden states of turns after a layer of the embedded model, kept on disk so that the layers above train quickly.

The tokens are those that the product reads: same turns, same template, same tokenizer. Of long texts a cut is read.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import torch
from numpy.lib.format import open_memmap
from numpy.typing import NDArray

from convexplain.connectors.models.embedded import EmbeddedModel, install
from convexplain.connectors.models.prompt_encoder import PromptEncoder
from convexplain.judges.head_training import RECIPE, TurnKey
from convexplain.judges.heads import features_request
from convexplain.types import sha256_json

LOWER_LAYERS, LAYERS = 12, 18
"""States are kept after so many layers; heads read those after so many, which `RECIPE` names as a share."""
_TOKENS_BEFORE, _TOKENS_OF_REPLY = 100, 112
_AT_ONCE, _MOST_ROWS = 4_000, 64  # tokens and rows of a batch

Floats = NDArray[np.float32]
Tokens = tuple[tuple[int, ...], int]
"""The tokens of a turn and of what comes before it, and the index at which the turn begins."""


def load_model(dtype: torch.dtype = torch.bfloat16) -> Any:
    """Load the embedded model without its adapter; install it first where it is not there."""
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(_folder(), dtype=dtype)
    return model.eval().requires_grad_(False)


def encode_turns(turn_keys: Sequence[TurnKey]) -> list[Tokens]:
    """Return the tokens of turns as the product encodes them, cut to those nearest to the turn's beginning."""
    from transformers import AutoTokenizer

    encoder = PromptEncoder("embedded", AutoTokenizer.from_pretrained(_folder()), None)
    encoded: list[Tokens] = []
    for conversation, turn in turn_keys:
        ids, start = encoder.encode_with_reply(features_request(conversation.turns[: turn + 1], RECIPE))
        first = max(0, start - _TOKENS_BEFORE)
        encoded.append((tuple(ids[first : start + _TOKENS_OF_REPLY]), start - first))
    return encoded


def _folder() -> Path:
    embedded = EmbeddedModel(heads=())
    if not embedded.installed:
        install(embedded.folder)
    return embedded.folder


@dataclass(frozen=True, slots=True)
class StateTable:
    """States of turns, one row for each different sequence of tokens.

    Attributes:
        row_of: the row of each turn.
        states: (tokens, width) float16: the states of all rows after `LOWER_LAYERS` layers, one row after the other.
        ends: the end of each row in `states`.
        starts: for each row the index of the turn's first token in it.
        means: (rows, width): the mean over the turn's tokens after `LAYERS` layers of the model without adapter.
        digest: of the tokens.
    """

    row_of: dict[TurnKey, int]
    states: NDArray[np.float16]
    ends: NDArray[np.int64]
    starts: NDArray[np.int64]
    means: Floats
    digest: str

    @classmethod
    def read_or_compute(cls, turn_keys: Sequence[TurnKey], name: str, folder: Path) -> Self:
        """Return the states of turns, from the folder where they were computed before."""
        keys = list(dict.fromkeys(turn_keys))
        encoded = encode_turns(keys)
        rows = {tokens: row for row, tokens in enumerate(dict.fromkeys(encoded))}
        digest = sha256_json([[list(ids), start] for ids, start in rows])
        base = folder / f"states-{name}-{digest[:12]}"
        if not base.with_suffix(".means.npy").exists():
            compute_states(list(rows), base)
        return cls(
            {key: rows[tokens] for key, tokens in zip(keys, encoded, strict=True)},
            np.load(base.with_suffix(".npy"), mmap_mode="r"),
            np.cumsum([len(ids) for ids, _ in rows]),
            np.array([start for _, start in rows]),
            np.load(base.with_suffix(".means.npy")),
            digest,
        )

    @property
    def lengths(self) -> NDArray[np.int64]:
        """Return the number of tokens of each row."""
        return np.diff(self.ends, prepend=0)

    def rows(self, turn_keys: Sequence[TurnKey]) -> NDArray[np.intp]:
        """Return the rows of turns."""
        return np.array([self.row_of[key] for key in turn_keys], dtype=np.intp)

    def batch(self, rows: Sequence[int]) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the states of rows, (rows, tokens, width), and a mask of the judged turn, (rows, tokens)."""
        lengths = self.lengths[rows]
        states = torch.zeros(len(rows), int(lengths.max()), self.states.shape[1], dtype=torch.bfloat16)
        mask = torch.zeros(states.shape[:2])
        for i, (row, length) in enumerate(zip(rows, lengths, strict=True)):
            text = np.array(self.states[self.ends[row] - length : self.ends[row]])
            states[i, :length] = torch.from_numpy(text).to(torch.bfloat16)
            mask[i, self.starts[row] : length] = 1
        return states, mask


def compute_states(encoded: Sequence[Tokens], base: Path) -> None:
    """Run the lower layers over sequences of tokens, the longest first, and write what `StateTable` reads."""
    decoder = load_model().get_decoder()
    decoder.layers = decoder.layers[:LAYERS]
    outputs = LayerOutputs(decoder, (LOWER_LAYERS, LAYERS))
    lengths = np.array([len(ids) for ids, _ in encoded])
    ends, width = np.cumsum(lengths), decoder.config.hidden_size
    states = open_memmap(base.with_suffix(".npy"), mode="w+", dtype=np.float16, shape=(int(ends[-1]), width))
    means = np.zeros((len(encoded), width), np.float32)
    progress = Progress(base.name, len(encoded))
    with torch.inference_mode():
        for batch in batches(lengths, _AT_ONCE, _MOST_ROWS):
            ids = torch.zeros(len(batch), int(lengths[batch].max()), dtype=torch.long)
            for i, row in enumerate(batch):
                ids[i, : lengths[row]] = torch.tensor(encoded[row][0])
            decoder(input_ids=ids, use_cache=False)
            lower, upper = outputs[LOWER_LAYERS].to(torch.float16).numpy(), outputs[LAYERS].float()
            for i, row in enumerate(batch):
                states[ends[row] - lengths[row] : ends[row]] = lower[i, : lengths[row]]
                means[row] = upper[i, encoded[row][1] : lengths[row]].mean(0).numpy()
            progress.advance(len(batch))
    states.flush()
    np.save(base.with_suffix(".means.npy"), means)  # the last file: where it is, all is


class LayerOutputs(dict[int, torch.Tensor]):
    """The last output of layers of a decoder, by the number of layers up to and with each."""

    def __init__(self, decoder: Any, layers: Sequence[int]) -> None:
        super().__init__()
        for count in layers:
            decoder.layers[count - 1].register_forward_hook(self._keeper(count))

    def _keeper(self, count: int) -> Any:
        def keep(module: Any, inputs: Any, output: Any) -> None:
            self[count] = output[0] if isinstance(output, tuple) else output

        return keep


def batches(lengths: NDArray[np.int64], tokens: int, most_rows: int) -> Iterator[list[int]]:
    """Yield rows of about the same length together, the longest first: at least two, and about so many tokens."""
    order = np.argsort(-lengths, kind="stable").tolist()
    while order:
        count = max(2, min(most_rows, tokens // int(lengths[order[0]])))
        yield order[:count]
        order = order[count:]


class Progress:
    """A line now and then that says how far a step is.

    Args:
        name: the step's name.
        total: the number of rows or steps.
    """

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total, self._done = name, total, 0
        self._began = self._printed = time.monotonic()

    def advance(self, count: int = 1, note: str = "") -> None:
        """Count, and print a line where the last one is 20 seconds old, or where all is done."""
        self._done += count
        now = time.monotonic()
        if now - self._printed > 20 or self._done == self._total:
            self._printed = now
            print(f"  {self._name}: {self._done:,}/{self._total:,}, {now - self._began:.0f} s{note}", flush=True)
