"""Faithfulness as the command line shows it: a table of orders and measures, and how well methods agree."""

from rich.console import Console
from rich.table import Table

from convexplain.fidelity import Estimate
from convexplain.workspace import Fidelity, FidelitySettings
from convexplain.workspace.fidelity import RankAgreement

from .progress import plain

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

_FEW = 5  # of fewer turns an interval would promise too much


def show_fidelity(console: Console, fidelity: Fidelity, settings: FidelitySettings) -> None:
    """Show how faithful attributions are: a row for each order of the units, the best ends marked by arrows."""
    console.print(_table(fidelity, settings.k))
    console.print(
        f"Means over n turns, with 95 % intervals where n is at least {_FEW}; in brackets the difference to the random "
        "order.",
        soft_wrap=True,
    )
    for agreement in fidelity.agreements:
        console.print(plain(_agreement(agreement)), soft_wrap=True)


def _table(fidelity: Fidelity, k: int) -> Table:
    cells = {(item.order, item.measure): item for item in fidelity.measures}
    measures = [measure for measure in _MEASURES if any(name == measure for _, name in cells)]
    table = Table("order", *(_MEASURES[measure].replace("@k", f"@{k}") for measure in measures))
    for order in fidelity.orders:
        items = [cells.get((order, measure)) for measure in measures]
        table.add_row(plain(order), *("–" if item is None else _cell(item.value, item.difference) for item in items))
    return table


def _agreement(agreement: RankAgreement) -> str:
    methods = " and ".join(agreement.methods)
    methods += " under other settings" if len(agreement.methods) == 1 else ""
    return f"Rank correlation, {methods}: {_number(agreement.value)} (n = {agreement.value.n})"


def _cell(value: Estimate, difference: Estimate | None) -> str:
    mean = f"{_number(value)} n={value.n}"
    return mean if difference is None else f"{mean}\n({_number(difference, signed=True)})"


def _number(estimate: Estimate, signed: bool = False) -> str:
    if estimate.value is None:
        return "–"
    form = "+.3f" if signed else ".3f"
    value = f"{estimate.value:{form}}"
    return (
        value
        if estimate.low is None or estimate.n < _FEW
        else f"{value} [{estimate.low:{form}}, {estimate.high:{form}}]"
    )
