"""The runs of an application, followed by their ids: a finished one gives a conversation's history."""

import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from convexplain.connectors.message_objects import has_messages, turns_of

from .history_queue import History
from .worker import JUDGING

THREAD_KEYS = ("thread_id", "session_id", "conversation_id")
_RUNS = 20_000  # active at once; older ones never ended, as when a stream is not read to its end


@dataclass(slots=True)
class _Root:
    """An outermost run: one call that the application made.

    Attributes:
        thread: the id of its thread; None where there is none.
        input_count: the number of messages in its input; None before its input is known.
        depth, messages, before: the last finished chat model call, of the outermost ones: its depth, its messages with
            the answer, and the number of messages before the answer.
    """

    thread: str | None = None
    input_count: int | None = None
    depth: int = -1
    messages: list[Any] | None = None
    before: int = 0


@dataclass(slots=True)
class _Run:
    root: _Root
    depth: int
    messages: list[Any] | None = None


class Collector:
    """A collector of conversations from LangChain's callbacks, whose names its methods have. It holds only active runs.

    The outermost run decides. Where it returns `messages`, as agents and graphs do, these are the conversation;
    elsewhere the conversation is the input of the outermost chat model, with its answer. A failed run has no
    conversation. An interrupt is no failure: the run ends, and its thread goes on in another one.

    Args:
        thread_keys: the keys of a run's metadata, or else of its configuration, that name its thread.
        most: the number of active runs that are remembered.
    """

    def __init__(self, thread_keys: Sequence[str] = THREAD_KEYS, most: int = _RUNS) -> None:
        self._keys = tuple(thread_keys)
        self._most = most
        self._runs: OrderedDict[UUID, _Run] = OrderedDict()
        self._lock = threading.Lock()

    # ---- beginnings

    def on_chain_start(self, serialized: Any, inputs: Any, *, run_id: UUID, **details: Any) -> None:
        """Start a chain, an agent or a graph, or a part of one."""
        run = self._start(run_id, details)
        if run is not None and run.depth == 0:
            messages = _messages_in(inputs)
            run.root.input_count = len(messages) if isinstance(messages, list) else int(messages is not None)

    def on_chat_model_start(self, serialized: Any, messages: list[list[Any]], *, run_id: UUID, **details: Any) -> None:
        """Start a chat model, with its messages."""
        run = self._start(run_id, details)
        if run is not None:
            run.messages = list(messages[0]) if messages else []

    def on_llm_start(self, serialized: Any, prompts: list[str], *, run_id: UUID, **details: Any) -> None:
        """Start a model without roles: its prompt is one turn of the user."""
        run = self._start(run_id, details)
        if run is not None:
            run.messages = [{"role": "user", "content": prompt} for prompt in prompts[:1]]

    def on_tool_start(self, serialized: Any, input_str: str, *, run_id: UUID, **details: Any) -> None:
        """Start a tool: the models in it are none of the outermost."""
        self._start(run_id, details)

    def on_retriever_start(self, serialized: Any, query: str, *, run_id: UUID, **details: Any) -> None:
        """Start a retriever: the same holds for it."""
        self._start(run_id, details)

    # ---- ends

    def on_chain_end(self, outputs: Any, *, run_id: UUID, **details: Any) -> History | None:
        """End a chain; the outermost one finishes the history."""
        run = self._end(run_id)
        if run is None or run.depth:
            return None
        root = run.root
        messages = _messages_in(outputs)
        if messages is not None and has_messages(messages):
            history = self._history(run_id, root, list(messages), root.input_count or 0)
            return replace(history, structured=_structured_in(outputs))
        if root.messages is not None:
            return self._history(run_id, root, root.messages, root.before)
        return None

    def on_llm_end(self, response: Any, *, run_id: UUID, **details: Any) -> History | None:
        """End a model with its answer, streamed or not."""
        run = self._end(run_id)
        if run is None or run.messages is None:
            return None
        answer = _answer(response)
        if answer is None:
            return None
        messages, before = [*run.messages, answer], len(run.messages)
        root = run.root
        if not run.depth:
            return self._history(run_id, root, messages, before)
        if root.messages is None or run.depth <= root.depth:
            root.depth, root.messages, root.before = run.depth, messages, before
        return None

    def on_chain_error(self, error: BaseException, *, run_id: UUID, **details: Any) -> None:
        """End a chain that failed, or was interrupted."""
        self._end(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **details: Any) -> None:
        """End a model without an answer."""
        self._end(run_id)

    def on_tool_end(self, output: Any, *, run_id: UUID, **details: Any) -> None:
        """End a tool; its result is in the agent's messages."""
        self._end(run_id)

    def on_tool_error(self, error: BaseException, *, run_id: UUID, **details: Any) -> None:
        """End a tool that failed."""
        self._end(run_id)

    def on_retriever_end(self, documents: Any, *, run_id: UUID, **details: Any) -> None:
        """End a retriever; its documents are no turns."""
        self._end(run_id)

    def on_retriever_error(self, error: BaseException, *, run_id: UUID, **details: Any) -> None:
        """End a retriever that failed."""
        self._end(run_id)

    # ----

    def __len__(self) -> int:
        """Return the number of active runs."""
        return len(self._runs)

    def _start(self, run_id: UUID, details: Mapping[str, Any]) -> _Run | None:
        if JUDGING.get():
            return None
        with self._lock:
            parent_id = details.get("parent_run_id")
            parent = self._runs.get(parent_id) if parent_id is not None else None
            # The handler may be passed to a part of a chain only: that part is then the outermost.
            run = _Run(_Root(), 0) if parent is None else _Run(parent.root, parent.depth + 1)
            self._runs[run_id] = run
            while len(self._runs) > self._most:
                self._runs.popitem(last=False)
        if run.root.thread is None:
            run.root.thread = self._thread(details.get("metadata") or {})
        return run

    def _end(self, run_id: UUID) -> _Run | None:
        with self._lock:
            return self._runs.pop(run_id, None)

    def _thread(self, metadata: Mapping[str, Any]) -> str | None:
        return thread_of(metadata, self._keys) or thread_of(configurable(), self._keys)

    def _history(self, run_id: UUID, root: _Root, messages: list[Any], first_new: int) -> History:
        if root.thread is not None:
            return History(root.thread, messages)
        return History(str(run_id), messages, first_new)


