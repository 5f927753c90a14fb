"""`convexplain fidelity`: are the attributions of a run faithful?"""

import asyncio
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import combinations, islice

import click
from rich.console import Console
from rich.table import Table

from convexplain.analysis.pipeline import TurnJudge
from convexplain.cli.show.contrasts import SearchProgress
from convexplain.cli.show.runs import plain
from convexplain.connectors.scorers import SentenceEmbeddings
from convexplain.errors import UsageError
from convexplain.explain.attribution import judged_part
from convexplain.explain.faithfulness import Faithfulness, K, baselines, faithfulness
from convexplain.explain.measurement import Measure
from convexplain.explain.scalarizers import JudgeValue, TurnValues
from convexplain.fidelity import Embed, Estimate, bleu, mean, rank_correlation, ranked, stability
from convexplain.judges.self_explanation import named_first, self_explained
from convexplain.models.calls import Calls
from convexplain.store import Run, RunStore, attributions, run_rubrics
from convexplain.types import Attribution, Conversation, Level, Rubric
from convexplain.workspace.build import Opened, scoring, searching

from .judging import calibrated_by, scale_lost
from .options import JUDGE_HELP, db_option, open_store, seed_option
from .order import DIGITS

_MEASURES = {
    "aupc": "AUPC ↑",
    "deletion": "deletion ↑",
    "insertion": "insertion ↓",
    "pr": "PR@k ↓",
    "kl": "KL@k ↑",
    "bleu": "BLEU ↓",
    "rouge_l": "ROUGE-L ↓",
    "embedding": "embedding ↓",
}


@dataclass(frozen=True, slots=True)
class _Explained:
    """One attributed turn.

    Attributes:
        conversation, rubric: the judged turn's.
        found: a method's name to its attributions, the last one last; all of the same units, by the same judge.
        others: likewise those that attribute something else than the judge's score.
    """

    conversation: Conversation
    rubric: Rubric
    found: Mapping[str, list[Attribution]]
    others: Mapping[str, list[Attribution]]

    @property
    def last(self) -> Attribution:
        """One of them, for what they have in common."""
        return list(self.found.values())[-1][-1]


@dataclass(frozen=True, slots=True)
class _Options:
    k: int
    seed: int
    whole: bool
    ask_itself: bool
    embed: Embed | None


