"""Editing by infilling: a turn with one phrase of the passage filled by an infiller (the papers' mask-infill)."""

from collections.abc import Sequence

from convexplain.connectors.infillers import open_infiller
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.models.editing import Editor, Passage
from convexplain.models.infilling import Infiller, Masked
from convexplain.text.segmentation import core, segment
from convexplain.types import Unit

from .kind import EditorKind, EditorResources
from .mending import in_code

VERSION = 1  # of which holes are made


class InfillEditor:
    """Proposes a turn with one phrase of the passage replaced by a fill: best fills first, of each phrase in turn.

    Of a passage that is a whole turn, and of code, it proposes nothing.

    Args:
        infiller: fills the holes.
        owned: the editor prepares and closes the infiller.

    Attributes:
        error: how the infiller failed for the latest answer; empty where it did not.
    """

    def __init__(self, infiller: Infiller, *, owned: bool = True) -> None:
        self._infiller = infiller
        self._owned = owned
        self.error = ""

    @property
    def name(self) -> str:
        """Return the name as a user writes it."""
        return f"infill:{self._infiller.name}"

    @property
    def fingerprint(self) -> str:
        """Return an identity of the infiller and of the holes that are made."""
        return f"infill-editor-{VERSION}:{self._infiller.fingerprint}"

    async def prepare(self) -> None:
        """Prepare the infiller, if it is this editor's own. Raises UnavailableError."""
        if self._owned:
            await self._infiller.prepare()

    async def propose(self, passages: Sequence[Passage], k: int) -> list[list[str]]:
        """Return for each passage at most k texts of its turn. Raises UnavailableError once a model is gone."""
        holes = [_holes(passage) for passage in passages]
        masked = [hole for row in holes for hole in row]
        if not masked or k < 1:
            self.error = ""
            return [[] for _ in passages]
        try:
            fills = iter(await self._infiller.infill(masked, k))
        except UnavailableError:
            raise
        except ModelError as error:
            self.error = str(error)
            return [[] for _ in passages]
        self.error = ""  # not before the answer: several calls may be under way
        return [
            _proposals(passage, row, [next(fills) for _ in row], k)
            for passage, row in zip(passages, holes, strict=True)
        ]

    async def aclose(self) -> None:
        """Close the infiller, if it is this editor's own."""
        if self._owned:
            await self._infiller.aclose()


def _holes(passage: Passage) -> list[Masked]:
    """Return the turn with each phrase of the passage as a hole."""
    text = passage.turns[passage.unit.turn].content
    if passage.unit.level == "turn" or in_code(text, passage.unit.start):
        return []
    context = "".join(f"{turn.role}: {turn.content}\n" for turn in passage.turns[: passage.unit.turn])
    context += f"{passage.turns[passage.unit.turn].role}: "
    spans = [core(text, phrase) for phrase in _phrases(text, passage.unit)]
    return [Masked(text[:start], text[start:end], text[end:], context=context) for start, end in spans if start < end]


def _phrases(text: str, unit: Unit) -> list[Unit]:
    return [phrase for phrase in segment(text, "phrase") if unit.start <= phrase.start < unit.end]


def _proposals(passage: Passage, holes: Sequence[Masked], fills: Sequence[Sequence[str]], k: int) -> list[str]:
    """Return the filled texts: the best fill of each phrase, then the second ones."""
    barred = {passage.turns[passage.unit.turn].content, *passage.refused}
    texts = [
        f"{hole.before}{row[rank]}{hole.after}"
        for rank in range(k)
        for hole, row in zip(holes, fills, strict=True)
        if rank < len(row)
    ]
    return [text for text in dict.fromkeys(texts) if text not in barred][:k]


def _make(target: str, resources: EditorResources) -> Editor:
    if target:
        return InfillEditor(open_infiller(target, resources.cache))
    if resources.infiller is None:
        raise UsageError("the editor 'infill' needs an infiller; name one, as in infill:embedded")
    return InfillEditor(resources.infiller, owned=False)


INFILL = EditorKind(
    "infill", "The turn with one phrase replaced by an infiller.", "INFILLER", optional=True, make=_make
)
