"""Infillers, which fill the holes of a text, and how a user names one."""

from convexplain.connectors.kinds import find_kind
from convexplain.models.chat import Cache
from convexplain.models.infilling import Infiller

from .causal import CausalInfiller
from .chat import ChatInfiller
from .kind import INFILLERS, InfillerKind
from .masked_lm import MaskedInfiller
from .seq2seq import Seq2SeqInfiller

__all__ = [
    "INFILLERS",
    "CausalInfiller",
    "ChatInfiller",
    "InfillerKind",
    "MaskedInfiller",
    "Seq2SeqInfiller",
    "open_infiller",
]


def open_infiller(name: str = "embedded", cache: Cache | None = None) -> Infiller:
    """Open the infiller that a user named; nothing is loaded or reached before its `prepare`.

    Args:
        name: a name of `INFILLERS` with its target, as in `causal:FOLDER`.
        cache: where the replies of a `chat:` model are kept.

    Raises:
        UsageError: no infiller, or no model, is named like that.
        UnavailableError: `chat:mixtral`, and it is nowhere to be had.
        MissingExtraError: what it needs is not installed.
    """
    kind, target = find_kind(INFILLERS, name)
    return kind.make(target, cache)
