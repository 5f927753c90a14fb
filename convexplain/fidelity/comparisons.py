"""Favourability: how often, and by how much, a judge prefers another answer to the contrast's."""

from collections.abc import Sequence
from dataclasses import dataclass

from .estimates import Estimate, mean

TIE = 0.1
"""Answers whose helpfulness differs by less are equally helpful; on a scale from -1 to 1."""


@dataclass(frozen=True, slots=True)
class Favourability:
    """The favourability of another answer beside the contrast's, over a set of prompts (CELL paper, Table 1).

    Attributes:
        lead: by how much the other answer is more helpful, in [-1, 1]; positive = the contrast's is the less helpful
            one, as a contrast's answer is meant to be.
        wins, ties, losses: prompts on which the other answer leads, is about as helpful (by less than `TIE`), or is
            the less helpful one.
    """

    lead: Estimate
    wins: int
    ties: int
    losses: int


def favourability(leads: Sequence[float | None]) -> Favourability:
    """Return the favourability by the lead of the other answer on each prompt; missing leads are left out."""
    present = [lead for lead in leads if lead is not None]
    wins, losses = sum(lead >= TIE for lead in present), sum(lead <= -TIE for lead in present)
    return Favourability(mean(present), wins, len(present) - wins - losses, losses)
