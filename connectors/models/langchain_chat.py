"""Any LangChain chat model: one that LangChain opens by name, or an object that an application has already."""

import asyncio
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from convexplain.errors import MissingExtraError, ModelError, UnavailableError, UsageError
from convexplain.models.chat import Message, Reply, Request, no_reply_logprob, sendable
from convexplain.types import sha256_json

from .endpoint_errors import RefusedError
from .endpoint_rules import THINKING_TOKENS
from .kind import ModelKind
from .langchain_errors import class_names, is_from_other_loop, model_error
from .openai_replies import has_thoughts, read_completion
from .providers import LANGCHAIN_PACKAGES
from .remote_calls import ask_each, estimate_tokens

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import BaseMessage
    from langchain_core.runnables import RunnableConfig

_NAMES = {  # spellings of our parameters in refusals
    "temperature": re.compile(r"\btemperature\b"),
    "seed": re.compile(r"\b(random_)?seed\b"),
    "max_tokens": re.compile(r"\bmax_((completion|output|new)_)?tokens\b"),
}
_STALE_CONNECTIONS = 100  # most connections that a client keeps open; each that is of no use is tried once
_ENDPOINT = re.compile(r"base|url|endpoint|host|region", re.IGNORECASE)
_PRIVATE = re.compile(r"key|secret|password|credential|authorization|header|(^|_)token$", re.IGNORECASE)


class LangChainModel:
    """A LangChain chat model.

    It is asked for log-probabilities, a temperature, a seed and an end after some tokens; what a model refuses, it is
    not asked for again. A JSON Schema is never asked for: the prompt asks for JSON, and models differ in what they do
    with a schema. Callbacks of a chain around the caller do not see these calls; the model's own do.

    Args:
        chat: `PROVIDER:MODEL` as LangChain's `init_chat_model` takes it, or a chat model. The object is not closed.
        name: how the user calls the model; unless given, `langchain:PROVIDER:MODEL` or `langchain:CLASS:MODEL`.

    Raises:
        UsageError: it is neither.
        MissingExtraError: langchain is not installed.
    """

    batch = 1
    in_flight = 16
    timeout: float | None = 120.0

    def __init__(self, chat: "str | BaseChatModel", name: str | None = None) -> None:
        self.window: int | None = None
        self._spec = chat if isinstance(chat, str) else ""
        self._chat: BaseChatModel | None = None
        self._parameters = _Parameters()
        if isinstance(chat, str):
            if not all(chat.strip().partition(":")):
                raise UsageError(
                    f"langchain:{chat} names no model; valid is langchain:PROVIDER:MODEL, e.g. openai:NAME"
                )
            self.name = name or f"langchain:{chat}"
            self.fingerprint = self.name
            return
        if not isinstance(chat, _base_class()):
            raise UsageError(
                f"chat={type(chat).__name__} is no chat model; valid are 'PROVIDER:MODEL' and an object of a class "
                "derived from BaseChatModel"
            )
        model = chat._get_ls_params().get("ls_model_name")
        self.name = name or ":".join(["langchain", type(chat).__name__, *([model] if model else [])])
        self._use(chat)

    async def prepare(self) -> None:
        """Set the model up if it has only a name. It is not asked anything.

        Raises:
            MissingExtraError: langchain is not installed.
            UnavailableError: the provider's package is not installed, there is no key for it, or it is unknown.
        """
        if self._chat is None:
            self._use(await asyncio.to_thread(_set_up, self._spec, self.name))

    async def chat(self, requests: Sequence[Request]) -> list[Reply | ModelError]:
        """Answer one request (`batch` is 1; more are sent one after the other)."""
        return await ask_each(self._ask, requests)

    def count_tokens(self, text: str) -> int:
        """Return an estimate from the text's length."""
        return estimate_tokens(text)

    async def aclose(self) -> None:
        """Do nothing: the model holds nothing that has to be released."""

    def _use(self, chat: "BaseChatModel") -> None:
        # LangChain's cache would give one reply for several draws, and noise would look like agreement.
        self._chat = chat.model_copy(update={"cache": False})
        self.fingerprint = f"langchain#{sha256_json(_identity(chat))}"
        window = (getattr(chat, "profile", None) or {}).get("max_input_tokens")
        self.window = window if isinstance(window, int) and window > 0 else None

    async def _ask(self, request: Request) -> Reply:
        if self._chat is None:
            raise ModelError(f"{self.name}: the model was never prepared")
        if request.reply:
            raise no_reply_logprob(self.name, "LangChain has no call for that")
        messages = [_message(message) for message in request.messages]
        parameters = self._parameters
        while True:
            options = parameters.options(request)
            began = time.perf_counter()
            try:
                answer = await _invoke(self._chat, messages, options)
            except Exception as error:
                if "GraphBubbleUp" in class_names(error):  # LangGraph's control flow, no failure
                    raise
                failure = model_error(error, self.name, self._chat)
                fewer = parameters.without(failure.raw, options) if isinstance(failure, RefusedError) else None
                if fewer is None:
                    raise failure from None  # the original may show a key
                parameters = fewer
                continue
            reply, thinks = _read(answer, request, time.perf_counter() - began, thinks=parameters.thinking_tokens > 0)
            if thinks and reply.truncated and not parameters.thinking_tokens and "max_tokens" in options:
                parameters = replace(parameters, thinking_tokens=THINKING_TOKENS)
                continue
            self._parameters = self._parameters.intersection(parameters)
            return reply


