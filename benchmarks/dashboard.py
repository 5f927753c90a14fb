"""Time that the dashboard's pages take on a store of 100,000 judged turns.

    python benchmarks/dashboard.py                       # builds the store, some minutes, and measures
    python benchmarks/dashboard.py --db big.db --keep    # keeps it, or measures one that is there

Prints what each question to the store takes (median and worst of some runs), and what each page takes to run: the
first time, again, and after a filter was set. The browser's own work is not in it.
"""

import argparse
import logging
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

from dashboard_store import build

from convexplain import load_rubric
from convexplain.analysis.comparison import compare
from convexplain.dashboard import pages
from convexplain.dashboard.services.comparisons import moved_turns
from convexplain.dashboard.services.conversation import open_conversation, worst_turn
from convexplain.dashboard.services.overview import ListedTurn, listed_turns
from convexplain.store import RunStore, run_rubrics
from convexplain.store.contrast_list import ContrastFilters, contrast_count, contrast_rows
from convexplain.store.conversations import next_flagged
from convexplain.store.judgement_filters import JudgementFilters
from convexplain.store.overview import distribution, filter_choices, maxim_counts, score_groups
from convexplain.store.paired_scores import paired_scores

RUNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=100_000)
    parser.add_argument("--db", type=Path)
    parser.add_argument("--keep", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # Streamlit says that no browser is there
    with tempfile.TemporaryDirectory() as folder:
        file = options.db or Path(folder) / "store.db"
        if not file.exists():
            began = time.perf_counter()
            build(str(file), options.turns)
            print(f"built in {time.perf_counter() - began:.0f} s: {file.stat().st_size / 1e6:.0f} MB")
        ask_the_store(str(file))
        run_the_pages(str(file))
        if options.db and not options.keep:
            file.unlink()


def ask_the_store(url: str) -> None:
    """Each question that a page asks."""
    store = RunStore(url)
    harm = next(rubric for rubric in run_rubrics(store, 1) if rubric.id == "harm")
    everything = JudgementFilters(1, harm.sha, harm.threshold)
    selection = JudgementFilters(
        1, harm.sha, harm.threshold, bots=("Alex",), since=date(2026, 9, 5), until=date(2026, 10, 20), text="order"
    )
    paired = paired_scores(store, 1, harm.sha, 2, harm.sha)
    questions: dict[str, Callable[[], Any]] = {
        "maxims of a run": lambda: maxim_counts(store, 1),
        "what can be chosen": lambda: filter_choices(store, 1),
        **{
            f"distribution, {name}": lambda which=which: distribution(store, which)
            for name, which in both(everything, selection)
        },
        **{
            f"by {by}, {name}": lambda by=by, which=which: score_groups(store, which, by)
            for by in ("source", "bot", "length", "turn", "day")
            for name, which in both(everything, selection)
        },
        **{
            f"page of turns, {name}": lambda which=which: page(store, which, 0)
            for name, which in both(everything, selection)
        },
        "last page of turns": lambda: page(store, everything, 99_400),
        "lowest turn": lambda: worst_turn(store, 1, harm.sha, harm.threshold),
        "a conversation": lambda: open_conversation(store, 1, "chat-005000"),
        "next flagged turn": lambda: next_flagged(store, 1, harm.sha, harm.threshold, 5000, 3),
        "page of contrasts": lambda: (
            contrast_count(store, ContrastFilters(1)),
            contrast_rows(store, ContrastFilters(1), 15),
        ),
        "two runs side by side": lambda: paired_scores(store, 1, harm.sha, 2, harm.sha),
        "their comparison": lambda: compare(paired, harm.threshold),
        "turns that fell most": lambda: moved_turns(store, 1, 2, "harm", "fell", 10, 0),
    }
    print(f"\n{'question':32} median    worst   (ms, of {RUNS})")
    for name, question in questions.items():
        took = [timed(question) for _ in range(RUNS)]
        print(f"{name:32} {1000 * statistics.median(took):6.0f}   {1000 * max(took):6.0f}")
    store.close()


def both(everything: JudgementFilters, selection: JudgementFilters) -> tuple[tuple[str, JudgementFilters], ...]:
    return (("all", everything), ("filtered", selection))


def page(store: RunStore, which: JudgementFilters, offset: int) -> list[ListedTurn]:
    return listed_turns(store, load_rubric("harm"), which, 20, offset)


def timed(question: Callable[[], Any]) -> float:
    began = time.perf_counter()
    question()
    return time.perf_counter() - began


def run_the_pages(url: str) -> None:
    """Each page as Streamlit runs it, in a process that has its modules loaded."""
    from streamlit.testing.v1 import AppTest

    os.environ["CONVEXPLAIN_DB"] = url
    folder = Path(pages.__file__).parent
    app = folder.parent / "ui" / "app.py"
    AppTest.from_file(str(app), default_timeout=300).run()  # modules are loaded once
    print(f"\n{'page':32}  first    again  filtered   (ms)")
    for name in ("overview", "conversation", "pairs", "compare"):
        import streamlit as st

        st.cache_data.clear()
        st.cache_resource.clear()
        opened = AppTest.from_file(str(app), default_timeout=300)
        opened.switch_page(str(folder / f"{name}.py"))
        opened.query_params["run"] = "1"
        took = [timed(opened.run), timed(opened.run)]
        if name == "overview":
            next(widget for widget in opened.multiselect if widget.label == "Bot").set_value(["Alex"])
            opened.text_input[0].set_value("order")
            took.append(timed(opened.run))
        elif name == "pairs":
            opened.segmented_control(key="pairs-reviewed-1").set_value(["open"])
            took.append(timed(opened.run))
        elif name == "conversation":
            if not opened.button(key="walk-N").disabled:  # nothing is flagged where no score may flag
                took.append(timed(lambda opened=opened: opened.button(key="walk-N").click().run()))
        elif which := [widget for widget in opened.segmented_control if widget.key == "c-moved"]:
            which[0].set_value("rose")  # where the runs share no turn, no list of moved turns is there
            took.append(timed(opened.run))
        if opened.exception:
            raise SystemExit(f"{name}: {opened.exception[0].message}")
        print(f"{name:32} {'   '.join(f'{1000 * seconds:6.0f}' for seconds in took)}")


if __name__ == "__main__":
    main()
