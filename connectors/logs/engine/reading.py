"""The options of reading one file, and the policy for maps that are proposed."""

import shlex
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from convexplain.errors import UsageError

from .field_map import FieldMap
from .joint_records import JointRecords
from .loss_audit import LossAudit
from .map_proposal import MapProposal, propose_map
from .parse_results import ProblemReporter
from .registry import format_of


class MapNeededError(UsageError):
    """A log that can be read only by a map of its fields that a person confirms.

    Attributes:
        proposal: the map that its structure suggests.
    """

    def __init__(self, proposal: MapProposal) -> None:
        self.proposal = proposal
        doubts = "; ".join(proposal.doubts)
        option = shlex.quote(str(proposal.guess or proposal.field_map))
        way = "with the likely answer" if proposal.guess else "all the same"
        super().__init__(
            f"map: the log has no known format, and a person should decide: {doubts}. "
            f"To read it {way}, add: --map {option} (from Python: map=…)"
        )


@dataclass(frozen=True, slots=True)
class Reading:
    """The options of reading one file.

    Attributes:
        report: is called with what cannot be read, and with what else a person should know.
        format_name: the one format that records may have; None for any known format.
        field_map: the map of the log's fields; None to recognise it.
        counts: counts the records of each format; None to count nothing.
        joint: takes the records that make up conversations with those of other files; None to read each file alone.
        proposals: takes each map that is proposed, and a doubtful one is then used; None to refuse doubtful ones.
        table: the sheet that is read, where a map must name it; None where there is one table.
        audit: counts the answers in the records that are in no turn.
    """

    report: ProblemReporter
    format_name: str | None = None
    field_map: FieldMap | None = None
    counts: "Counter[str] | None" = None
    proposals: "list[MapProposal] | None" = None
    joint: "JointRecords | None" = None
    table: str | None = None
    audit: LossAudit = field(default_factory=LossAudit)

    def proposed(self, values: Sequence[Any]) -> "Reading | None":
        """Return these options with the map that the first values suggest; None where they suggest none.

        Raises:
            MapNeededError: the map is doubtful.
        """
        proposal = propose_map(values, lambda value: format_of(value) is not None)
        if proposal is None:
            return None
        if self.table is not None:
            proposal = proposal.of_table(self.table)
        if self.proposals is not None:
            self.proposals.append(proposal)
        elif proposal.doubts:
            raise MapNeededError(proposal)
        else:
            option = shlex.quote(str(proposal.field_map))
            self.report(None, f"the log has no known format and was read with --map {option}", kept=True)
        return replace(self, field_map=proposal.field_map)

    def without_table(self) -> "Reading":
        """Return these options for the table that the map names."""
        if self.field_map is None or self.field_map.table is None:
            return self
        field_map = replace(self.field_map, table=None)
        return replace(self, field_map=field_map if str(field_map) else None)

    def count(self, name: str) -> None:
        """Count one record of a format."""
        if self.counts is not None:
            self.counts[name] += 1