@dataclass(frozen=True, slots=True)
class _Parameters:
    """The parameters that a model accepts, and the tokens that it needs for thoughts beside each reply."""

    top_logprobs: int = 20
    left_out: frozenset[str] = frozenset()
    thinking_tokens: int = 0

    def options(self, request: Request) -> dict[str, Any]:
        options: dict[str, Any] = {
            "temperature": request.temperature,
            "max_tokens": request.max_tokens + self.thinking_tokens,
            "seed": request.draw,
        }
        options = {name: value for name, value in options.items() if name not in self.left_out}
        if request.labels and self.top_logprobs:
            options |= {"logprobs": True, "top_logprobs": self.top_logprobs}
        return options

    def without(self, refusal: str, options: Mapping[str, Any]) -> "_Parameters | None":
        """Return the parameters without those that a refusal names; None where it names none of the options."""
        if "logprobs" in options and "logprobs" in refusal:
            return replace(self, top_logprobs=5 if self.top_logprobs > 5 else 0)
        for name, spelled in _NAMES.items():
            if name in options and spelled.search(refusal):
                return replace(self, left_out=self.left_out | {name})
        return None

    def intersection(self, parameters: "_Parameters") -> "_Parameters":
        return _Parameters(
            min(self.top_logprobs, parameters.top_logprobs),
            self.left_out | parameters.left_out,
            max(self.thinking_tokens, parameters.thinking_tokens),
        )


def _base_class() -> "type[BaseChatModel]":
    try:
        from langchain_core.language_models import BaseChatModel
    except ImportError as error:
        raise MissingExtraError("A LangChain chat model", "langchain") from error
    return BaseChatModel


def _set_up(spec: str, name: str) -> "BaseChatModel":
    try:
        from langchain.chat_models import init_chat_model
    except ImportError as error:
        package = LANGCHAIN_PACKAGES.get(spec.partition(":")[0])
        model = f"{name}, which also needs `pip install {package}`," if package else "A LangChain chat model"
        raise MissingExtraError(model, "langchain") from error
    try:
        chat = init_chat_model(spec)
        # Tries are counted and paused for in one place, which is not here.
        return init_chat_model(spec, max_retries=0) if "max_retries" in type(chat).model_fields else chat
    except ImportError as error:  # names the package to install
        raise UnavailableError(f"{name}: {error}") from error
    except Exception as error:  # noqa: BLE001 - each provider has its own
        from pydantic import ValidationError

        if isinstance(error, ValidationError):  # its own text shows the input, and a key with it
            words = "; ".join(problem["msg"] for problem in error.errors(include_input=False, include_context=False))
        else:
            words = " ".join(str(error).split())
        raise UnavailableError(f"{name}: LangChain cannot set it up: {words[:300]}") from None


