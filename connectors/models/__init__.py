"""Chat models that really run, and how a user names one."""

from convexplain.errors import UsageError
from convexplain.models import ChatModel

from .embedded import EmbeddedModel
from .local import LocalModel
from .openai_compatible import OpenAICompatible
from .scripted import ScriptedModel

__all__ = ["EmbeddedModel", "LocalModel", "OpenAICompatible", "ScriptedModel", "open_model"]


def open_model(name: str) -> ChatModel:
    """The model that a user named: `embedded`, or `http(s)://HOST/v1?model=NAME`.

    Nothing is loaded or reached before its `prepare`.

    Raises:
        UsageError: no model is named like that.
    """
    if name == "embedded":
        return EmbeddedModel()
    if name.lower().startswith(("http://", "https://")):
        return OpenAICompatible(name)
    raise UsageError(
        f"model {name.rpartition('@')[2]!r} is not known; valid are: embedded, http://HOST:PORT/v1?model=NAME"
    )
