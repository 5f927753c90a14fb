"""Connections: endpoints that the user registered under a name, each with its key; `connection:NAME` opens one.

The key goes to the scheme, host and port that the connection was registered for, and nowhere else.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from urllib.parse import parse_qs, urlsplit

import httpx2

from convexplain.errors import UnavailableError, UsageError

from . import endpoint_memory
from .connection_registry import Connection, ConnectionRegistry, check_name, read_registry, write_registry
from .credentials import (
    Credentials,
    check_variable,
    key_credentials,
    key_reader,
    password_credentials,
    provider_credentials,
    url_credentials,
    user_of,
)
from .endpoint_rules import EndpointRules
from .kind import ModelKind
from .model_url import base_of, split_url, with_options
from .openai_compatible import OpenAICompatible
from .provider_model import ProviderModel
from .providers import PROVIDERS, Provider
from .public_addresses import public_addresses
from .secret_store import drop_secret, keep_secret, place_words, read_secret
from .url_origin import origin_of

_NAMED_BY = ("model", "reasoning_effort")  # options that are part of a model's name: they decide its answers


def add_connection(name: str, url: str, *, variable: str = "", key: str = "", public_only: bool = False) -> Connection:
    """Register an endpoint. Nothing is asked.

    Args:
        name: what it is called from now on.
        url: its URL with options, as `http://HOST:PORT/v1?model=NAME`, or `PROVIDER:MODEL`.
        variable: the environment variable that holds its key, where it stays.
        key: the key itself, which is kept in the system's keyring or in a file. Where the URL has a user, this is its
            password.
        public_only: it is not the operator who adds it: it must have an https address, at public addresses only, and
            takes no variable of the environment.

    Raises:
        UsageError: an argument is not valid, or the name is taken.
        UnavailableError: the provider's address is not set, or it is not public and has to be.
        OSError: the configuration folder cannot be written.
    """
    check_name(name)
    registry = read_registry()
    if name in registry.connections:
        raise UsageError(
            f"connection {name!r} is there already, for {registry.connections[name].origin}; remove it first "
            f"(`convexplain connections remove {name}`), or take another name"
        )
    if variable and key:
        raise UsageError("a connection has one key: give the variable that holds it, or the key itself, not both")
    url = url.strip()
    origin = _origin(url)
    if "key" in parse_qs(url.partition("?")[2], keep_blank_values=True):
        raise UsageError(
            "key= does not stand in a connection's URL; name the variable of the key by --key-env VARIABLE"
        )
    if variable:
        check_variable(variable, origin, "--key-env", "for")
    with_user = bool(_provider(url) is None and split_url(url).username)
    _check_key(key, with_user=with_user)
    connection = Connection(name, url, origin, "variable" if variable else "", variable, public_only)
    _model(connection, "", None)  # refuses options that are not valid
    if public_only:
        _check_public(connection, lacks_password=with_user and not key)
    if key:
        connection = replace(connection, key_place=keep_secret(name, origin, key))
    connections = dict(sorted({**registry.connections, name: connection}.items()))
    write_registry(replace(registry, connections=connections))
    return connection


def remove_connection(name: str) -> Connection:
    """Remove a connection with its key and what was learnt of its endpoint, and return what it was.

    Raises:
        UsageError: there is none of that name, or its key cannot be reached.
        OSError: the configuration folder cannot be written.
    """
    registry = read_registry()
    connection = registry.get(name)
    if connection.key_place in ("keyring", "file"):
        drop_secret(connection.key_place, name, connection.origin)
    connections = {key: record for key, record in registry.connections.items() if key != name}
    write_registry(ConnectionRegistry(connections, "" if registry.default == name else registry.default))
    with suppress(UnavailableError, UsageError):
        endpoint_memory.forget(_base(connection))
    return connection


def set_default_connection(name: str | None) -> None:
    """Make a connection the judge where none is named; None: none is.

    Raises:
        UsageError: there is none of that name.
        OSError: the configuration folder cannot be written.
    """
    registry = read_registry()
    write_registry(replace(registry, default=registry.get(name).name if name is not None else ""))


def learnt_rules(connection: Connection) -> dict[str, EndpointRules]:
    """Return what was learnt of a connection's endpoint, by model; empty before its first use."""
    try:
        rules = endpoint_memory.remembered_at(_base(connection))
    except (UnavailableError, UsageError):  # the variable with the provider's address is not set any more
        return {}
    model = _registered_model(connection)
    return {
        key: learnt for key, learnt in rules.items() if not model or key.partition("&reasoning_effort=")[0] == model
    }


def key_words(connection: Connection) -> str:
    """Return in words where the key of a connection is."""
    if connection.key_place == "variable":
        return f"the environment variable {connection.variable}"
    if connection.key_place:
        return place_words(connection.key_place)
    provider = None if connection.public_only else _provider(connection.url)
    return f"the environment variable {provider.key}" if provider is not None and provider.key else "none"


def open_connection(target: str, transport: httpx2.AsyncBaseTransport | None = None) -> OpenAICompatible:
    """Return the model behind a connection. Nothing is reached, and no key is read, before its `prepare`.

    Args:
        target: the connection's name; options may follow, as `team?in_flight=4`, which count instead of those that it
            was registered with.
        transport: replaces the network, for tests.

    Raises:
        UsageError: there is no such connection, or an option is not valid.
        UnavailableError: the provider's address is not set, or is another one than when it was registered.
    """
    name, _, options = target.partition("?")
    connection = read_registry().get(name)
    origin = _origin(connection.url)
    if origin != connection.origin:
        raise UnavailableError(
            f"connection {name} was registered for {connection.origin}, and its address is {origin} now: its key is "
            "not sent there. Remove the connection and add it again"
        )
    return _model(connection, options, transport)


