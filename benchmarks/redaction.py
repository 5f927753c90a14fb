"""How much personal data `--redact` replaces, by kind and country, and how often it replaces what is none.

    python -m benchmarks.redaction            # the half for reporting, and the half for choosing apart
    python -m benchmarks.redaction --misses   # with the cases of the half for choosing that are missed

A case counts as replaced where all of its characters are. Of the decoys, any span counts.
"""

import argparse
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from convexplain.agreement.shares import exact_interval
from convexplain.connectors.redaction import PersonalSpan, patterns

FOLDER = Path(__file__).parent
OPEN, CLOSE, LEFT_OUT = "⟦", "⟧", "¦"


@dataclass(frozen=True)
class Case:
    """A text with personal data of one kind, in `spans`; none for a decoy."""

    kind: str
    country: str
    text: str
    spans: tuple[tuple[int, int], ...]
    reported: bool


def lines_of(name: str) -> Iterator[str]:
    """Yield the lines of a file of cases, without its comments."""
    lines = (FOLDER / name).read_text("utf-8").replace(LEFT_OUT, "").splitlines()
    return (line for line in lines if line and not line.startswith("#"))


def marked(text: str) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Return a text without its marks, and the spans between them."""
    plain, spans, start = "", [], 0
    for character in text:
        if character == OPEN:
            start = len(plain)
        elif character == CLOSE:
            spans.append((start, len(plain)))
        else:
            plain += character
    return plain, tuple(spans)


def cases() -> list[Case]:
    """Return the cases and the decoys; every second one of a kind is for choosing."""
    numbers: dict[str, int] = defaultdict(int)
    listed = []
    rows = [line.replace("\\n", "\n").split(" | ", 2) for line in lines_of("redaction_cases.txt")]
    rows += [["decoy", "-", line] for line in lines_of("redaction_decoys.txt")]
    for kind, country, text in rows:
        numbers[kind] += 1
        listed.append(Case(kind, country, *marked(text), reported=numbers[kind] % 2 == 0))
    return listed


def replaced(case: Case) -> bool:
    """Return whether all personal data of a case is replaced; of a decoy, whether anything is."""
    spans = list(patterns(case.text))
    if not case.spans:
        return any(span.start < span.end for span in spans)
    return all(_covered(start, end, case.text, spans) for start, end in case.spans)


def _covered(start: int, end: int, text: str, spans: list[PersonalSpan]) -> bool:
    inside = [place for place in range(start, end) if text[place].isalnum()]
    return all(any(span.start <= place < span.end for span in spans) for place in inside)


def table(title: str, groups: dict[str, list[bool]]) -> None:
    """Print the share of each group with its 95 % interval."""
    print(f"\n| {title} | n | replaced | 95 % |\n|---|---|---|---|")
    for name, results in groups.items():
        hits = sum(results)
        low, high = exact_interval(hits, len(results))
        print(f"| {name} | {len(results)} | {hits} ({hits / len(results):.0%}) | {low:.2f} to {high:.2f} |")


def countries(results: list[tuple[Case, bool]]) -> None:
    """Print how many cases of each kind are replaced, by country."""
    groups: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for case, result in results:
        groups[case.kind][case.country].append(result)
    print("\n| kind | replaced of all cases | by country |\n|---|---|---|")
    for kind, by_country in groups.items():
        every = [result for hits in by_country.values() for result in hits]
        places = ", ".join(
            f"{country} {sum(hits)}/{len(hits)}" for country, hits in sorted(by_country.items()) if country != "-"
        )
        print(f"| {kind} | {sum(every)} of {len(every)} | {places} |")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--misses", action="store_true", help="list what is wrong in the half for choosing")
    parser.add_argument("--countries", action="store_true", help="print a table by kind and country, of both halves")
    arguments = parser.parse_args()
    results = [(case, replaced(case)) for case in cases()]
    for reported, half in ((False, "choosing"), (True, "reporting")):
        by_kind: dict[str, list[bool]] = defaultdict(list)
        for case, result in results:
            if case.reported == reported:
                by_kind[case.kind].append(result)
                if case.spans:
                    by_kind["all but decoys"].append(result)
        table(f"half for {half}", by_kind)
    by_country: dict[str, list[bool]] = defaultdict(list)
    for case, result in results:
        if case.reported and case.kind in ("phone", "national number", "address"):
            by_country[f"{case.kind}, {case.country}"].append(result)
    if arguments.countries:
        countries([(case, result) for case, result in results if case.spans])
    missed = {name: f"{sum(hits)} of {len(hits)}" for name, hits in sorted(by_country.items()) if not all(hits)}
    print("\nBy country, half for reporting: all but", missed or "none")
    if arguments.misses:
        for case, result in results:
            if not case.reported and result != bool(case.spans):
                print(
                    case.kind,
                    case.country,
                    case.text,
                    [(case.text[s.start : s.end], s.kind) for s in patterns(case.text)],
                )


if __name__ == "__main__":
    main()
