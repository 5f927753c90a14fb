"""How many names of people are replaced, by language: by the words before them, by a list of customers, by Presidio.

    python -m benchmarks.redaction_of_names
    python -m benchmarks.redaction_of_names --presidio en=en_core_web_sm fr=fr_core_news_sm   # installed spaCy models

`benchmarks/redaction_names.txt`: 108 sentences with a name, twelve in each of nine languages, and 54 without one, all
written by hand before anything was measured. A name counts where all of its letters are replaced; of a decoy any span
of a name counts. The list has the names as a table of customers has them: the sentences inflect them, shorten them,
turn them round or leave out their accents.
"""

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from convexplain.agreement.shares import exact_interval
from convexplain.connectors.redaction import Finder, PersonalSpan, names, patterns

from .redaction import lines_of, marked

LANGUAGES = {
    "en": "English",
    "de": "German",
    "fr": "French",
    "es": "Spanish",
    "it": "Italian",
    "pl": "Polish",
    "ru": "Russian",
    "zh": "Chinese",
    "ja": "Japanese",
}


@dataclass(frozen=True)
class NameCase:
    """A sentence with a name, in `spans`; none for a decoy."""

    language: str
    listed: str
    text: str
    spans: tuple[tuple[int, int], ...]


def name_cases() -> list[NameCase]:
    """Return the sentences with names, and the decoys."""
    rows = [line.replace("\\n", "\n").split(" | ", 3) for line in lines_of("redaction_names.txt")]
    return [NameCase(language, listed, *marked(text)) for _, language, listed, text in rows]


def replaced(case: NameCase, finders: Iterable[Finder]) -> bool:
    """Return whether all of the name is replaced; of a decoy, whether anything is taken for a name."""
    spans: list[PersonalSpan] = [span for find in finders for span in find(case.text)]
    if not case.spans:
        return any(span.kind in ("name", "person") for span in spans)
    letters = [i for start, end in case.spans for i in range(start, end) if case.text[i].isalnum()]
    return all(any(span.start <= i < span.end for span in spans) for i in letters)


def presidio_of(language: str, model: str) -> Finder:
    """Return Presidio with an installed spaCy model, which it gets in the place of its own choice."""
    from presidio_analyzer import AnalyzerEngine
    from presidio_analyzer.nlp_engine import NlpEngineProvider

    models = [{"lang_code": language, "model_name": model}]
    provider = NlpEngineProvider(nlp_configuration={"nlp_engine_name": "spacy", "models": models})
    engine = AnalyzerEngine(nlp_engine=provider.create_engine(), supported_languages=[language])

    def find(text: str) -> Iterable[PersonalSpan]:
        return [
            PersonalSpan(entity.start, entity.end, entity.entity_type.lower())
            for entity in engine.analyze(text, language)
        ]

    return find


def cell(results: Sequence[bool]) -> str:
    """Return how many of them are true."""
    return f"{sum(results)} of {len(results)}" if results else "—"


def main() -> None:
    """Print a table by language, and the sums with their intervals."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--presidio", nargs="+", default=[], metavar="LANGUAGE=MODEL")
    options = parser.parse_args()
    cases = name_cases()
    listed = names(case.listed for case in cases if case.spans)
    ways: dict[str, dict[str, Sequence[Finder]]] = {
        "words before": dict.fromkeys(LANGUAGES, (patterns,)),
        "with the list": dict.fromkeys(LANGUAGES, (patterns, listed)),
    }
    models = dict(choice.split("=", 1) for choice in options.presidio)
    if models:
        ways["with Presidio"] = {
            language: (patterns, presidio_of(language, model)) for language, model in models.items()
        }
    for title, wants_names in (("names", True), ("decoys", False)):
        chosen = [case for case in cases if bool(case.spans) is wants_names]
        print(f"\n| {title} | {' | '.join(ways)} |\n|---|{'---|' * len(ways)}")
        results = {
            way: {
                language: [replaced(case, finders) for case in chosen if case.language == language]
                for language, finders in of_language.items()
            }
            for way, of_language in ways.items()
        }
        for language, name in LANGUAGES.items():
            print(f"| {name} | {' | '.join(cell(results[way].get(language, [])) for way in ways)} |")
        sums = []
        for way in ways:
            every = [result for of_language in results[way].values() for result in of_language]
            low, high = exact_interval(sum(every), len(every))
            sums.append(f"{cell(every)} ({low:.2f} to {high:.2f})")
        print(f"| all | {' | '.join(sums)} |")


if __name__ == "__main__":
    main()
