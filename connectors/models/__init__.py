"""Chat models that really run, and how a user names one."""

import re
from collections.abc import Awaitable, Callable, Iterable
from typing import cast

from convexplain.connectors.kinds import usages
from convexplain.errors import UsageError
from convexplain.models.chat import ChatModel

from .embedded import EmbeddedModel
from .function import FunctionModel
from .hub import HubModel, mixtral_model
from .kind import MODELS, ModelKind, check_options
from .langchain_chat import LangChainModel
from .llama_cpp import LlamaCppModel
from .local import LocalModel
from .openai_compatible import OpenAICompatible
from .provider_model import ProviderModel, langchain_model
from .providers import LANGCHAIN_PACKAGES
from .scripted import ScriptedModel

__all__ = [
    "MODELS",
    "EmbeddedModel",
    "FunctionModel",
    "HubModel",
    "LangChainModel",
    "LlamaCppModel",
    "LocalModel",
    "ModelKind",
    "OpenAICompatible",
    "ProviderModel",
    "ScriptedModel",
    "as_model",
    "mixtral_model",
    "model_usage",
    "open_model",
]


def open_model(name: str) -> ChatModel:
    """Open the model that a user named, as `docs/models.md` lists them.

    Nothing is loaded or reached before its `prepare`. A prefix that is not one of ours goes to the package that
    registered it as an entry point of the group `convexplain.models`, and then to LangChain.

    Raises:
        UsageError: no model is named like that, or it takes no such option.
        UnavailableError: `mixtral` is nowhere to be had, or a provider's address is not set.
        MissingExtraError: what it needs is not installed.
    """
    word = re.split("[:?]", name)[0]
    ending = name[len(word) :]
    kind = MODELS.find(word.lower() if ending.startswith("://") else word)
    if kind is not None:
        if kind.options is not None:
            check_options(name, kind.options)
        if (target := kind.target_of(ending)) is not None:
            return kind.make(target)
    elif word in LANGCHAIN_PACKAGES and ending.startswith(":") and len(ending) > 1:
        check_options(name)
        return langchain_model(word, ending[1:])
    public_name = re.sub(r"\bkey=[^&]*", "key=…", name.rpartition("@")[2])
    raise UsageError(f"model {public_name!r} is not known; valid are: {model_usage(MODELS.records)}")


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


def model_usage(kinds: Iterable[ModelKind]) -> str:
    """Return the forms of names that users may write, those of LangChain's providers and the options."""
    kinds = tuple(kinds)
    takers: dict[tuple[str, ...], list[str]] = {}
    for kind in kinds:
        if kind.options:
            takers.setdefault(kind.options, []).append(kind.name)
    options = (f"?{'&'.join(options)} ({', '.join(names)})" for options, names in takers.items())
    return (
        f"{usages(kinds)}, and LangChain's providers (anthropic:MODEL, bedrock:MODEL, google:MODEL, …). Options: "
        f"{'; '.join(options)}"
    )
