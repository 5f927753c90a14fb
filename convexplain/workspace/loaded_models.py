"""Models that stay loaded: weights that were loaded for one call of a process serve its later calls too.

Loading takes seconds, and judging a turn a fraction of one. So a local model that was opened by its name (`embedded`,
`local:`, `gguf:`, `small`) is not closed after its use, but left for the next use of the same weights and heads, from
whatever thread or event loop. A few are left at most; the one used least lately is closed.
"""

import asyncio
import os
import threading
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar, cast

from convexplain.errors import ConvexplainError
from convexplain.judges.heads import BringsHeads
from convexplain.models.chat import LoadsWeights

MOST_IDLE = 3
BIG = 2 << 30  # bytes of weights from which on an idle model makes room before another one is loaded
_PAUSE = 0.02  # seconds between looks at whether another thread has loaded a model


class Loadable(Protocol):
    """A chat model or an infiller."""

    @property
    def name(self) -> str: ...  # noqa: D102 - as of ChatModel
    @property
    def fingerprint(self) -> str: ...  # noqa: D102
    async def prepare(self) -> None: ...  # noqa: D102
    async def aclose(self) -> None: ...  # noqa: D102


M = TypeVar("M", bound=Loadable)


@dataclass(eq=False, slots=True)
class _Slot:
    """A model that is loaded, or about to be.

    Attributes:
        model: the model.
        identities: what it is known by; one that was fetched has another fingerprint than before.
        users: how many use it; idle with 0.
        loaded: whether it was prepared.
        last_use: a number that grows from use to use.
        preparing: held by the thread that prepares it.
    """

    model: Loadable
    identities: set[tuple[str, ...]]
    users: int = 0
    loaded: bool = False
    last_use: int = 0
    preparing: threading.Lock = field(default_factory=threading.Lock)

    @property
    def weight_bytes(self) -> int:
        return self.model.weight_bytes if isinstance(self.model, LoadsWeights) else 0


class LoadedModels:
    """The models that are loaded in this process.

    Args:
        most_idle: how many stay loaded that nobody uses.
    """

    def __init__(self, most_idle: int = MOST_IDLE) -> None:
        self._most_idle = most_idle
        self._lock = threading.Lock()
        self._slots: list[_Slot] = []
        self._uses = 0

    @property
    def idle(self) -> list[Loadable]:
        """Return the models that are loaded and that nobody uses, the one used least lately first."""
        with self._lock:
            return [slot.model for slot in self._idle()]

    def take(self, model: Loadable) -> _Slot | None:
        """Return the slot of the model that is the same as this one, with one more user; None where it is none to keep.

        Args:
            model: a model that is opened and not loaded.
        """
        if not isinstance(model, LoadsWeights):
            return None
        try:
            identity = _identity(model)
        except ConvexplainError:  # `prepare` reports what is missing
            return None
        with self._lock:
            slot = next((slot for slot in self._slots if identity in slot.identities), None)
            if slot is None:
                slot = _Slot(model, {identity})
                self._slots.append(slot)
            slot.users += 1
            return slot

    async def prepare(self, slot: _Slot) -> None:
        """Load a model unless it is loaded.

        Raises:
            UnavailableError, MissingExtraError: as its `prepare`.
        """
        while not slot.preparing.acquire(blocking=False):  # noqa: ASYNC110 - another loop has it, and sets no event of this one
            await asyncio.sleep(_PAUSE)
        try:
            if not slot.loaded:
                with self._lock:
                    big = [other for other in self._idle() if other.weight_bytes > BIG]
                await self._close(big)
            await slot.model.prepare()
            slot.loaded = True
            slot.identities.add(_identity(slot.model))
        finally:
            slot.preparing.release()

    async def give_back(self, slot: _Slot) -> None:
        """Count a user less; close what is too much to stay loaded."""
        with self._lock:
            slot.users -= 1
            self._uses += 1
            slot.last_use = self._uses
            if not slot.users and not slot.loaded and slot in self._slots:
                self._slots.remove(slot)
            surplus = self._idle()[: -self._most_idle or None]
        await self._close(surplus)

    async def close_idle(self) -> None:
        """Close the models that nobody uses, and free their memory."""
        with self._lock:
            idle = self._idle()
        await self._close(idle)

    def forget(self) -> None:
        """Let go of all models without closing them: in the child of a fork, where they are the parent's."""
        self._lock = threading.Lock()
        self._slots = []

    def _idle(self) -> list[_Slot]:
        idle = [slot for slot in self._slots if slot.loaded and not slot.users]
        return sorted(idle, key=lambda slot: slot.last_use)

    async def _close(self, slots: list[_Slot]) -> None:
        for slot in slots:
            with self._lock:
                if slot.users or slot not in self._slots:  # in use again, or closed by another thread
                    continue
                self._slots.remove(slot)
            await slot.model.aclose()


LOADED = LoadedModels()
"""The models of this process."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=LOADED.forget)


class ModelUse(Generic[M]):
    """The use of a model by one call: from its choice over its preparation to its end.

    Args:
        model: the model; nothing is loaded or reached yet.
        opened_here: False where it is the caller's own, which is not closed.

    Attributes:
        model: the model; once it is prepared, the one that was loaded before, where that is the same.
    """

    def __init__(self, model: M, opened_here: bool = True) -> None:
        self.model = model
        self._opened_here = opened_here
        self._slot: _Slot | None = None

    async def prepare(self) -> M:
        """Load the model or reach its server, unless that was done, and return it.

        Raises:
            UnavailableError, MissingExtraError: it cannot be had.
        """
        if self._opened_here and self._slot is None:
            self._slot = LOADED.take(self.model)
            if self._slot is not None:
                self.model = cast(M, self._slot.model)  # of the same class, by its identity
        if self._slot is None:
            await self.model.prepare()
        else:
            await LOADED.prepare(self._slot)
        return self.model

    async def aclose(self) -> None:
        """Close the model, or leave it loaded for the next use."""
        slot, self._slot = self._slot, None
        if slot is not None:
            await LOADED.give_back(slot)
        elif self._opened_here:
            await self.model.aclose()


def _identity(model: Loadable) -> tuple[str, ...]:
    heads = model.heads if isinstance(model, BringsHeads) else ()
    kind = type(model)
    return (kind.__module__, kind.__qualname__, model.name, model.fingerprint, *(head.sha for head in heads))
