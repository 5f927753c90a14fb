"""Errors of LangChain's many integrations as our own. Their packages are not imported: classes are known by name."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

import httpx2

from convexplain.errors import ModelError, TooLongError, TransientError

from .endpoint_errors import RefusedError, raise_for_status

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


def model_error(error: Exception, name: str, chat: "BaseChatModel") -> ModelError:
    """Return the ModelError for an error that a call raised.

    Args:
        error: as the provider's package raised it.
        name: how the user calls the model.
        chat: the model, whose keys are taken out of the error's words.
    """
    words = f"{type(error).__name__}: {error}"
    for secret in _secrets(chat):
        words = words.replace(secret, "***")
    message = f"{name}: {' '.join(words.split())[:300]}"
    names = class_names(error)
    if "ContextOverflowError" in names:
        return TooLongError(message, words)
    if status := _status(error, names):
        response = httpx2.Response(status, headers=_retry_after(error), text=words)
        try:
            hint = "the key is taken where the model's LangChain package says"
            raise_for_status(response, name, hint, "is the model's name right?")
        except ModelError as failure:
            return failure
    if any("Timeout" in name for name in names):
        return TransientError(message, words, timed_out=True)
    if any(_BROKEN.search(name) for name in names):
        return TransientError(message, words)
    if _TOO_LONG.search(words):
        return TooLongError(message, words)
    if isinstance(error, (TypeError, ValueError)):  # an argument that is unknown, or not valid, before anything is sent
        return RefusedError(message, words)
    return ModelError(message, words)


def is_from_other_loop(error: BaseException) -> bool:
    """Return whether a connection of another event loop was used, as clients do when a model moves to a new loop.

    The client has dropped that connection by then, so the same call can be made again at once.
    """
    return any(isinstance(cause, RuntimeError) and _OTHER_LOOP.search(str(cause)) for cause in _causes(error))


def _causes(error: BaseException) -> list[BaseException]:
    """Return the error and its causes: integrations wrap the errors of a provider's own library."""
    chain = [error]
    while (cause := chain[-1].__cause__) is not None and cause not in chain:
        chain.append(cause)
    return chain


def class_names(error: BaseException) -> set[str]:
    """Return the names of the classes of an error and of its causes: no provider's package is imported."""
    return {parent.__name__ for cause in _causes(error) for parent in type(cause).__mro__}


def _status(error: BaseException, names: set[str]) -> int | None:
    """Return the HTTP status, wherever the provider's library puts it."""
    for cause in _causes(error):
        response = getattr(cause, "response", None)
        if isinstance(response, Mapping):  # AWS
            codes = [(response.get("ResponseMetadata") or {}).get("HTTPStatusCode")]
        else:
            codes = [getattr(cause, attribute, None) for attribute in ("status_code", "http_status", "code")]
            codes.append(getattr(response, "status_code", None))
        for status in codes:
            if isinstance(status, int) and 400 <= status < 600:
                return status
    return next((status for name, status in _STATUS.items() if name in names), None)


def _retry_after(error: BaseException) -> dict[str, str]:
    """Return the header that says how long to wait, if there is one."""
    for cause in _causes(error):
        headers = getattr(getattr(cause, "response", None), "headers", None)
        if headers is not None and (value := headers.get("retry-after")):
            return {"retry-after": str(value)}
    return {}


def _secrets(chat: "BaseChatModel") -> list[str]:
    """Return the keys that the model holds."""
    from pydantic import SecretStr

    named = set(chat.lc_secrets)
    values = [
        value.get_secret_value() if isinstance(value, SecretStr) else value
        for name, value in vars(chat).items()
        if isinstance(value, SecretStr) or name in named
    ]
    return [value for value in values if isinstance(value, str) and len(value) >= 4]
