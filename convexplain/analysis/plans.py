"""The plan of an analysis: what it would ask, counted without asking."""

from collections.abc import Sequence
from dataclasses import dataclass
from threading import Event

from convexplain.errors import Problem
from convexplain.models.calls import Calls
from convexplain.store import RunStore
from convexplain.store.samples import SampleDesign
from convexplain.types import Conversation, Rubric

from .pipeline import Choice, TurnJudge, chosen_turns
from .sampling import Sample
from .sources import ConversationSource
from .threads import in_thread

CHARACTERS_PER_TOKEN = 4  # of English, roughly


@dataclass(frozen=True, slots=True)
class Plan:
    """The work of an analysis.

    Attributes:
        conversations, turns, judgements: how many there are to judge.
        calls: calls to be made, as far as it is known before the model answers.
        cached: further calls whose replies are in the cache.
        tokens: about how many prompt tokens the calls have.
        problems: what cannot be read.
        model: the judge's model.
        samples: calls that a judgement takes where the model gives no log-probabilities.
        most_calls: calls, with those whose replies are in the cache, where the model gives no log-probabilities.
        flagged_reasons: whether each turn below the threshold takes one more call, for its reason; not counted here.
        sample: the design of the sample that is judged; None where everything is.
        unreached: why the judge cannot be reached, so that no reply in the cache could be counted; else empty.
    """

    conversations: int
    turns: int
    judgements: int
    calls: int
    cached: int
    tokens: int
    problems: tuple[Problem, ...]
    model: str
    samples: int
    most_calls: int
    flagged_reasons: bool = False
    unreached: str = ""
    sample: SampleDesign | None = None


async def plan(
    source: ConversationSource,
    store: RunStore,
    rubrics: Sequence[Rubric],
    judge: TurnJudge,
    calls: Calls,
    turns: Choice,
    samples: int,
    sample: Sample | None = None,
) -> Plan:
    """Read all conversations once and count, without asking the model anything.

    Args:
        source, store, rubrics, judge, calls, turns: as of `analyse`.
        samples: how often each judgement is asked for at most.
        sample: counts only what was drawn.
    """
    if sample is not None:
        source, turns = source.narrowed(sample.holds), sample.choose
    problems: list[Problem] = []
    counts = _Counts(rubrics, judge, calls, turns)

    def work(cancelled: Event) -> None:
        for conversation in source.read(store, problems.append):
            if cancelled.is_set():
                return
            counts.add(conversation)

    await in_thread(work)
    return Plan(
        counts.conversations,
        counts.turns,
        counts.judgements,
        counts.calls,
        counts.cached,
        counts.tokens,
        tuple(problems),
        calls.model.name,
        samples,
        counts.calls + counts.cached + counts.labels * (samples - 1),
        sample=None if sample is None else sample.design,
    )


class _Counts:
    """Counts what judging conversations would ask."""

    def __init__(self, rubrics: Sequence[Rubric], judge: TurnJudge, calls: Calls, choice: Choice) -> None:
        self._rubrics, self._judge, self._calls, self._choice = rubrics, judge, calls, choice
        self.conversations = self.turns = self.judgements = self.calls = self.cached = self.tokens = 0
        self.labels = 0  # calls for label probabilities, which heads do not make
        self._keys: set[str] = set()  # of the conversation's calls: heads of several rubrics read one reply

    def add(self, conversation: Conversation) -> None:
        self.conversations += 1
        self._keys.clear()
        judged: set[int] = set()
        for rubric in self._rubrics:
            chosen = chosen_turns(conversation, self._choice, rubric)
            judged.update(chosen)
            self.judgements += len(chosen)
            for turn in chosen:
                self._count_calls(conversation, turn, rubric)
        self.turns += len(judged)

    def _count_calls(self, conversation: Conversation, turn: int, rubric: Rubric) -> None:
        for request in self._judge.requests(conversation, turn, rubric):
            if (key := request.key(self._calls.model.fingerprint)) in self._keys:
                continue
            self._keys.add(key)
            self.labels += bool(request.labels)
            if self._calls.is_cached(request):
                self.cached += 1
            else:
                self.calls += 1
                self.tokens += len(request.messages[0].content) // CHARACTERS_PER_TOKEN
