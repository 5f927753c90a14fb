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


class RewriteEditor:
    """Proposes a turn with the passage as a chat model writes it again.

    The model is asked k times for one rewrite: for its most probable one, then for sampled ones; and once more for each
    that is not usable or is there already. A small model that is asked for several at once varies its first idea. Lines
    of code and rows of tables are left alone.

    Args:
        calls: calls to the model.
        owned: the editor prepares and closes the model.

    Attributes:
        failed: calls that failed, and replies without a usable rewrite.
    """

    def __init__(self, calls: Calls, *, owned: bool = True) -> None:
        self._calls = calls
        self._owned = owned
        self.failed = 0

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
        return list(await asyncio.gather(*(self._rewrites(passage, k) for passage in passages)))

    async def aclose(self) -> None:
        """Cancel the calls under way and release the model, if it is this editor's own."""
        if self._owned:
            await self._calls.__aexit__(None, None, None)
            await self._calls.model.aclose()

    async def _rewrites(self, passage: Passage, k: int) -> list[str]:
        content = passage.turns[passage.unit.turn].content
        start, end = bare_span(passage)
        rigid = in_code(content, start) or content[start:end].startswith("|")  # the forms of code and tables are fixed
        if start == end or (rigid and passage.unit.level != "turn"):
            return []
        texts: dict[str, None] = {}
        draws = range(k)
        for _ in range(_ROUNDS):
            replies = await asyncio.gather(*(self._reply(passage, draw) for draw in draws))
            rewrites = [rewrite for reply in replies for rewrite in self._usable(reply, passage, content[start:end])]
            edited = (content[:start] + rewrite + content[end:] for rewrite in rewrites)
            texts.update(dict.fromkeys(text for text in edited if text not in passage.refused))
            draws = range(draws.stop, draws.stop + k - len(texts))
        return list(texts)[:k]

    async def _reply(self, passage: Passage, draw: int) -> str:
        try:
            return (await self._calls.ask(rewrite_request(passage, 1, draw))).text
        except UnavailableError:
            raise
        except ModelError:
            return ""

    def _usable(self, reply: str, passage: Passage, text: str) -> list[str]:
        rewrites = [usable_rewrite(raw, passage, text) for raw in read_rewrites(reply)]
        usable = [rewrite for rewrite in rewrites if rewrite is not None]
        self.failed += not usable
        return usable


def _make(target: str, resources: EditorResources) -> Editor:
    if target:
        return RewriteEditor(Calls(open_model(target), resources.cache))
    if resources.calls is None:
        raise UsageError("the editor 'rewrite' needs a chat model; name one, as in rewrite:openai:gpt-5")
    return RewriteEditor(resources.calls, owned=False)


REWRITE = EditorKind(
    "rewrite", "A chat model writes the passage again: any model that judges.", "MODEL", optional=True, make=_make
)
