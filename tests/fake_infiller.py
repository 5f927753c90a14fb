"""An infiller without a model."""


class FakeInfiller:
    """Fills each hole with what `fill(masked)` returns, or else always with the same word.

    Attributes:
        asked: every hole that was to be filled, in order.
        prepared, closed: how often.
    """

    def __init__(self, fill="lorry", *, fingerprint="fake-1"):
        self.name = "fake"
        self.fingerprint = fingerprint
        self.asked = []
        self.prepared = self.closed = 0
        self._fill = fill if callable(fill) else lambda masked: [fill]

    async def prepare(self):
        self.prepared += 1

    async def infill(self, masked, k):
        self.asked += masked
        return [self._fill(one)[:k] for one in masked]

    async def aclose(self):
        self.closed += 1


WORD_SEARCH = {"search": "guided", "any_text": True, "placebo": 0}
"""Settings of a search that fills holes and takes any text, with nothing measured besides."""