def thread_of(fields: Mapping[str, Any], keys: Sequence[str]) -> str | None:
    """Return the id of the thread, under the first of the keys that has one; None where none has."""
    for key in keys:
        thread = fields.get(key)
        if isinstance(thread, str | int | UUID) and not isinstance(thread, bool) and str(thread).strip():
            return str(thread)
    return None


def configurable() -> Mapping[str, Any]:
    """Return the configuration of the current run: not all of it is in the metadata."""
    from langchain_core.runnables.config import var_child_runnable_config

    return (var_child_runnable_config.get() or {}).get("configurable") or {}


def _messages_in(state: Any) -> Any:
    """Return the messages of a state, which may be a dictionary or an object."""
    return state.get("messages") if isinstance(state, Mapping) else getattr(state, "messages", None)


def _structured_in(state: Any) -> Any:
    """Return the object that an agent with a response format answered with; None elsewhere."""
    name = "structured_response"
    return state.get(name) if isinstance(state, Mapping) else getattr(state, name, None)


def _answer(response: Any) -> Any:
    """Return the first message, or for a model without roles the first text, that a model generated."""
    generation = next((candidates[0] for candidates in response.generations if candidates), None)
    if generation is None:
        return None
    message = getattr(generation, "message", None)
    answer = {"role": "assistant", "content": generation.text} if message is None else message
    return answer if turns_of([answer]) else None
