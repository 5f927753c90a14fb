"""Follows the runs of an application by their ids, and says when something was said in a conversation."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from convexplain.connectors.message_objects import has_messages, turns_of

from .waiting import Finished
from .worker import JUDGING

THREAD_KEYS = ("thread_id", "session_id", "conversation_id")
_RUNS = 20_000  # open at once; older ones never came to their end, as when a stream is not read out


@dataclass(slots=True)
class _Root:
    """An outermost run: one call that the application made.

    Attributes:
        thread: the id of its thread, where it said one.
        given: how many messages it was given; None where it was given none.
        depth, messages, before: the last chat model call that finished, of the outermost ones: how deep it was, its
            messages with its answer, and how many there were before the answer.
    """

    thread: str | None = None
    given: int | None = None
    depth: int = -1
    messages: list[Any] | None = None
    before: int = 0


@dataclass(slots=True)
class _Run:
    root: _Root
    depth: int
    messages: list[Any] | None = None


class Collector:
    """Hears what LangChain's callbacks tell; its methods have their names. It holds no more than the runs under way.

    The outermost run is what counts. Where it gives back `messages`, as agents and graphs do, these are the
    conversation; elsewhere it is what the outermost chat model was given, with its answer. A run that fails says
    nothing. An interrupt is no failure: the run ends, and its thread goes on in another one.

    Args:
        thread_keys: where a run's metadata, or else its configuration, says which thread it belongs to.
        most: runs under way that are remembered.
    """

    def __init__(self, thread_keys: Sequence[str] = THREAD_KEYS, most: int = _RUNS) -> None:
        self._keys = tuple(thread_keys)
        self._most = most
        self._runs: OrderedDict[UUID, _Run] = OrderedDict()
        self._lock = threading.Lock()

    # ---- beginnings

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **told: Any) -> None:
        """A chain, an agent or a graph, or a part of one."""
        run = self._start(run_id, told)
        if run is not None and run.depth == 0:
            messages = _messages_in(inputs)
            run.root.given = len(messages) if isinstance(messages, list) else int(messages is not None)

    def on_chat_model_start(self, serialized: Any, messages: list[list[Any]], *, run_id: UUID, **told: Any) -> None:
        """A chat model, with the messages that it is given."""
        run = self._start(run_id, told)
        if run is not None:
            run.messages = list(messages[0]) if messages else []

    def on_llm_start(self, serialized: Any, prompts: list[str], *, run_id: UUID, **told: Any) -> None:
        """A model without roles: its prompt is one turn of the user."""
        run = self._start(run_id, told)
        if run is not None:
            run.messages = [{"role": "user", "content": prompt} for prompt in prompts[:1]]

    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, **told: Any) -> None:
        """A tool: the models in it are none of the outermost."""
        self._start(run_id, told)

    def on_retriever_start(self, serialized: Any, query: str, *, run_id: UUID, **told: Any) -> None:
        """A retriever, likewise."""
        self._start(run_id, told)

    # ---- ends

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **told: Any) -> Finished | None:
        """The outermost one of them finishes what was said."""
        run = self._end(run_id)
        if run is None or run.depth:
            return None
        root = run.root
        messages = _messages_in(outputs)
        if messages is not None and has_messages(messages):
            return self._finished(run_id, root, list(messages), root.given or 0)
        if root.messages is not None:
            return self._finished(run_id, root, root.messages, root.before)
        return None

    def on_llm_end(self, response: Any, *, run_id: UUID, **told: Any) -> Finished | None:
        """A model's answer, streamed or not."""
        run = self._end(run_id)
        if run is None or run.messages is None:
            return None
        answer = _answer(response)
        if answer is None:
            return None
        messages, before = [*run.messages, answer], len(run.messages)
        root = run.root
        if not run.depth:
            return self._finished(run_id, root, messages, before)
        if root.messages is None or run.depth <= root.depth:
            root.depth, root.messages, root.before = run.depth, messages, before
        return None

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """It failed, or was interrupted."""
        self._end(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """It gave no answer."""
        self._end(run_id)

    def on_tool_end(self, output: Any, *, run_id: UUID, **told: Any) -> None:
        """What tools give back is in the agent's messages."""
        self._end(run_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """Likewise."""
        self._end(run_id)

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **told: Any) -> None:
        """Nothing that was said."""
        self._end(run_id)

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **told: Any) -> None:
        """Likewise."""
        self._end(run_id)

    # ----

    def __len__(self) -> int:
        """How many runs are under way."""
        return len(self._runs)

    def _start(self, run_id: UUID, told: Mapping[str, Any]) -> _Run | None:
        if JUDGING.get():
            return None
        with self._lock:
            parent_id = told.get("parent_run_id")
            parent = self._runs.get(parent_id) if parent_id is not None else None
            # The handler may have been given to a part of a chain only: that part is then the outermost.
            run = _Run(_Root(), 0) if parent is None else _Run(parent.root, parent.depth + 1)
            self._runs[run_id] = run
            while len(self._runs) > self._most:
                self._runs.popitem(last=False)
        if run.root.thread is None:
            run.root.thread = self._thread(told.get("metadata") or {})
        return run

    def _end(self, run_id: UUID) -> _Run | None:
        with self._lock:
            return self._runs.pop(run_id, None)

    def _thread(self, metadata: Mapping[str, Any]) -> str | None:
        return thread_of(metadata, self._keys) or thread_of(configurable(), self._keys)

    def _finished(self, run_id: UUID, root: _Root, messages: list[Any], given: int) -> Finished:
        if root.thread is not None:
            return Finished(root.thread, messages)
        return Finished(str(run_id), messages, given)


def thread_of(told: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """The id of the thread, under the first of the keys that has one."""
    for key in keys:
        value = told.get(key)
        if isinstance(value, str | int | UUID) and not isinstance(value, bool) and str(value).strip():
            return str(value)
    return None


def configurable() -> Mapping[str, Any]:
    """What the application configured for what runs here: not all of it gets into the metadata."""
    from langchain_core.runnables.config import var_child_runnable_config

    return (var_child_runnable_config.get() or {}).get("configurable") or {}


def _messages_in(state: Any) -> Any:
    """The messages of a state, which may be a dictionary or an object."""
    return state.get("messages") if isinstance(state, Mapping) else getattr(state, "messages", None)


def _answer(response: Any) -> Any:
    """The message, or for a model without roles the text, that a model generated first."""
    generation = next((found[0] for found in response.generations if found), None)
    if generation is None:
        return None
    message = getattr(generation, "message", None)
    answer = {"role": "assistant", "content": generation.text} if message is None else message
    return answer if turns_of([answer]) else None
