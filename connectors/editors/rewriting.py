"""Editing by a chat model that writes a passage again, and knows the maxim and the judge's reason."""

import asyncio
from collections.abc import Sequence

from convexplain.connectors.models import open_model
from convexplain.errors import ModelError, UnavailableError, UsageError
from convexplain.models.calls import Calls
from convexplain.models.editing import Editor, Passage

from .kind import EditorKind, EditorResources
from .mending import in_code
from .rewrite_prompt import VERSION, bare_span, rewrite_request
from .rewrite_replies import read_rewrites, usable_rewrite

_ROUNDS = 2  # a second time for what the first did not bring
_LONGEST_TURN = 3000  # characters of a turn that is written again as a whole


class RewriteEditor:
    """Proposes a turn with the passage as a chat model writes it again.

    The model is asked k times for one rewrite: for its most probable one, then for sampled ones; and once more for each
    that is not usable or is there already. A small model that is asked for several at once varies its first idea. Lines
    of code and rows of tables are left alone, and turns of more than 3,000 characters as a whole.

    Args:
        calls: calls to the model.
        owned: the editor prepares and closes the model.

    Attributes:
        error: how the last failed call for the latest answer failed; empty where none did.
    """

    def __init__(self, calls: Calls, *, owned: bool = True) -> None:
        self._calls = calls
        self._owned = owned
        self.error = ""

    @property
    def name(self) -> str:
        """Return the name as a user writes it."""
        return f"rewrite:{self._calls.model.name}"

    @property
    def fingerprint(self) -> str:
        """Return an identity of the model and the prompt."""
        return f"rewrite-editor-{VERSION}:{self._calls.model.fingerprint}"

    async def prepare(self) -> None:
        """Load the model's weights or reach its server, if it is this editor's own. Raises UnavailableError."""
        if self._owned:
            await self._calls.model.prepare()

    async def propose(self, passages: Sequence[Passage], k: int) -> list[list[str]]:
        """Return for each passage at most k texts of its turn. Raises UnavailableError once the model is gone."""
        errors: list[str] = []
        texts = await asyncio.gather(*(self._rewrites(passage, k, errors) for passage in passages))
        self.error = errors[-1] if errors else ""
        return list(texts)

    async def aclose(self) -> None:
        """Cancel the calls under way and release the model, if it is this editor's own."""
        if self._owned:
            await self._calls.__aexit__(None, None, None)
            await self._calls.model.aclose()

    async def _rewrites(self, passage: Passage, k: int, errors: list[str]) -> list[str]:
        content = passage.turns[passage.unit.turn].content
        start, end = bare_span(passage)
        rigid = in_code(content, start) or content[start:end].startswith("|")  # the forms of code and tables are fixed
        is_turn = passage.unit.level == "turn"
        if start == end or (rigid and not is_turn) or (is_turn and end - start > _LONGEST_TURN):
            return []
        texts: dict[str, None] = {}
        draws = range(k)
        for _ in range(_ROUNDS):
            replies = await asyncio.gather(*(self._reply(passage, draw, errors) for draw in draws))
            rewrites = [rewrite for reply in replies for rewrite in _usable(reply, passage, content[start:end])]
            edited = (content[:start] + rewrite + content[end:] for rewrite in rewrites)
            texts.update(dict.fromkeys(text for text in edited if text not in passage.refused))
            draws = range(draws.stop, draws.stop + k - len(texts))
        return list(texts)[:k]

    async def _reply(self, passage: Passage, draw: int, errors: list[str]) -> str:
        try:
            return (await self._calls.ask(rewrite_request(passage, 1, draw))).text
        except UnavailableError:
            raise
        except ModelError as error:
            errors.append(str(error))
            return ""


def _usable(reply: str, passage: Passage, text: str) -> list[str]:
    rewrites = [usable_rewrite(raw, passage, text) for raw in read_rewrites(reply)]
    return [rewrite for rewrite in rewrites if rewrite is not None]


def _make(target: str, resources: EditorResources) -> Editor:
    if target:
        return RewriteEditor(Calls(open_model(target), resources.cache))
    if resources.calls is None:
        raise UsageError("the editor 'rewrite' needs a chat model; name one, as in rewrite:openai:gpt-5")
    return RewriteEditor(resources.calls, owned=False)


REWRITE = EditorKind(
    "rewrite", "A chat model writes the passage again: any model that judges.", "MODEL", optional=True, make=_make
)
