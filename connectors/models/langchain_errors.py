"""What the errors of LangChain's many integrations mean. Their packages are not imported: classes go by their names."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import httpx2

from convexplain.errors import ModelError, TooLongError, TransientError

from .openai_replies import RefusedError, raise_for_status

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

_STATUS = {  # LangChain's own classes of errors
    "ModelInvalidRequestError": 400,
    "ModelAuthenticationError": 401,
    "ModelPermissionDeniedError": 403,
    "ModelNotFoundError": 404,
    "ModelRateLimitError": 429,
    "ModelAPIError": 500,
}
_BROKEN = re.compile(r"Connect|Network|RemoteProtocol|ReadError|WriteError")
_OTHER_LOOP = re.compile(r"event loop is closed|different (event )?loop", re.IGNORECASE)
_TOO_LONG = re.compile(r"context.{0,20}(length|size|window)|(prompt|input).{0,20}too long", re.IGNORECASE)


def meaning(error: Exception, name: str, chat: "BaseChatModel") -> ModelError:
    """What an error that a call raised means.

    Args:
        error: as the provider's package raised it.
        name: how the user calls the model.
        chat: the model, whose keys are taken out of the error's words.
    """
    words = f"{type(error).__name__}: {error}"
    for secret in _secrets(chat):
        words = words.replace(secret, "***")
    message = f"{name}: {' '.join(words.split())[:300]}"
    kinds = kinds_of(error)
    if "ContextOverflowError" in kinds:
        return TooLongError(message, words)
    if status := _status(error, kinds):
        response = httpx2.Response(status, headers=_retry_after(error), text=words)
        try:
            hint = "the key is taken where the model's LangChain package says"
            raise_for_status(response, name, hint, "is the model's name right?")
        except ModelError as found:
            return found
    if any("Timeout" in kind for kind in kinds):
        return TransientError(message, words, timed_out=True)
    if any(_BROKEN.search(kind) for kind in kinds):
        return TransientError(message, words)
    if _TOO_LONG.search(words):
        return TooLongError(message, words)
    if isinstance(error, (TypeError, ValueError)):  # an argument that is unknown, or not valid, before anything is sent
        return RefusedError(message, words)
    return ModelError(message, words)


def left_behind(error: BaseException) -> bool:
    """Whether a connection was used that was opened in another event loop, as providers' clients do when a model is.

    The client has dropped that connection by then, so the same call can be made again at once.
    """
    return any(isinstance(one, RuntimeError) and _OTHER_LOOP.search(str(one)) for one in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """The error and what it was raised from: integrations wrap the errors of a provider's own library."""
    found = [error]
    while (cause := found[-1].__cause__) is not None and cause not in found:
        found.append(cause)
    return found


def kinds_of(error: BaseException) -> set[str]:
    """Names of the classes that the error is of, and what it was raised from: no provider's package is imported."""
    return {kind.__name__ for one in _causes(error) for kind in type(one).__mro__}


def _status(error: BaseException, kinds: set[str]) -> int | None:
    """The HTTP status, wherever the provider's library puts it."""
    for one in _causes(error):
        response = getattr(one, "response", None)
        if isinstance(response, Mapping):  # AWS
            found = [(response.get("ResponseMetadata") or {}).get("HTTPStatusCode")]
        else:
            found = [getattr(one, name, None) for name in ("status_code", "http_status", "code")]
            found.append(getattr(response, "status_code", None))
        for status in found:
            if isinstance(status, int) and 400 <= status < 600:
                return status
    return next((status for kind, status in _STATUS.items() if kind in kinds), None)


def _retry_after(error: BaseException) -> dict[str, str]:
    """The header that says how long to wait, if there is one."""
    for one in _causes(error):
        headers = getattr(getattr(one, "response", None), "headers", None)
        if headers is not None and (value := headers.get("retry-after")):
            return {"retry-after": str(value)}
    return {}


def _secrets(chat: "BaseChatModel") -> list[str]:
    """The keys that the model holds."""
    from pydantic import SecretStr

    named = set(chat.lc_secrets)
    values = [
        value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in vars(chat).items()
        if isinstance(value, SecretStr) or name in named
    ]
    return [value for value in values if isinstance(value, str) and len(value) >= 4]
