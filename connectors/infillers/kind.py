"""The kinds of infillers that users can name, and their registry. Each is a record in a file of this folder."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from convexplain.connectors.kinds import Kind, guarded
from convexplain.models.chat import Cache
from convexplain.models.infilling import Infiller
from convexplain.plugins import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class InfillerKind(Kind):
    """A kind of infiller.

    Attributes:
        make: makes an infiller of the text behind the name and its colon, and of a cache for the replies of a chat
            model, if it has one. Nothing is loaded or reached before the infiller's `prepare`.
    """

    make: Callable[[str, Cache | None], Infiller]


def _guard(kind: InfillerKind) -> InfillerKind:
    return replace(kind, make=guarded("infillers", kind.name, kind.make))


INFILLERS = Registry("infiller", "infillers", InfillerKind, "convexplain.connectors.infillers", _guard)
"""All kinds of infillers by name."""
