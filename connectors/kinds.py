"""Kinds of models and scores that users name as `NAME` or `NAME:TARGET`: what the registries of these folders share."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import wraps
from typing import ParamSpec, TypeVar

from convexplain.errors import ConvexplainError, UsageError
from convexplain.plugins import Registry


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of model or score that a user can name.

    Attributes:
        name: the word before the colon, or the whole name.
        description: what it is, in a sentence.
        target: a placeholder of the text behind the colon, such as `REPO_OR_FOLDER`; empty where there is none.
        optional: the target may be left out.
    """

    name: str
    description: str
    target: str = ""
    optional: bool = False

    @property
    def usage(self) -> str:
        """Return the form that a user writes: `embedded`, `local:REPO_OR_FOLDER`, `nli[:REPO_OR_FOLDER]`."""
        if not self.target:
            return self.name
        return f"{self.name}[:{self.target}]" if self.optional else f"{self.name}:{self.target}"

    def accepts(self, target: str) -> bool:
        """Return whether a name of this kind may have this target; an empty one means none."""
        return bool(self.target) if target else self.optional or not self.target


K = TypeVar("K", bound=Kind)
P = ParamSpec("P")
T = TypeVar("T")


def usages(kinds: Iterable[Kind]) -> str:
    """Return the forms that users may write, for help and messages."""
    return ", ".join(kind.usage for kind in kinds)


def find_kind(registry: Registry[K], name: str) -> tuple[K, str]:
    """Return the kind that a name means, and its target, which is empty where the name has none.

    Raises:
        UsageError: no kind is named like that.
    """
    word, colon, target = name.partition(":")
    kind = registry.find(word)
    if kind is not None and bool(colon) == bool(target) and kind.accepts(target):
        return kind, target
    public_name = name.rpartition("@")[2]  # a password may be before it
    raise UsageError(f"{registry.kind} {public_name!r} is not known; valid are: {usages(registry.records)}")


def guarded(group: str, name: str, make: Callable[P, T]) -> Callable[P, T]:
    """Return the maker of another package's kind, with any failure of it as a `UsageError`."""

    @wraps(make)
    def guarded_make(*args: P.args, **kwargs: P.kwargs) -> T:
        try:
            product = make(*args, **kwargs)
        except ConvexplainError:
            raise
        except Exception as error:
            raise UsageError(
                f"the plugin {name!r} of convexplain.{group} failed: {type(error).__name__}: {error}"
            ) from error
        if product is None:
            raise UsageError(f"the plugin {name!r} of convexplain.{group} made nothing of {args[0]!r}")
        return product

    return guarded_make