@click.command("fidelity")
@click.argument("run", type=click.IntRange(1, 10**DIGITS // 10 - 1), required=False)
@click.option(
    "--level",
    type=click.Choice(["turn", "sentence", "phrase", "word"]),
    default="turn",
    show_default=True,
    help="Attributions to units of that level.",
)
@click.option("--k", type=click.IntRange(min=1), default=K, show_default=True, help="Units that are removed for PR@k.")
@click.option("--whole", is_flag=True, help="Deletion and insertion to the end as well: four times as many calls.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N attributed turns.")
@click.option("--self", "ask_itself", is_flag=True, help="Also ask the judge itself which turns mattered.")
@click.option("--judge", metavar="MODEL", help=f"{JUDGE_HELP}  [default: the run's own judge]")
@click.option("--responder", metavar="MODEL", help="The responder whose answers were attributed, if there was one.")
@click.option(
    "--embeddings",
    metavar="SOURCE",
    help="With --responder: a folder or repository with an encoder, to compare the answers' embeddings by.",
)
@seed_option
@db_option
def fidelity_command(
    run: int | None,
    level: Level,
    k: int,
    whole: bool,
    limit: int | None,
    ask_itself: bool,
    judge: str | None,
    responder: str | None,
    embeddings: str | None,
    seed: int,
    db: str | None,
) -> int:
    """Say how faithful the attributions of a RUN are (its number; else the newest), beside orders that know nothing.

    The units that an attribution puts first are removed, one after the other: the further the score falls (or rises,
    for a turn below the threshold), the better. AUPC is the mean fall up to half of the words; with --whole a deletion
    goes on to the end, and an insertion starts from nothing. PR@k and KL@k compare the label probabilities without the
    first k units. With 95 % intervals; in brackets the difference to the random order. Then how well the methods agree,
    and each with itself where it was run with several seeds or budgets. Every call is kept.

    \b
        convexplain explain --attribute --worst 20
        convexplain explain --attribute --worst 20 --method loo
        convexplain fidelity
    """
    store = open_store(db)
    found = store.run(run)
    turns = list(islice(_explained(store, found, level, responder is not None), limit))
    if not turns:
        raise UsageError(
            f"run {found.id} has no attributions to units of level {level}"
            f"{'' if responder else ' of logged answers'}; make some with: convexplain explain {found.id} --attribute"
        )
    if responder is not None:
        bleu("", "")  # says what is missing before anything is asked
    embed = SentenceEmbeddings(embeddings) if embeddings else None
    options = _Options(k, seed, whole, ask_itself, embed)
    rows = asyncio.run(_measured(store, found, turns, judge, responder, options))
    console = Console()
    _show(console, rows, k)
    for line in _alike(turns):
        console.print(plain(line), soft_wrap=True)
    return 0


def _explained(store: RunStore, run: Run, level: Level, regenerated: bool) -> Iterator[_Explained]:
    """Each attributed turn, with what was kept last of each method; only what the judge's score hangs on."""
    rubrics = {rubric.id: rubric for rubric in run_rubrics(store, run.id)}
    grouped: dict[tuple[int, int, str], tuple[Conversation, dict[str, list[Attribution]]]] = {}
    for number, conversation, levels in attributions(store, run.id):
        for one in levels:
            if one.level == level and len(one.units) > 1 and one.full is not None:
                kept = grouped.setdefault((number, one.turn, one.rubric), (conversation, {}))[1]
                kept.setdefault(_name(one), []).append(one)
    for (_, _, rubric), (conversation, methods) in grouped.items():
        scored = [
            one
            for some in methods.values()
            for one in some
            if one.of_score and (one.question == "regenerate") == regenerated
        ]
        if not scored:
            continue
        # Of a finer level each method has the parts of its own top units: only those of the same units are compared.
        last = scored[-1]
        same = {name: [one for one in some if one.units == last.units] for name, some in methods.items()}
        found = {
            name: [one for one in some if one in scored and one.judge == last.judge] for name, some in same.items()
        }
        others = {name: [one for one in some if not one.of_score] for name, some in same.items()}
        yield _Explained(conversation, rubrics[rubric], _filled(found), _filled(others))


def _name(one: Attribution) -> str:
    how = [one.perturbed] if one.perturbed != "remove" else []
    how += [] if one.of_score else [one.scalarizer]
    return f"{one.method} ({', '.join(how)})" if how else one.method


def _filled(found: Mapping[str, list[Attribution]]) -> dict[str, list[Attribution]]:
    return {name: some for name, some in found.items() if some}


async def _measured(
    store: RunStore,
    run: Run,
    turns: list[_Explained],
    judge: str | None,
    responder: str | None,
    options: _Options,
) -> list[dict[str, Faithfulness]]:
    notes = Console(stderr=True)
    progress = SearchProgress(notes, len(turns))

    def spent() -> None:
        progress.spent(models.spends)

    samples = None if judge else run.settings.get("samples")
    # Of a run of two judges each turn was attributed by the one that its score is from.
    two = judge is None and "escalate" in run.settings
    names = dict.fromkeys(turn.last.judge for turn in turns) if two else [judge or run.judge]
    rows = []
    for name in names:
        async with searching(name, responder, None, store, spent) as models:
            if note := scale_lost(run, models.judge.model, samples):
                notes.print(plain(note), soft_wrap=True)
            judging = scoring(models.judge, samples, calibrated_by(run.settings, models.judge.model, samples))
            with progress:
                for turn in turns:
                    if two and turn.last.judge != name:
                        continue
                    rows.append(await _row(turn, models, judging, options))
                    with progress.explained():
                        pass
    return rows


async def _row(turn: _Explained, models: Opened, judging: TurnJudge, options: _Options) -> dict[str, Faithfulness]:
    one = turn.last
    talk = judged_part(turn.conversation, one.turn)
    scalarizer = JudgeValue(Measure(judging, models.responder), turn.rubric)
    values = TurnValues(talk, scalarizer)
    await values.values([frozenset()])  # settles the scale
    orders = {name: ranked(found[-1].scores, found[-1].side) for name, found in turn.found.items()}
    if options.ask_itself:
        orders |= await _asked(models.judge, talk, turn, one, options.seed)
    orders |= baselines(talk, one.units, options.seed)
    return await faithfulness(values, one.units, orders, one.side, options.k, whole=options.whole, embed=options.embed)


async def _asked(
    calls: Calls, talk: Conversation, turn: _Explained, one: Attribution, seed: int
) -> dict[str, list[int]]:
    """The order that the judge itself gives: the turns that it names, then the others at random."""
    named = await self_explained(calls, talk, one.turn, turn.rubric)
    if named is None:
        return {}
    return {"self-explanation": named_first(named, one.units, baselines(talk, one.units, seed)["random"])}


def _show(console: Console, rows: list[dict[str, Faithfulness]], k: int) -> None:
    names = list(dict.fromkeys(name for row in rows for name in row))
    measures = [
        field.name
        for field in fields(Faithfulness)
        if any(getattr(one, field.name) is not None for row in rows for one in row.values())
    ]
    table = Table("order", *(_MEASURES[measure].replace("@k", f"@{k}") for measure in measures))
    for name in names:
        cells = []
        for measure in measures:
            pairs = [
                (getattr(row[name], measure), getattr(row["random"], measure))
                for row in rows
                if name in row and getattr(row[name], measure) is not None
            ]
            cells.append(_cell(pairs, name == "random"))
        table.add_row(plain(name), *cells)
    console.print(table)


def _alike(turns: list[_Explained]) -> Iterator[str]:
    """How well methods and scalarizers agree with each other, and each with itself under other seeds or budgets."""
    kept = [{**turn.found, **turn.others} for turn in turns]
    names = list(dict.fromkeys(name for found in kept for name in found))
    for one, other in combinations(names, 2):
        both = [
            rank_correlation(found[one][-1].scores, found[other][-1].scores)
            for found in kept
            if one in found and other in found
        ]
        yield from _correlation(f"{one} and {other}", both)
    for name in names:
        again = [stability([one.scores for one in found.get(name, [])]) for found in kept]
        yield from _correlation(f"{name} under other settings", again)


def _correlation(what: str, values: list[float | None]) -> Iterator[str]:
    known = [value for value in values if value is not None]
    if known:
        yield f"Rank correlation, {what}: {_number(mean(known))} (n = {len(known)})"


def _cell(pairs: list[tuple[float, float | None]], alone: bool) -> str:
    values = f"{_number(mean([value for value, _ in pairs]))} n={len(pairs)}" if pairs else "–"
    both = [value - other for value, other in pairs if other is not None]
    return values if alone or not both else f"{values}\n({_number(mean(both), signed=True)})"


def _number(found: Estimate, signed: bool = False) -> str:
    if found.value is None:
        return "–"
    form = "+.3f" if signed else ".3f"
    value = f"{found.value:{form}}"
    return value if found.low is None else f"{value} [{found.low:{form}}, {found.high:{form}}]"
