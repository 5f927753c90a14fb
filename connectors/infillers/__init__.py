"""What fills the holes of a text, and how a user names it."""

from collections.abc import Callable

from convexplain.connectors.models import open_model
from convexplain.connectors.plugins import opened_by_plugin
from convexplain.errors import UsageError
from convexplain.models.chat import Cache
from convexplain.models.infilling import Infiller

from .causal import CausalInfiller
from .chat import ChatInfiller
from .masked_lm import MaskedInfiller
from .seq2seq import Seq2SeqInfiller

__all__ = ["INFILLERS", "CausalInfiller", "ChatInfiller", "MaskedInfiller", "Seq2SeqInfiller", "open_infiller"]

_PREFIXES: dict[str, Callable[[str], Infiller]] = {
    "causal": CausalInfiller,
    "seq2seq": Seq2SeqInfiller,
    "masked": MaskedInfiller,
}
# What users may write.
INFILLERS = (
    "embedded, causal:REPO_OR_FOLDER, seq2seq:REPO_OR_FOLDER (T5, BART), masked:REPO_OR_FOLDER (BERT, RoBERTa), "
    "chat:MODEL (any model that judges)"
)


def open_infiller(name: str = "embedded", cache: Cache | None = None) -> Infiller:
    """The infiller that a user named; nothing is loaded or reached before its `prepare`.

    What follows another prefix goes to the package that registered it as an entry point of the group
    `convexplain.infillers`.

    Args:
        name: one of `INFILLERS`.
        cache: where the replies of a `chat:` model are kept.

    Raises:
        UsageError: no infiller, or no model, is named like that.
        UnavailableError: `chat:mixtral`, and it is nowhere to be had.
        MissingExtraError: what it needs is not installed.
    """
    if name == "embedded":
        return CausalInfiller()
    prefix, found, rest = name.partition(":")
    if found and rest and prefix == "chat":
        return ChatInfiller(open_model(rest), cache)
    if found and rest and prefix in _PREFIXES:
        return _PREFIXES[prefix](rest)
    foreign: Infiller | None = opened_by_plugin("infillers", prefix, rest) if found and rest else None
    if foreign is not None:
        return foreign
    raise UsageError(f"infiller {name.rpartition('@')[2]!r} is not known; valid are: {INFILLERS}")
