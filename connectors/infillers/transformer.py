"""The base of infillers that load a `transformers` model of their own."""

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import Sequence
from pathlib import Path
from typing import Any, ClassVar

from convexplain.connectors.models.weights import Weights, find_weights
from convexplain.errors import ConvexplainError, MissingExtraError, ModelError, UnavailableError
from convexplain.fidelity.edits import words
from convexplain.models.infilling import Masked

from . import fills

_VERSION = 3  # of what is made out of the same weights
_SIDE = 200  # tokens on either side of a hole that are read
_READ = 3000  # characters from which these tokens come


class TransformerInfiller(ABC):
    """Fills holes, one after the other, with a model of `transformers`.

    Args:
        source: a folder as `save_pretrained` writes it, or the name of a repository on the Hugging Face hub.
    """

    kind: ClassVar[str]  # as in the name
    auto: ClassVar[str]  # the class of `transformers` that loads it
    weight_bytes = 0

    def __init__(self, source: str | Path) -> None:
        self.name = f"{self.kind}:{source}"
        self._source = source
        self._fingerprint: str | None = None
        self._model: Any = None
        self._tokenizer: Any = None
        self._lock = threading.Lock()  # a cancelled call's thread may still be computing

    @property
    def fingerprint(self) -> str:
        """Return an identity of the weights; just the name while they are not on this machine."""
        if self._fingerprint is None:
            try:
                self._identify(self._weights(fetch=False))
            except Exception:  # noqa: BLE001 - `prepare` says what is wrong
                return self.name
        return self._fingerprint or self.name

    async def prepare(self) -> None:
        """Load weights and tokenizer.

        Raises:
            MissingExtraError: torch or transformers is not installed.
            UnavailableError: no model of this kind can be had from there.
        """
        if self._model is None:
            await asyncio.to_thread(self._load_once)

    async def infill(self, masked: Sequence[Masked], k: int) -> list[list[str]]:
        """Return at most k fills for each hole, best first."""
        if k < 1:
            return [[] for _ in masked]
        stop = threading.Event()
        try:
            return await asyncio.to_thread(self._fill_all, masked, k, stop)
        except asyncio.CancelledError:
            stop.set()
            raise

    async def aclose(self) -> None:
        """Free the weights."""
        self._model = self._tokenizer = None

    @abstractmethod
    def _check(self) -> str | None:
        """Return what the loaded tokenizer lacks; None where nothing is missing."""

    @abstractmethod
    def _candidates(self, before: list[int], after: list[int], masked: Masked, k: int) -> list[str]:
        """Return raw candidates for the words between these tokens, best first."""

    def _fill_all(self, masked: Sequence[Masked], k: int, stop: threading.Event) -> list[list[str]]:
        import torch

        candidates = []
        with self._lock, torch.inference_mode():
            if self._model is None:
                raise ModelError(f"{self.name}: the infiller is closed or was never prepared")
            for hole in masked:
                if stop.is_set():
                    raise ModelError("the call was cancelled")
                count = k + len(hole.avoid) + 2  # some will be refused
                candidates.append(fills.choose(self._candidates(*self._sides(hole), hole, count), hole, k))
        return candidates

    def _sides(self, masked: Masked) -> tuple[list[int], list[int]]:
        """Return the tokens before and behind the words to replace; their punctuation stays with the text."""
        opening, core, closing = fills.parts(masked.old) if fills.parts(masked.old)[1] else ("", masked.old, "")
        before = fills.neutralize(((masked.context + masked.before)[-_READ:] + opening).rstrip())
        after = fills.neutralize(closing + masked.after[:_READ])
        side = min(_SIDE, (self._positions() - 2 * len(words(core)) - 8) // 2)
        head, tail = (self._tokenizer(text, add_special_tokens=False)["input_ids"] for text in (before, after))
        return head[max(0, len(head) - side) :], tail[: max(0, side)]

    def _positions(self) -> int:
        """Return how many tokens the model can read."""
        config = self._model.config
        return int(getattr(config, "max_position_embeddings", None) or 10 * _SIDE)

    def _around(self) -> tuple[list[int], list[int]]:
        """Return the special tokens that a text has before and behind it."""
        word = self._tokenizer("a", add_special_tokens=False)["input_ids"]
        text = self._tokenizer("a")["input_ids"]
        at = next((i for i in range(len(text)) if text[i : i + len(word)] == word), None)
        return ([], []) if at is None else (text[:at], text[at + len(word) :])

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))

    def _weights(self, *, fetch: bool) -> Weights:
        return find_weights(self._source, self.name, "float32", fetch=fetch)  # small models, the same everywhere

    def _identify(self, weights: Weights) -> None:
        self._fingerprint = f"{self.kind}-infiller-{_VERSION}:{self.name}#{weights.digest()}"

    def _load_once(self) -> None:
        with self._lock:
            if self._model is None:
                self._load()

    def _load(self) -> None:
        try:
            import transformers
        except ImportError as error:
            raise MissingExtraError("A local infiller", "local") from error
        transformers.logging.disable_progress_bar()  # type: ignore[no-untyped-call]
        try:
            weights = self._weights(fetch=True)
            self._tokenizer = transformers.AutoTokenizer.from_pretrained(weights.folder)
            model = getattr(transformers, self.auto).from_pretrained(weights.folder, dtype=weights.dtype)
            model = model.to(weights.device).eval().requires_grad_(False)
        except ConvexplainError:
            raise
        except Exception as error:  # a loader of files from anywhere raises anything
            reason = f"{type(error).__name__}: {error}"
            raise UnavailableError(f"{self.name}: no model can be loaded from {self._source}: {reason}") from error
        if lack := self._check():
            raise UnavailableError(f"{self.name}: {lack}")
        self._identify(weights)
        self._model = model
