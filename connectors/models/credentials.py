"""Credentials for servers: keys and passwords from environment variables, which are neither shown nor stored.

A key is sent to one origin only. Redirects are not followed (httpx's default), so that a server cannot pass a key on.
"""

import base64
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import SplitResult, unquote, urlsplit

import httpx2

from convexplain.errors import UnavailableError, UsageError

from .providers import Provider, owner_of
from .url_origin import origin_of

API_KEY = "CONVEXPLAIN_API_KEY"
PASSWORD = "CONVEXPLAIN_PASSWORD"  # noqa: S105 - the name of a variable
BASE_URL = "CONVEXPLAIN_BASE_URL"
_OURS = "CONVEXPLAIN_"
_SECRET = 12  # characters
_OF_BODY = ("content-encoding", "content-length", "transfer-encoding")  # headers that are right for the body as it came
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Credentials:
    """Credentials that are added to each request.

    Attributes:
        authorize: adds them to a request; may raise UnavailableError.
        hint: where they come from, for the message when a server refuses them.
        variable: the environment variable that the user named for them; empty: none.
    """

    authorize: Callable[[httpx2.Request], httpx2.Request] = field(repr=False)
    hint: str
    variable: str = ""


def key_credentials(
    key: Callable[[], str], source: str, *, header: str = "Authorization", variable: str = "", hint: str = ""
) -> Credentials:
    """Return credentials that consist of a key.

    Args:
        key: gives the key when a request is sent, or an empty string; may raise UnavailableError.
        source: where the key is taken from.
        header: the HTTP header that carries it; in `Authorization` it is a bearer's.
        variable: the environment variable that the user named for it.
        hint: what is said when it is refused, where that is not its source.
    """
    bearer = "Bearer " if header == "Authorization" else ""

    def authorize(request: httpx2.Request) -> httpx2.Request:
        secret = key()
        if secret and not ((stripped := secret.strip()) and stripped.isascii() and stripped.isprintable()):
            raise UnavailableError(f"the key in {source} holds characters that no key has; it was not sent")
        if secret:  # white space at its end would be refused, with the key in the message
            request.headers[header] = bearer + secret.strip()
        return request

    return Credentials(authorize, hint or f"the key is taken from {source}", variable)


def provider_credentials(provider: Provider) -> Credentials:
    """Return the credentials for a provider's own address.

    Raises:
        UsageError: the environment variable holds what no key is.
    """
    if not provider.key:
        return key_credentials(lambda: "", "", hint=f"{provider.name}: models are asked without a key")
    return key_credentials(key_reader(provider.key, provider.name), provider.key, header=provider.header)


def url_credentials(parts: SplitResult, variable: str = "") -> Credentials:
    """Return the credentials for a server that a URL names.

    Args:
        parts: the URL. With a user in it, the password is that of `CONVEXPLAIN_PASSWORD`.
        variable: the environment variable with the key. Without it the key is in `CONVEXPLAIN_API_KEY`. Whether that is
            named or not, it belongs to the origin of `CONVEXPLAIN_BASE_URL` where that is set.

    Raises:
        UsageError: the variable is none, or holds what no key is, or belongs to a provider that is elsewhere, or is
            another one of convexplain's own; or there is a user too.
        ValueError: the URL names no host.
    """
    origin = origin_of(parts)
    if variable and parts.username:
        raise UsageError(f"key=VARIABLE in the model's URL for {origin} does not go with a user in it; leave out one")
    if parts.username:
        return _user_credentials(parts, origin)
    if variable and variable != API_KEY:
        check_variable(variable, origin)
        return key_credentials(key_reader(variable, origin), variable, variable=variable)
    if not _is_ours(origin):
        return key_credentials(lambda: "", API_KEY, hint=f"{_withheld(API_KEY)}; key=VARIABLE in the URL names another")
    return key_credentials(key_reader(API_KEY, origin, required=bool(variable)), API_KEY, variable=variable)


def _user_credentials(parts: SplitResult, origin: str) -> Credentials:
    """Return a user's name with the password of the environment."""
    if not _is_ours(origin):
        message = f"{origin}: the user in the URL has no password, and {_withheld(PASSWORD)}"
    else:
        message = f"{origin}: the user in the URL has no password; put it into the environment variable {PASSWORD}"
    secret = os.environ.get(PASSWORD, "").rstrip("\r\n") if _is_ours(origin) else ""

    def password() -> str:
        if not secret:
            raise UnavailableError(message)
        return secret

    return password_credentials(
        user_of(parts), password, f"the user is taken from the model's URL, the password from {PASSWORD}"
    )


