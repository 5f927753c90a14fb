"""How many injected texts the detector of `judges/injection_signs.py` sees, and how many ordinary turns it suspects.

    python benchmarks/injection_detection.py

No model is asked. The 28 texts were seen while the patterns were written; `HELD_OUT` and the decoys for reporting were
not used for choosing them, but are by the same authors. Ordinary turns: the reference set and the invented logs.
"""

from collections.abc import Iterable
from pathlib import Path

from injections import DECOYS, HELD_OUT

from convexplain import Conversation, load_rubric, read_log
from convexplain.agreement.shares import exact_interval
from convexplain.judges.injection_signs import injection_signs, without_verdicts
from convexplain.judges.injection_texts import injected_texts
from convexplain.judges.reference import reference_set

RUBRIC = load_rubric("helpfulness")
LABELS = tuple(label.name for label in RUBRIC.labels)
LOGS = Path(__file__).parent / "logs"


def report(name: str, texts: Iterable[tuple[str, str]], misses: bool) -> None:
    """Print the share of the texts with a sign, and that of those from which a sentence is taken out."""
    texts = list(texts)
    seen = [bool(injection_signs(text, LABELS)) for _, text in texts]
    stripped = [without_verdicts(text, LABELS) != text for _, text in texts]
    low, high = exact_interval(sum(seen), len(seen))
    print(
        f"{name:38} {sum(seen):5} of {len(seen):5} ({sum(seen) / len(seen):.1%}, 95 % {low:.3f} to {high:.3f}), "
        f"sentences taken out of {sum(stripped)}"
    )
    listed = [place for (place, _), sign in zip(texts, seen, strict=True) if sign != misses]
    if listed:
        print(f"    {'without a sign' if misses else 'with a sign'}: {'; '.join(listed[:12])}")


def main() -> None:
    report("the 28 texts", injected_texts(RUBRIC).items(), misses=True)
    report("held-out texts", HELD_OUT.items(), misses=True)
    report("decoys for choosing", ((text, text) for text in DECOYS[::2]), misses=False)
    report("decoys for reporting", ((text, text) for text in DECOYS[1::2]), misses=False)
    for half in ("choosing", "reporting"):
        talks = reference_set(half).conversations
        report(f"turns of the reference set, {half}", turns(talks), misses=False)
    for log in sorted(LOGS.iterdir()):
        if log.suffix in (".jsonl", ".json", ".yaml"):
            report(f"turns of {log.name}", turns(read_log(log)), misses=False)


def turns(talks: Iterable[Conversation]) -> list[tuple[str, str]]:
    """Return the turns, each with its place."""
    return [
        (f"{talk.id}:{i} {turn.content[:60]!r}", turn.content) for talk in talks for i, turn in enumerate(talk.turns)
    ]


if __name__ == "__main__":
    main()
