"""Chat models that really run, and how a user names one."""

import re
from collections.abc import Awaitable, Callable
from typing import cast

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
from .small import SmallModel, small_is_ready

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
    "SmallModel",
    "as_model",
    "mixtral_model",
    "open_model",
    "small_is_ready",
]

_MEANT = {
    "gguf": r"[^:?]+\.gguf$",
    "openai": r"(gpt-|chatgpt|o\d)[^:?]*$",
    "anthropic": r"claude[^:?]*$",
    "google": r"gemini[^:?]*$",
    "local": r"[\w.-]+/[\w.-]+$",
}
"""Models by the patterns of names that people write without the kind."""


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
    meant = next((prefix for prefix, pattern in _MEANT.items() if re.match(pattern, public_name, re.IGNORECASE)), None)
    hint = f"did you mean {meant}:{public_name}? " if meant else ""
    raise UsageError(f"model {public_name!r} is not known; {hint}`convexplain judges list` lists the models")


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
