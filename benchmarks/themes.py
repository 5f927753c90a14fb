"""Are planted failure modes found as themes, are the themes pure, and are the planted causes named?

    python benchmarks/themes.py --seeds 11 12 13 14 15
    python benchmarks/themes.py --seeds 11 --judge embedded --db themes.db

The logs are those of `planted_log.py`. Without a judge all planted turns are flagged, and one good turn in twenty by
mistake; three quarters of the turns of the two caused modes name their planted cause as the earlier turn that matters,
all other turns name one by chance: this measures the grouping, naming and the search for causes, and no judge. With
`--judge` a log is judged on helpfulness and harm, what is flagged is grouped, and at most eight turns of each theme are
explained, as `convexplain themes` does it; what the database holds already is not asked again, so that a run that was
stopped goes on. The settings of the grouping were chosen on seeds 1 to 5.

A mode is found if at least half of its planted turns are in one theme of which they are at least 80 %. A theme is false
if most of its turns are good ones. The V-measure
(1 = best) compares themes with modes on the grouped turns; a good turn that was flagged counts as a mode of its own.
"""

import argparse
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from planted_log import BOTS, CAUSED, COUNTS, START, ShopLog, shop_log, write_log
from sklearn.metrics import v_measure_score

from convexplain import Workspace
from convexplain.analysis.themes.finding import find_themes
from convexplain.analysis.themes.theme import EarlierEffect, FlaggedTurn, JudgedGroups, Place, Theme
from convexplain.connectors.editors.sentence_vectors import word_vectors
from convexplain.judges.turn_features import turn_clauses
from convexplain.workspace.theme_results import theme_sentences

MAXIMS = ("helpfulness", "harm")
EXPLAINED = 8  # turns of a theme
FALSE_ALARMS = 0.05
NAMED = 0.75  # share of caused turns whose cause an explanation names
GOOD = 200  # good turns for comparison
GOOD_MODE = "good"
CAUSE_WORDS = {"asks_again": ("number", "asks again"), "old_product": ("first", "names what")}
"""Words that a statement of the planted cause has, any of them."""


@dataclass(frozen=True, slots=True)
class Grouping:
    """The themes of a log, and the modes of its flagged turns."""

    themes: Sequence[Theme]
    modes: Mapping[Place, str]

    @property
    def labels(self) -> dict[Place, int]:
        """Return the theme's index of each grouped turn."""
        return {(member.number, member.turn): k for k, theme in enumerate(self.themes) for member in theme.members}

    def mode_counts(self, theme: Theme) -> Counter[str]:
        """Return how many members of a theme have each mode."""
        return Counter(self.modes[member.number, member.turn] for member in theme.members)

    def theme_of(self, mode: str) -> Theme | None:
        """Return the theme that finds a mode; None where none does."""
        for theme in self.themes:
            count = self.mode_counts(theme)[mode]
            if 2 * count >= COUNTS[mode] and count >= 0.8 * len(theme.members):
                return theme
        return None

    def false_themes(self) -> int:
        """Return the number of themes most of whose turns are good."""
        return sum(2 * self.mode_counts(theme)[GOOD_MODE] > len(theme.members) for theme in self.themes)

    def purity(self) -> float:
        """Return the share of grouped turns that have the most frequent mode of their theme."""
        return sum(max(self.mode_counts(theme).values()) for theme in self.themes) / max(1, len(self.labels))

    def v_measure(self) -> float:
        """Return the V-measure of themes and modes on the grouped turns."""
        places = list(self.labels)
        return float(v_measure_score([self.modes[place] for place in places], [self.labels[place] for place in places]))

    def causes(self) -> int:
        """Return how many of the caused modes have a theme that names the planted cause."""
        statements = {mode: theme.cause.statement for mode in CAUSED if (theme := self.theme_of(mode)) and theme.cause}
        return sum(any(word in text for word in CAUSE_WORDS[mode]) for mode, text in statements.items())


