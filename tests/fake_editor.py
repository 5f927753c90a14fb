"""An editor without a model, and a screen that lets everything pass."""

from contextlib import asynccontextmanager

from convexplain.explain.screening import Screen


class FakeEditor:
    """Puts other words into the place of each passage.

    Args:
        texts: from a passage to the texts that take its place; always the same one unless given.

    Attributes:
        passages: every passage that it was asked about, in order.
    """

    name = fingerprint = "fake"
    error = ""
    error = ""

    def __init__(self, texts=lambda passage: ["I have looked it up."]):
        self.passages = []
        self._texts = texts

    async def prepare(self):
        pass

    async def propose(self, passages, k):
        self.passages += passages
        return [[text for text in map(passage_with(p), self._texts(p)) if text not in p.refused][:k] for p in passages]

    async def aclose(self):
        pass


def passage_with(passage):
    """Return what gives the passage's turn with other words in the passage's place."""
    content, unit = passage.turns[passage.unit.turn].content, passage.unit
    return lambda text: content[: unit.start] + text + content[unit.end :]


@asynccontextmanager
async def open_fake_screen():
    """Open a screen that loads nothing: it goes by rules alone."""
    yield Screen(), ""
