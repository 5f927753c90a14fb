"""The kinds of editors that users can name, and their registry. Each is a record in a file of this folder."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from convexplain.connectors.kinds import Kind, guarded
from convexplain.models.calls import Calls
from convexplain.models.chat import Cache
from convexplain.models.editing import Editor, Embedding, ScoredSentence
from convexplain.models.infilling import Infiller
from convexplain.plugins import Registry


@dataclass(frozen=True, slots=True)
class EditorResources:
    """Resources that an editor may use. What it gets here it neither prepares nor closes.

    Attributes:
        calls: calls to a chat model, for an editor that is named without a model of its own.
        infiller: an infiller, for an editor that is named without one of its own.
        sentences: sentences of assistant turns of the same logs, with the scores of their turns.
        embedding: vectors of texts; the nearer in meaning, the greater the cosine.
        cache: where the replies of an editor's own chat model are kept.
    """

    calls: Calls | None = None
    infiller: Infiller | None = None
    sentences: Sequence[ScoredSentence] = ()
    embedding: Embedding | None = None
    cache: Cache | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EditorKind(Kind):
    """A kind of editor.

    Attributes:
        make: makes an editor of the text behind the name and its colon, and of the resources at hand. Nothing is loaded
            or reached before the editor's `prepare`.
    """

    make: Callable[[str, EditorResources], Editor]


def _guard(kind: EditorKind) -> EditorKind:
    return replace(kind, make=guarded("editors", kind.name, kind.make))


EDITORS = Registry("editor", "editors", EditorKind, "convexplain.connectors.editors", _guard)
"""All kinds of editors by name."""
