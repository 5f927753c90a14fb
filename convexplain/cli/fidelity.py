"""`convexplain fidelity`: are the attributions of a run faithful?"""

import click
from rich.console import Console
from rich.table import Table

from convexplain.explain.faithfulness import K
from convexplain.fidelity import Estimate
from convexplain.types import LEVELS, Level
from convexplain.workspace import Fidelity, FidelitySettings
from convexplain.workspace.fidelity import RankAgreement

from .options.judging import JUDGE_HELP
from .options.store import db_option, open_workspace, progress_shown, run_argument, seed_option
from .show.progress import plain

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


@click.command("fidelity")
@run_argument
@click.option(
    "--level",
    type=click.Choice(LEVELS),
    default="turn",
    show_default=True,
    help="Attributions to units of that level.",
)
@click.option("--k", type=click.IntRange(min=1), default=K, show_default=True, help="Units that are removed for PR@k.")
@click.option(
    "--whole", "complete", is_flag=True, help="Deletion and insertion to the end as well: four times as many calls."
)
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N attributed turns.")
@click.option("--self", "self_explanation", is_flag=True, help="Also ask the judge itself which turns mattered.")
@click.option("--judge", metavar="MODEL", help=f"{JUDGE_HELP}  [default: the run's own judge]")
@click.option("--responder", metavar="MODEL", help="The responder whose answers were attributed, if there was one.")
@click.option(
    "--embeddings",
    metavar="SOURCE",
    help="With --responder: a folder or repository with an encoder, to compare the answers' embeddings by.",
)
@seed_option
@db_option
def command(
    run: int | str | None,
    level: Level,
    k: int,
    complete: bool,
    limit: int | None,
    self_explanation: bool,
    judge: str | None,
    responder: str | None,
    embeddings: str | None,
    seed: int,
    db: str | None,
) -> int:
    """Say how faithful the attributions of a RUN are (number or name; else the newest), beside chance.

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
    settings = FidelitySettings(level, k, complete, limit, self_explanation, embeddings, seed)
    measured = open_workspace(db).fidelity(run, judge, responder, settings=settings, progress=progress_shown())
    console = Console()
    console.print(_table(measured, k))
    for agreement in measured.agreements:
        console.print(plain(_agreement(agreement)), soft_wrap=True)
    return 0


def _table(measured: Fidelity, k: int) -> Table:
    cells = {(item.order, item.measure): item for item in measured.measures}
    measures = [measure for measure in _MEASURES if any(name == measure for _, name in cells)]
    table = Table("order", *(_MEASURES[measure].replace("@k", f"@{k}") for measure in measures))
    for order in measured.orders:
        items = [cells.get((order, measure)) for measure in measures]
        table.add_row(plain(order), *("–" if item is None else _cell(item.value, item.difference) for item in items))
    return table


def _agreement(agreement: RankAgreement) -> str:
    what = " and ".join(agreement.methods)
    what += " under other settings" if len(agreement.methods) == 1 else ""
    return f"Rank correlation, {what}: {_number(agreement.value)} (n = {agreement.value.n})"


def _cell(value: Estimate, difference: Estimate | None) -> str:
    mean = f"{_number(value)} n={value.n}"
    return mean if difference is None else f"{mean}\n({_number(difference, signed=True)})"


def _number(estimate: Estimate, signed: bool = False) -> str:
    if estimate.value is None:
        return "–"
    form = "+.3f" if signed else ".3f"
    value = f"{estimate.value:{form}}"
    return value if estimate.low is None else f"{value} [{estimate.low:{form}}, {estimate.high:{form}}]"
