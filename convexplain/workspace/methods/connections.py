"""Connections: endpoints that the user registers under a name, each with its key."""

from convexplain.connectors.models import open_model
from convexplain.connectors.models.connection_registry import read_registry
from convexplain.connectors.models.connections import add_connection, remove_connection, set_default_connection
from convexplain.judges.check import ModelCheck, check_model

from ..connections import ConnectionEntry, connection_entry


class ConnectionMethods:
    """Connections: endpoints that the user registers under a name; they belong to the user, not to a store."""

    async def connections(self) -> tuple[ConnectionEntry, ...]:
        """Return the registered connections in alphabetical order.

        Raises:
            UsageError: their file cannot be read.
        """
        registry = read_registry()
        return tuple(connection_entry(connection, registry.default) for connection in registry.connections.values())

    async def add_connection(
        self, name: str, url: str, *, key_env: str = "", key: str = "", public_only: bool = False
    ) -> ConnectionEntry:
        """Register an endpoint under a name; `connection:NAME` is a judge's name from then on. Nothing is asked.

        The key is sent to the scheme, host and port of the URL and nowhere else. It is never in a store.

        Args:
            name: small letters, digits, - and _.
            url: `http://HOST:PORT/v1?model=NAME` with the usual options, or `PROVIDER:MODEL`.
            key_env: the environment variable that holds the key.
            key: the key itself. It goes into the system's keyring where there is one, else into a file of mode 0600.
                Where the URL has a user, this is its password.
            public_only: it is not the operator who adds it. The URL must be an https one whose host has public
                addresses only, now and with each request; nothing of the environment is sent there.

        Raises:
            UsageError: an argument is not valid, or the name is taken.
            UnavailableError: the provider's address is not set, or it is not public and has to be.
            OSError: the configuration folder cannot be written.
        """
        connection = add_connection(name, url, variable=key_env, key=key, public_only=public_only)
        return connection_entry(connection, read_registry().default)

    async def test_connection(self, name: str) -> ModelCheck:
        """Ask a connection a few questions: does it answer, can it judge, what does its endpoint take?

        Raises:
            UsageError: there is none of that name.
            ModelError: it cannot be reached, or does not answer.
        """
        return await check_model(open_model(f"connection:{name}"))

    async def set_default_connection(self, name: str | None) -> None:
        """Make a connection the judge where none is named and `CONVEXPLAIN_BASE_URL` is not set; None: none is.

        Raises:
            UsageError: there is none of that name.
            OSError: the configuration folder cannot be written.
        """
        set_default_connection(name)

    async def remove_connection(self, name: str) -> ConnectionEntry:
        """Remove a connection, its key, and what was learnt of its endpoint; return what it was.

        Raises:
            UsageError: there is none of that name, or its key cannot be reached.
            OSError: the configuration folder cannot be written.
        """
        registry = read_registry()
        entry = connection_entry(registry.get(name), registry.default)
        remove_connection(name)
        return entry