def _model(connection: Connection, options: str, transport: httpx2.AsyncBaseTransport | None) -> OpenAICompatible:
    changes = parse_qs(options)
    if "model" in changes and (registered := _registered_model(connection)):
        raise UsageError(
            f"connection {connection.name} is registered for the model {registered!r} and takes no option model; "
            "register another connection"
        )
    url, _, query = connection.url.partition("?")
    pairs = [pair for pair in query.split("&") if pair and pair.partition("=")[0] not in changes]
    pairs += [pair for pair in options.split("&") if pair]
    address = f"{url}?{'&'.join(pairs)}" if pairs else url
    provider = _provider(address)
    if provider is not None:
        credentials = _credentials(connection, provider)
        model: OpenAICompatible = ProviderModel(provider, address.partition(":")[2], transport, credentials=credentials)
    else:
        model = OpenAICompatible(address, transport, credentials=_credentials(connection, None))
    model.public_only = connection.public_only
    naming = {option: changes[option][0] for option in _NAMED_BY if option in changes}
    model.alias = with_options(f"connection:{connection.name}", naming)
    return model


def _credentials(connection: Connection, provider: Provider | None) -> Credentials:
    """Return what is sent with each request; nothing of the environment that was not registered."""
    parts = None if provider is not None else split_url(connection.url)
    user = user_of(parts) if parts is not None else ""
    if not connection.key_place:
        if provider is not None and not connection.public_only:
            return provider_credentials(provider)
        if parts is not None and user and not connection.public_only:
            return url_credentials(parts)
        options = " with its key" if connection.public_only else " with --key-env or --key-stdin"
        hint = f"connection {connection.name} has no key; remove it and add it again{options}"
        return key_credentials(lambda: "", "", hint=hint)
    source = f"{key_words(connection)}, for connection {connection.name}"
    secret = _secret_reader(connection)
    if user:
        return password_credentials(user, secret, f"the password is taken from {source}")
    header = provider.header if provider is not None else "Authorization"
    return key_credentials(secret, source, header=header)


def _secret_reader(connection: Connection) -> Callable[[], str]:
    """Return a function that gives the key; a stored one is read once, when the first request is sent."""
    place = connection.key_place
    if place == "variable":
        check_variable(connection.variable, connection.origin, "--key-env", "for")
        return key_reader(connection.variable, f"connection {connection.name}")
    read: list[str] = []

    def secret() -> str:
        if not read and place in ("keyring", "file"):
            read.append(read_secret(place, connection.name, connection.origin))
        return read[0]

    return secret


def _check_key(key: str, *, with_user: bool) -> None:
    if key and not (key.isprintable() and (with_user or key.isascii())):
        raise UsageError("the key holds characters that no key has; it must be one line of printable ASCII")


def _check_public(connection: Connection, *, lacks_password: bool) -> None:
    """Check what is registered by somebody else than the operator.

    Raises:
        UsageError: it has no https address, or names a variable, or a user without a password.
        UnavailableError: it has no address, or one that is not public.
    """
    if connection.variable:
        raise UsageError("key_env does not go with public_only; give the key itself")
    if lacks_password:
        raise UsageError("url names a user; its password has to be given as the key")
    parts = urlsplit(connection.origin)
    public_addresses(parts.hostname or "", parts.port or 443)
    if parts.scheme != "https":
        raise UsageError(
            "url is not valid: the key and the conversations would cross the Internet unencrypted; valid is "
            "https://HOST/v1?model=NAME"
        )


def _provider(url: str) -> Provider | None:
    """Return the provider of `PROVIDER:MODEL`; None for a URL."""
    word, _, target = url.partition(":")
    return None if target.startswith("//") else PROVIDERS.get(word)


def _origin(url: str) -> str:
    """Return the scheme, host and port of a URL or a provider. Raises UsageError where it is neither."""
    word, colon, _ = url.partition(":")
    if word.lower() in ("http", "https"):
        return origin_of(split_url(url))
    if colon and (provider := _provider(url)) is not None:
        return origin_of(urlsplit(provider.base_url()))
    raise UsageError(  # without what was given: it may be a key
        "url is not valid; valid are http://HOST:PORT/v1?model=NAME, https://HOST/v1?model=NAME, and PROVIDER:MODEL "
        f"with one of {', '.join(PROVIDERS)}. LangChain's providers (anthropic:MODEL, …) have no connections; name "
        "them directly"
    )


def _base(connection: Connection) -> str:
    """Return the base URL that an endpoint is remembered by."""
    provider = _provider(connection.url)
    return base_of(split_url(connection.url if provider is None else provider.base_url()))


def _registered_model(connection: Connection) -> str:
    address, _, query = connection.url.partition("?")
    if _provider(connection.url) is not None:
        return address.partition(":")[2]
    return parse_qs(query).get("model", [""])[0]


CONNECTION = ModelKind(
    "connection",
    "An endpoint that you registered with its key: `convexplain connections add NAME URL`.",
    "NAME",
    make=open_connection,
    options=("in_flight=N", "timeout=SECONDS", "model=NAME", "reasoning_effort=LEVEL"),
)
