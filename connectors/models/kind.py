"""The kinds of chat models that users can name, and their registry. Each is a record in a file of this folder."""

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from convexplain.connectors.kinds import Kind, guarded
from convexplain.errors import UsageError
from convexplain.models.chat import ChatModel
from convexplain.plugins import Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKind(Kind):
    """A kind of chat model.

    Attributes:
        make: makes a model of the text behind the name and its colon; where there is no target, of the query behind
            the name (`?head=FILE`), if any. Nothing is loaded or reached before the model's `prepare`.
        options: the options of a query that it takes, with placeholders, as `timeout=SECONDS`. Other options of a URL
            are then refused; None leaves the query to `make`.
    """

    make: Callable[[str], ChatModel]
    options: tuple[str, ...] | None = None

    def target_of(self, ending: str) -> str | None:
        """Return the text for `make` from the end of a name, behind its word; None where no name ends so."""
        if self.target:
            return ending[1:] or None if ending.startswith(":") else None
        return ending if not ending or (ending.startswith("?") and self.options != ()) else None


def _guard(kind: ModelKind) -> ModelKind:
    return replace(kind, make=guarded("models", kind.name, kind.make))


MODELS = Registry("model", "models", ModelKind, "convexplain.connectors.models", _guard)
"""All kinds of chat models by name."""


def check_options(name: str, options: tuple[str, ...] = ()) -> None:
    """Refuse an option of a URL, which would be taken for the end of this name. Its value is not shown.

    Args:
        name: the name as the user wrote it.
        options: the options that its kind takes.

    Raises:
        UsageError: there is one.
    """
    refused = "|".join(option.partition("=")[0] for option in MODELS.get("http").options or () if option not in options)
    match = re.search(rf"[?&]({refused})=", name)
    if match is None:
        return
    takers = [
        kind.name
        for kind in MODELS.built_in.values()
        if any(option.startswith(f"{match[1]}=") for option in kind.options or ())
    ]
    raise UsageError(
        f"model {name[: match.start()]!r} takes no option {match[1]}; {', '.join(takers)} take it, as in "
        f"http://HOST:PORT/v1?model=NAME&{match[1]}=…"
    )
