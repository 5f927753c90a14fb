"""A function of the user as a model: from a prompt to the reply."""

import asyncio
import inspect
import re
import time
import uuid
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from types import CellType, CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from convexplain.errors import ConvexplainError, ModelError, UsageError
from convexplain.models.chat import Reply, Request, no_features, no_reply_logprob, sendable
from convexplain.types import sha256_json

from .remote_calls import ask_each, estimate_tokens

# Objects that cannot be compared by value, by their `id`, each with a unique token. They are held: if one were freed,
# another object could get its `id`.
_OBJECTS: dict[int, tuple[Any, str]] = {}


class FunctionModel:
    """A function `prompt -> reply` as a model, without log-probabilities: a judge averages its sampled replies.

    A coroutine function is awaited; a plain one runs in a thread, so that nothing else waits for it. The prompt is the
    text of the user's message; where a request has several messages, they follow each other as `ROLE: TEXT`. What the
    request says of temperature and seed is not passed on. A reply that is asked for in words is cut after `max_tokens`
    words; one with a label in it is left whole.

    Replies are cached under the `fingerprint`. It holds the function's module and qualified name, its code, its
    defaults and its closure, so that two functions differ and an edited one is asked again. It does not hold what the
    function reads elsewhere: global variables, files, the functions that it calls, a model behind an address. When one
    of those changes, cached replies are of the old state; give the function another name then, or do not cache its
    replies. An object in its closure, or to which it is bound, cannot be compared by value: unless the function has a
    name, such an object is identified by itself, and is held until the process ends. The function is another one in
    every process then, and its cached replies are not used again.

    Args:
        function: takes a prompt, returns the reply or an awaitable of it.
        name: the model's name; by default the function's module and qualified name. Functions with one such name count
            as one model, whatever they do.
        in_flight: how many calls may be open at once; by default 16 of a coroutine function and 1 of a plain one,
            which may not be safe to call from two threads.
        timeout: seconds after which a call counts as hung, None for never. A plain function goes on in its thread.

    Raises:
        UsageError: it cannot be called, or a number is not valid.
    """

    batch = 1

    def __init__(
        self,
        function: Callable[[str], str | Awaitable[str]],
        name: str | None = None,
        *,
        in_flight: int | None = None,
        timeout: float | None = 120.0,
    ) -> None:
        if not callable(function):
            raise UsageError(
                f"function={function!r:.80} cannot be called; valid is a function from a prompt to a reply"
            )
        self._awaited = _is_coroutine_function(function)
        self.in_flight = in_flight if in_flight is not None else 16 if self._awaited else 1
        if self.in_flight < 1:
            raise UsageError(f"in_flight={in_flight!r} is not valid; it must be at least 1")
        if timeout is not None and not timeout > 0:
            raise UsageError(f"timeout={timeout!r} is not valid; it must be above 0 seconds, or None")
        self.timeout = timeout
        self.window: int | None = None
        self.name = name or ".".join(_qualified_name(function))
        self.fingerprint = f"function:{name}" if name else f"function:{self.name}#{sha256_json(_identity(function))}"
        self._function = function

    async def prepare(self) -> None:
        """Do nothing: a function needs no preparation."""

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answer one request (`batch` is 1; more are asked one after the other)."""
        return await ask_each(self._ask, requests)

    def count_tokens(self, text: str) -> int:
        """Return an estimate from the text's length."""
        return estimate_tokens(text)

    async def aclose(self) -> None:
        """Do nothing: nothing is held that would have to be given back."""

    async def _ask(self, request: Request) -> Reply:
        if request.features:
            raise no_features(self.name)
        if request.reply:
            raise no_reply_logprob(self.name, "a function only returns replies of its own")
        began = time.perf_counter()
        text = await self._call(_prompt(request))
        seconds = time.perf_counter() - began
        head = None if request.opening else re.match(rf"\s*(?:\S+\s+){{{request.max_tokens}}}(?=\S)", text)
        if head is None:
            return Reply(text, seconds=seconds)
        return Reply(head[0].rstrip(), truncated=True, completion_tokens=request.max_tokens, seconds=seconds)

    async def _call(self, prompt: str) -> str:
        try:
            answer: Any = self._function(prompt) if self._awaited else await asyncio.to_thread(self._in_thread, prompt)
            if inspect.isawaitable(answer):
                answer = await answer
        except ConvexplainError:
            raise
        except Exception as error:
            raise self._failure(error) from error
        if not isinstance(answer, str):
            raise ModelError(f"{self.name} returned {type(answer).__name__}; it must return the reply as str")
        return answer

    def _in_thread(self, prompt: str) -> Any:
        try:
            return self._function(prompt)
        except StopIteration as error:  # a future cannot hold it, and would never end
            raise self._failure(error) from error

    def _failure(self, error: Exception) -> ModelError:
        return ModelError(f"{self.name} failed: {type(error).__name__}: {error}")


