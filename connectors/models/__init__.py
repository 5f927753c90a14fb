"""Chat models that really run, and how a user names one."""

import re
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import cast

from convexplain.connectors.plugins import opened_by_plugin
from convexplain.errors import UsageError
from convexplain.judges.heads import read_head, shipped_heads
from convexplain.models.chat import ChatModel

from .embedded import EmbeddedModel
from .function import FunctionModel
from .hub import HubModel, mixtral_model
from .langchain_chat import LangChainModel
from .llama_cpp import LlamaCppModel
from .local import LocalModel
from .openai_compatible import OpenAICompatible
from .provider_model import ProviderModel, langchain_model
from .providers import LANGCHAIN_PACKAGES, PROVIDERS
from .scripted import ScriptedModel

__all__ = [
    "NAMES",
    "EmbeddedModel",
    "FunctionModel",
    "HubModel",
    "LangChainModel",
    "LlamaCppModel",
    "LocalModel",
    "OpenAICompatible",
    "ProviderModel",
    "ScriptedModel",
    "as_model",
    "mixtral_model",
    "open_model",
]

_HEADS = re.compile(r"(?P<model>embedded|local:[^?]+)(?P<heads>[?]head=[^&]+(?:&head=[^&]+)*)")
_WORDS: dict[str, Callable[[], ChatModel]] = {"embedded": EmbeddedModel, "mixtral": mixtral_model}
_PREFIXES: dict[str, Callable[[str], ChatModel]] = {
    "local": LocalModel,
    "hub": HubModel,
    "gguf": LlamaCppModel,
    "langchain": LangChainModel,
    **{name: partial(ProviderModel, provider) for name, provider in PROVIDERS.items()},
}
_OPTION = re.compile(r"[?&](in_flight|timeout|key|reasoning_effort)=")  # of the models that a server answers for
_WITHOUT_OPTIONS = (_WORDS.keys() | _PREFIXES.keys()) - PROVIDERS.keys()
# What users may write.
NAMES = (
    "embedded, mixtral, http://HOST:PORT/v1?model=NAME, openai:MODEL (so too azure, groq, mistral, ollama, openrouter "
    "and together), anthropic:MODEL (so too bedrock, google and LangChain's other providers), local:REPO_OR_FOLDER, "
    "gguf:FILE_OR_REPO, hub:REPO, langchain:PROVIDER:MODEL; embedded?head=FILE and local:REPO_OR_FOLDER?head=FILE "
    "score with a head of your own"
)


def open_model(name: str) -> ChatModel:
    """Open the model that a user named, as `docs/models.md` lists them.

    Nothing is loaded or reached before its `prepare`. A prefix that is not one of ours goes to the package that
    registered it as an entry point of the group `convexplain.models`, and then to LangChain.

    Raises:
        UsageError: no model is named like that, or it takes no such option.
        UnavailableError: `mixtral` is nowhere to be had, or a provider's address is not set.
        MissingExtraError: what it needs is not installed.
    """
    if name in _WORDS:
        return _WORDS[name]()
    if re.split("[:?]", name)[0] in _WITHOUT_OPTIONS:
        _check_no_option(name)
    if (marked := _HEADS.fullmatch(name)) is not None:
        return _with_heads(name, marked["model"], re.split(r"[?&]head=", marked["heads"])[1:])
    if name.lower().startswith(("http://", "https://")):
        return OpenAICompatible(name)
    prefix, _, rest = name.partition(":")
    model = _by_prefix(prefix, rest) if rest else None
    if model is None:
        shown = re.sub(r"\bkey=[^&]*", "key=…", name.rpartition("@")[2])
        raise UsageError(f"model {shown!r} is not known; valid are: {NAMES}")
    return model


def as_model(model: str | ChatModel | Callable[[str], str | Awaitable[str]]) -> ChatModel:
    """Return the model that is meant by a name, a model or a function.

    Args:
        model: a name as for `open_model`; a model, which is returned as it is; or a function or coroutine function from
            a prompt to the reply, as for `FunctionModel`.

    Raises:
        UsageError: it is none of them, or no model is named like that.
        UnavailableError: as `open_model` does.
        MissingExtraError: as `open_model` does.
    """
    if isinstance(model, str):
        return open_model(model)
    if not isinstance(model, type):
        if hasattr(model, "chat") and hasattr(model, "fingerprint"):
            return cast(ChatModel, model)
        if callable(model):
            return FunctionModel(model)
    raise UsageError(
        f"model={model!r:.80} is no model; valid are a name, an object with the protocol convexplain.models.ChatModel "
        "(LangChainModel(chat) makes one of a LangChain model), and a function from a prompt to the reply"
    )


def _by_prefix(prefix: str, rest: str) -> ChatModel | None:
    """Return the model that is named `PREFIX:REST`; None where nobody knows the prefix."""
    if prefix in _PREFIXES:
        return _PREFIXES[prefix](rest)
    plugin: ChatModel | None = opened_by_plugin("models", prefix, rest)
    if plugin is not None:
        return plugin
    if prefix in LANGCHAIN_PACKAGES:
        _check_no_option(f"{prefix}:{rest}")
    return langchain_model(prefix, rest)


def _check_no_option(name: str) -> None:
    """Refuse an option of other models, which would be taken for the end of this one's name. Its value is not shown.

    Raises:
        UsageError: there is one.
    """
    if (option := _OPTION.search(name)) is not None:
        takers = "URLs" if option[1] == "key" else f"URLs and the models of {', '.join(PROVIDERS)}"
        raise UsageError(
            f"model {name[: option.start()]!r} takes no option {option[1]}; {takers} take it, as in "
            f"http://HOST:PORT/v1?model=NAME&{option[1]}=…"
        )


def _with_heads(name: str, model: str, given: Sequence[str]) -> LocalModel:
    """A model with heads from files, before which the shipped ones give way; with `none`, without any.

    Raises:
        UsageError: `none` and a file.
        HeadError: a file is no head.
    """
    if "none" in given and len(given) > 1:
        raise UsageError(f"model {name!r} is not valid: head=none and another head")
    own = [] if given == ["none"] else [read_head(file) for file in given]
    if model == "embedded":
        found: LocalModel = EmbeddedModel(own if given == ["none"] else [*shipped_heads(), *own], name)
    else:
        found = LocalModel(model.removeprefix("local:"), name, heads=own)
    return found
