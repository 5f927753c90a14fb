"""Connections as users of the workspace see them: without keys, with what was learnt of their endpoints."""

from dataclasses import asdict, dataclass
from typing import Any

from convexplain.connectors.models.connection_registry import Connection
from convexplain.connectors.models.connections import key_words, learnt_rules


@dataclass(frozen=True, slots=True)
class ConnectionEntry:
    """A registered endpoint.

    Attributes:
        name: what it is called.
        url: its URL with options, or `PROVIDER:MODEL`.
        origin: scheme, host and port that its key is for.
        key: where the key is, in words; never the key.
        default: whether it judges where no judge is named.
        public_only: whether it was added in the dashboard by somebody else than the operator: it reaches public
            addresses only.
        endpoint: what its endpoint takes, by model, as names and values for people; empty before its first use.
    """

    name: str
    url: str
    origin: str
    key: str
    default: bool
    public_only: bool
    endpoint: dict[str, list[tuple[str, str]]]

    @property
    def judge(self) -> str:
        """Return the judge's name, for `--judge` and `judge=`."""
        return f"connection:{self.name}"

    def to_dict(self) -> dict[str, Any]:
        """Return the connection as JSON values."""
        endpoint = {model: dict(rows) for model, rows in self.endpoint.items()}
        return {**asdict(self), "judge": self.judge, "endpoint": endpoint}


def connection_entry(connection: Connection, default: str) -> ConnectionEntry:
    """Return a connection for people.

    Args:
        connection: the connection.
        default: the name of the default one; empty: there is none.
    """
    endpoint = {model: rules.rows() for model, rules in learnt_rules(connection).items()}
    return ConnectionEntry(
        connection.name,
        connection.url,
        connection.origin,
        key_words(connection),
        connection.name == default,
        connection.public_only,
        endpoint,
    )