def _prompt(request: Request) -> str:
    messages = [(message.role, sendable(message.content)) for message in request.messages]
    if len(messages) == 1:
        return messages[0][1]
    return "\n\n".join(f"{role}: {text}" for role, text in messages)


def _is_coroutine_function(function: Any) -> bool:
    method = getattr(type(function), "__call__", None)  # noqa: B004 - an object of a class with `async def __call__`
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(method)


def _qualified_name(function: Any) -> tuple[str, str]:
    """Return module and qualified name; for an object that can be called those of its class."""
    while isinstance(function, partial):
        function = function.func
    named = function if hasattr(function, "__qualname__") else type(function)
    return str(named.__module__), str(named.__qualname__)


def _identity(value: Any, outer: tuple[int, ...] = ()) -> Any:
    """Return an identity of a function, or of a value that it uses, as JSON.

    It is the same in every process, unless the value is an object that cannot be compared by value.

    Args:
        value: a function, or what it closes over.
        outer: the `id` of each value that this one is part of: a function may close over itself.
    """
    if id(value) in outer:
        return ["outer", outer.index(id(value))]
    inner = partial(_identity, outer=(*outer, id(value)))
    if value is None or isinstance(value, (bool, int, float, complex, str, bytes, slice, type(...))):
        return [type(value).__name__, repr(value)]
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *map(inner, value)]
    if isinstance(value, (set, frozenset)):  # its order differs from process to process
        return ["set", *sorted(map(inner, value), key=repr)]
    if isinstance(value, dict):
        return ["dict", *([inner(key), inner(item)] for key, item in value.items())]
    return _identity_of_code(value, inner) or [".".join(_qualified_name(value)), _token_of(value)]


def _token_of(value: Any) -> str:
    """Return an identity of an object: the same as long as the process lives, and never that of another object."""
    return _OBJECTS.setdefault(id(value), (value, uuid.uuid4().hex))[1]


def _identity_of_code(value: Any, inner: Callable[[Any], Any]) -> list[Any] | None:
    """Return an identity of code that can be called; None where the value is no such code."""
    if isinstance(value, CodeType):
        return [value.co_code.hex(), value.co_names, value.co_varnames, *map(inner, value.co_consts)]
    if isinstance(value, FunctionType):
        cells = [_contents(cell) for cell in value.__closure__ or ()]
        return [*_qualified_name(value), *map(inner, (value.__code__, value.__defaults__, value.__kwdefaults__, cells))]
    if isinstance(value, MethodType):
        return ["method", inner(value.__func__), inner(value.__self__)]
    if isinstance(value, partial):
        return ["partial", inner(value.func), inner(value.args), inner(value.keywords)]
    if hasattr(value, "__wrapped__"):  # functools.cache and the like
        return ["wrapped", inner(value.__wrapped__)]
    if isinstance(value, ModuleType):
        return ["module", value.__name__]
    if isinstance(value, type) or inspect.isroutine(value):
        return [*_qualified_name(value), inner(getattr(value, "__self__", None))]
    return None


def _contents(cell: CellType) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # nothing is in it yet
        return None
