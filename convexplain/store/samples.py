"""The design of a run that judged a stratified sample: its strata, and how many turns the logs have in each."""

from dataclasses import asdict, dataclass
from typing import Any

import sqlalchemy as sa

from convexplain.types import RubricScope

from . import schema
from .database import reading, writing
from .run_records import Run
from .store import RunStore


@dataclass(frozen=True, slots=True)
class StratumCounts:
    """One stratum of a sample.

    Attributes:
        values: the value of each of the sample's fields; None for the stratum that pools those too small to be drawn
            from on their own.
        turns, conversations: how many the logs have in it: assistant turns, and conversations with one.
        sampled_turns, sampled_conversations: how many of them were drawn, for maxims of turns and of conversations.
    """

    values: tuple[str, ...] | None
    turns: int
    conversations: int
    sampled_turns: int
    sampled_conversations: int

    def population(self, scope: RubricScope) -> int:
        """Return how many units of a scope the logs have in it."""
        return self.conversations if scope == "conversation" else self.turns


@dataclass(frozen=True, slots=True)
class SampleDesign:
    """The draw of a run's turns.

    Attributes:
        size: how many turns were asked for, and as many conversations for maxims of whole conversations.
        fields: what the strata are formed by: `source` and `bot`, or one of them, or none.
        seed: the same seed draws the same turns.
        strata: the strata; the pooled one is the last.
    """

    size: int
    fields: tuple[str, ...]
    seed: int
    strata: tuple[StratumCounts, ...]

    def stratum(self, source: str, bot: str) -> int | None:
        """Return the number of the stratum of a conversation; None where it belongs to none."""
        facets = {"source": source, "bot": bot}
        values = tuple(facets[field] for field in self.fields)
        pooled = None
        for number, stratum in enumerate(self.strata):
            if stratum.values == values:
                return number
            if stratum.values is None:
                pooled = number
        return pooled

    def words(self, scope: RubricScope = "turn") -> str:
        """Return the sample in words, as `a sample of 500 of 12,000 turns`."""
        sampled = sum(
            stratum.sampled_conversations if scope == "conversation" else stratum.sampled_turns
            for stratum in self.strata
        )
        population = sum(stratum.population(scope) for stratum in self.strata)
        return f"a sample of {sampled:,} of {population:,} {scope}{'' if population == 1 else 's'}"

    @property
    def sentence(self) -> str:
        """Return in one sentence what figures of the run are estimates of."""
        strata = "1 stratum" if len(self.strata) == 1 else f"{len(self.strata):,} strata"
        by = f", drawn by {' and '.join(self.fields)} ({strata})" if self.fields else ""
        return (
            f"From {self.words()}{by}: means and shares are estimates for all of them, with 95 % intervals; counts and "
            "lists are of the sample."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the design as JSON values."""
        return asdict(self)


def run_sample(run: Run) -> SampleDesign | None:
    """Return the design of a run's sample; None for a run that judged everything."""
    return None if run.sample is None else to_design(run.sample)


def to_design(body: Any) -> SampleDesign:
    """Return the design of stored JSON values."""
    strata = [
        StratumCounts(**{**stratum, "values": None if stratum["values"] is None else tuple(stratum["values"])})
        for stratum in body["strata"]
    ]
    return SampleDesign(body["size"], tuple(body["fields"]), body["seed"], tuple(strata))


def keep_sample(store: RunStore, run: int, design: SampleDesign) -> None:
    """Keep the design of a run's sample with the run."""
    with writing(store.engine) as connection:
        connection.execute(sa.update(schema.runs).where(schema.runs.c.id == run).values(sample=design.to_dict()))


def keep_stratum(store: RunStore, run: int, conversation: int, stratum: int) -> None:
    """Keep the stratum of a conversation of a run, by its number in the store."""
    table = schema.run_conversations
    place = (table.c.run == run, table.c.conversation == conversation)
    with writing(store.engine) as connection:
        connection.execute(sa.update(table).where(*place).values(stratum=stratum))


def strata(store: RunStore, run: int) -> dict[int, int]:
    """Return the stratum of each conversation of a run that judged a sample, by the conversation's number."""
    table = schema.run_conversations
    query = sa.select(table.c.conversation, table.c.stratum).where(table.c.run == run, table.c.stratum.is_not(None))
    with reading(store.engine) as connection:
        return {row.conversation: row.stratum for row in connection.execute(query)}


def judged_turns(store: RunStore, run: int, conversation: int) -> dict[str, list[int]]:
    """Return which turns of a conversation a run has judged, scored or not, by the rubric's id."""
    table, rubric = schema.judgements, schema.rubrics
    query = (
        sa.select(rubric.c.rubric, table.c.turn)
        .join(rubric, rubric.c.sha == table.c.rubric)
        .where(table.c.run == run, table.c.conversation == conversation)
        .order_by(table.c.turn)
    )
    turns: dict[str, list[int]] = {}
    with reading(store.engine) as connection:
        for name, turn in connection.execute(query):
            turns.setdefault(name, []).append(turn)
    return turns