async def _invoke(chat: "BaseChatModel", messages: "list[BaseMessage]", options: Mapping[str, Any]) -> "BaseMessage":
    # No callbacks: a chain around the caller would hand its own on, and take these calls for the application's.
    config: RunnableConfig = {"callbacks": []}
    for _ in range(_STALE_CONNECTIONS):
        try:
            return await chat.ainvoke(messages, config, **options)
        except NotImplementedError:  # some models have no async calls, and say so
            return await asyncio.to_thread(chat.invoke, messages, config, **options)
        except Exception as error:
            if not is_from_other_loop(error):
                raise
    return await chat.ainvoke(messages, config, **options)


def _message(message: Message) -> "BaseMessage":
    from langchain_core.messages import AIMessage, HumanMessage, SystemMessage

    text = sendable(message.content)
    if message.role == "assistant":
        return AIMessage(text)
    if message.role == "system":
        return SystemMessage(text)
    return HumanMessage(text)  # a tool's too: a tool message without the call it answers is refused


def _read(answer: "BaseMessage", request: Request, seconds: float, *, thinks: bool) -> tuple[Reply, bool]:
    """Return the reply, and whether the model thought; log-probabilities where they come as in the OpenAI protocol."""
    metadata = answer.response_metadata
    usage = getattr(answer, "usage_metadata", None) or {}
    cached = (usage.get("input_token_details") or {}).get("cache_read")
    names = ("finish_reason", "stop_reason", "stopReason", "done_reason")  # stopReason: Bedrock
    end = next((str(metadata[name]).lower() for name in names if metadata.get(name)), "")
    thinking = (usage.get("output_token_details") or {}).get("reasoning")
    logprobs = metadata.get("logprobs")
    if isinstance(logprobs, list):  # Ollama has the list alone
        logprobs = {"content": logprobs}
    choice = {
        "message": {
            "content": str(answer.text),
            "thinking": _thoughts(answer),
            "refusal": answer.additional_kwargs.get("refusal"),  # OpenAI
            "tool_calls": getattr(answer, "tool_calls", None),
        },
        "finish_reason": "length" if end in ("length", "max_tokens") else end,
        "logprobs": logprobs,
    }
    data = {
        "choices": [choice],
        "usage": {
            "prompt_tokens": usage.get("input_tokens"),
            "completion_tokens": usage.get("output_tokens"),
            "prompt_tokens_details": {"cached_tokens": cached},
            "completion_tokens_details": {"reasoning_tokens": thinking},
        },
    }
    try:
        reply = read_completion(data, request, seconds, thinks=thinks)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError):  # log-probabilities in some other form
        choice["logprobs"] = None
        reply = read_completion(data, request, seconds, thinks=thinks)
    return reply, has_thoughts(data)


def _thoughts(answer: "BaseMessage") -> list[Any]:
    """Return the thoughts of a message, which are blocks of its content (Anthropic, Bedrock) or beside it (Ollama)."""
    blocks = answer.content if isinstance(answer.content, list) else []
    thoughts: list[Any] = [
        block
        for block in blocks
        if isinstance(block, dict) and str(block.get("type")) in ("thinking", "reasoning", "reasoning_content")
    ]
    return [*thoughts, answer.additional_kwargs.get("reasoning_content")]


def _identity(chat: "BaseChatModel") -> dict[str, Any]:
    """Return the class, the parameters and the server of a model, which identify it; never a key."""
    fields = vars(chat)
    return {
        "class": f"{type(chat).__module__}.{type(chat).__qualname__}",
        "parameters": _plain(chat._identifying_params),
        "model": _plain(chat._get_ls_params()),
        "server": {name: value for name, value in fields.items() if isinstance(value, str) and _ENDPOINT.search(name)},
        # A client may have found its server by itself, in an environment variable.
        "clients": {name: str(value.base_url) for name, value in fields.items() if hasattr(value, "base_url")},
    }


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(inner) for name, inner in value.items() if not _PRIVATE.search(str(name))}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value if value is None or isinstance(value, (str, int, float, bool)) else type(value).__name__


LANGCHAIN = ModelKind("langchain", "Any chat model of LangChain.", "PROVIDER:MODEL", make=LangChainModel, options=())