def user_of(parts: SplitResult) -> str:
    """Return the user that a URL names; empty where it names none."""
    return unquote(parts.username or "")


def password_credentials(user: str, password: Callable[[], str], hint: str) -> Credentials:
    """Return credentials that consist of a user and a password.

    Args:
        user: the user's name.
        password: gives the password when a request is sent; may raise UnavailableError.
        hint: what is said when they are refused.
    """

    def authorize(request: httpx2.Request) -> httpx2.Request:
        token = base64.b64encode(f"{user}:{password()}".encode()).decode("ascii")
        request.headers["Authorization"] = f"Basic {token}"
        return request

    return Credentials(authorize, hint)


def key_reader(variable: str, owner: str, *, required: bool = True) -> Callable[[], str]:
    """Return a function that gives the key that an environment variable holds now.

    Args:
        variable: the environment variable.
        owner: whose key it is, for the message.
        required: whether it must be there once a request is sent.

    Raises:
        UsageError: it holds what no key is.
    """
    key = os.environ.get(variable, "").strip()
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"{variable} holds characters that no key has; it must be printable ASCII")

    def read() -> str:
        if required and not key:
            raise UnavailableError(f"{owner}: there is no key; put it into the environment variable {variable}")
        return key

    return read


def check_variable(variable: str, origin: str, option: str = "key", place: str = "in the model's URL for") -> None:
    """Check the name of a variable that a user wrote. It is not shown unless it surely is no key.

    Args:
        variable: the environment variable.
        origin: where the key would be sent.
        option: the option that names the variable, for messages.
        place: what joins the option and the origin in messages.

    Raises:
        UsageError: it is no name of a variable, or that of a provider which is elsewhere, or one of convexplain's own.
    """
    # Keys of letters, digits and underscores exist (gsk_…, hf_…); names in capitals are meant as names.
    if not _VARIABLE.fullmatch(variable) or (variable != variable.upper() and variable not in os.environ):
        raise UsageError(
            f"{option}= {place} {origin} is not the name of an environment variable. A key itself does not belong into "
            f"{'a URL' if option == 'key' else 'a command'}: put it into a variable, as in MY_KEY, and write "
            f"{option}=MY_KEY"
        )
    named = f"{option}={variable} {place} {origin}"
    if variable == API_KEY:
        if not _is_ours(origin):
            raise UsageError(f"{named}: {_withheld(API_KEY)}; put the key of this server into a variable of its own")
        return
    if variable.upper().startswith(_OURS):
        raise UsageError(
            f"{named}: of convexplain's own variables only {API_KEY} holds a key of a server; put the key of this "
            "server into a variable of its own"
        )
    owner = owner_of(variable)
    if owner is not None and not owner.serves(origin):
        raise UsageError(
            f"{named}: that key belongs to {owner.name} and is sent nowhere else; put the key of this server into a "
            "variable of its own"
        )


def without_credentials(response: httpx2.Response) -> httpx2.Response:
    """Return a response without the credentials of its request: some servers repeat a key that they refuse.

    What is shorter than 12 characters stays, since it may be a word of an answer.
    """
    content = response.content
    for secret in _sent(response.request):
        content = content.replace(secret.encode(), b"***")
    if content == response.content:
        return response
    headers = [(name, value) for name, value in response.headers.multi_items() if name not in _OF_BODY]
    return httpx2.Response(response.status_code, headers=headers, content=content, request=response.request)


def _sent(request: httpx2.Request) -> list[str]:
    """Return the credentials that a request carries, the longest first."""
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    secrets = [token, request.headers.get("api-key", "")]
    if scheme == "Basic":
        secrets.append(base64.b64decode(token).decode("utf-8", "replace").partition(":")[2])
    return sorted((secret for secret in secrets if len(secret) >= _SECRET), key=len, reverse=True)


def _is_ours(origin: str) -> bool:
    """Return whether what `CONVEXPLAIN_…` variables hold may be sent to the origin."""
    url = os.environ.get(BASE_URL, "").strip()
    if not url:
        return True
    try:
        return origin_of(urlsplit(url)) == origin
    except ValueError:
        return False


def _withheld(variable: str) -> str:
    return f"{variable} belongs to the server in {BASE_URL} and was not sent"