def planted_grouping(log: ShopLog, seed: int) -> Grouping:
    """Return the themes of all planted turns and some good ones, without a judge."""
    rng = random.Random(seed)
    failures = {(failure.conversation, failure.turn): failure for failure in log.failures}
    flagged, good, modes = [], [], {}
    for number, talk in enumerate(log.conversations, 1):
        for i in (i for i, turn in enumerate(talk.turns) if turn.role == "assistant"):
            failure = failures.get((talk.id, i))
            turn = FlaggedTurn(
                number, talk, i, 0.2, clauses=turn_clauses(talk.turns[: i + 1]), source="shop",
                bot=str(talk.metadata["bot"]), began_at=talk.turns[0].at,
            )  # fmt: skip
            if failure is None and rng.random() >= FALSE_ALARMS:
                good.append(turn)
                continue
            named = failure is not None and failure.causes and rng.random() < NAMED
            causes = failure.causes[:1] if failure is not None and named else tuple(range(i))
            effects = (EarlierEffect(rng.choice(causes), -0.2),) if causes else ()
            flagged.append(replace(turn, earlier=effects))
            modes[turn.place] = failure.mode if failure else GOOD_MODE
    middle = sorted(talk.turns[0].at or START for talk in log.conversations)[len(log.conversations) // 2]
    judged = [*flagged, *good]
    earlier = sum(turn.began_at is not None and turn.began_at < middle for turn in judged)
    groups = JudgedGroups(
        len(judged), {"shop": len(judged)}, {bot: sum(turn.bot == bot for turn in judged) for bot in BOTS},
        earlier, len(judged) - earlier, middle, rng.sample(good, min(GOOD, len(good))),
    )  # fmt: skip
    return Grouping(find_themes(flagged, groups, word_vectors).themes, modes)


def judged_grouping(log: ShopLog, seed: int, judge: str, db: Path, explain: int) -> Grouping:
    """Return the themes of what a judge flags, by way of the workspace."""
    workspace = Workspace(db)
    with TemporaryDirectory() as folder:
        file = Path(folder) / f"shop-{seed}.jsonl"
        write_log(log, file, Path(folder) / "truth.json")
        run = workspace.analyze(file, MAXIMS, judge)
    result = workspace.themes(run.id, explain=explain)
    names = {number: talk.id for number, talk in workspace.store.numbered_conversations(run.id)}
    themes = [theme.theme for theme in result.themes]
    places = [(member.number, member.turn) for theme in themes for member in theme.members]
    planted = log.modes()
    modes = {
        place: planted.get((names[place[0]], place[1]), GOOD_MODE) for place in [*places, *result.search.ungrouped]
    }
    return Grouping(themes, modes)


def show(grouping: Grouping) -> None:
    """Print the themes with the modes of their members."""
    for theme in grouping.themes:
        counts = ", ".join(f"{mode} {count}" for mode, count in grouping.mode_counts(theme).most_common())
        print(f"  {len(theme.members):3} {theme.name}  [{counts}]")
        for sentence in theme_sentences(replace(theme, excesses=(), trend=None, cause=None)):
            print(f"      {sentence}")
        for excess in theme.excesses:
            print(f"      {excess.field} {excess.value}: {excess.share:.1%} against {excess.share_elsewhere:.1%}")
        if theme.trend and not theme.trend.interval[0] <= 0 <= theme.trend.interval[1]:
            print(f"      from {theme.trend.before:.1%} to {theme.trend.after:.1%} of the turns")
        if cause := theme.cause:
            rate = f"in {cause.compared} of {cause.compared_of} before good turns"
            print(f"      in {cause.count} of {cause.explained} an earlier turn that matters {cause.statement}; {rate}")


def main() -> None:
    """Print the themes of each log, and a table."""
    parser = argparse.ArgumentParser(description="Measure how well themes find planted failure modes.")
    parser.add_argument("--seeds", type=int, nargs="+", default=[11, 12, 13, 14, 15])
    parser.add_argument("--judge", help="judge the logs with this judge, for instance embedded; none: flags as planted")
    parser.add_argument("--db", type=Path, default=Path("themes_benchmark.db"), help="keeps what the judge has said")
    parser.add_argument("--explain", type=int, default=EXPLAINED, help="with a judge: turns of a theme to explain")
    arguments = parser.parse_args()
    rows = []
    for seed in arguments.seeds:
        log = shop_log(seed)
        if arguments.judge:
            grouping = judged_grouping(log, seed, arguments.judge, arguments.db, arguments.explain)
        else:
            grouping = planted_grouping(log, seed)
        flagged = Counter(grouping.modes.values())
        flags = ", ".join(f"{mode} {flagged[mode]} of {n}" for mode, n in COUNTS.items())
        print(f"seed {seed}, flagged or in a theme: {flags}")
        show(grouping)
        recovered = [mode for mode in COUNTS if grouping.theme_of(mode)]
        missing = ", ".join(mode for mode in COUNTS if mode not in recovered) or "none"
        sizes = f"{len(grouping.modes)} | {len(grouping.themes)} | {grouping.false_themes()}"
        rows.append([
            seed, sizes, f"{len(recovered)} of {len(COUNTS)}", missing, f"{grouping.purity():.2f}",
            f"{grouping.v_measure():.2f}", f"{grouping.causes()} of {len(CAUSED)}",
            len(grouping.modes) - len(grouping.labels),
        ])  # fmt: skip
    print("\n| seed | turns | themes | false | modes | missing | purity | V-measure | causes | not grouped |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    for row in rows:
        print("|", " | ".join(map(str, row)), "|")


if __name__ == "__main__":
    main()
