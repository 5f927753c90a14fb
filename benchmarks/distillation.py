"""Distillation on DBDC3: how far a student follows its teacher, and agrees with people, before and after.

    python benchmarks/distillation.py ../shared/data/dbdc3_en.jsonl --start ../shared/data/conture.jsonl \\
        --teacher small --turns 600 --db distillation.db --out distilled

Half of the dialogues (drawn with the seed) are the log that the teacher labels a sample of, a fifth of it held out: the
first table, on which student, teacher and people are compared on the same turns. All rated turns of the other half are
held against people alone, which costs no call of the teacher: the second table. 95 % intervals over dialogues.

`--start` trains the head that the student has before, on that set alone; without it that is the shipped head, which may
have seen the dialogues in training. The student begins from nothing with `--model 'embedded?head=none'`.
"""

import argparse
import csv
import json
import random
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from labelled_sets import read_set
from rich.console import Console

from convexplain import Conversation, Workspace
from convexplain.agreement import format_estimate
from convexplain.agreement.labels import LabelledTurn
from convexplain.cli.show.distillation import show_distillation, show_distillation_plan
from convexplain.cli.show.progress import ConsoleProgress
from convexplain.workspace import JudgeSpec

MEASURES = ("spearman", "auc")


def whole_dialogues(turns: Sequence[LabelledTurn]) -> list[tuple[Conversation, dict[int, float]]]:
    """Return each dialogue once, up to its last rated turn, with people's mean of each rated turn."""
    by_dialogue: dict[str, list[LabelledTurn]] = defaultdict(list)
    for turn in turns:
        by_dialogue[str(turn.conversation.metadata["dialogue"])].append(turn)
    dialogues = []
    for name, rated in by_dialogue.items():
        longest = max((turn.conversation for turn in rated), key=lambda conversation: len(conversation.turns))
        means = {turn.turn: turn.human for turn in rated}
        dialogues.append((Conversation(name, longest.turns, longest.source), means))
    return dialogues


def write_labels(dialogues: Sequence[tuple[Conversation, dict[int, float]]], path: Path) -> None:
    """Write people's means as a labels file."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(("conversation", "turn", "score"))
        writer.writerows((talk.id, turn, mean) for talk, means in dialogues for turn, mean in means.items())


def start_student(workspace: Workspace, path: Path, rubric: str, out: Path) -> JudgeSpec:
    """Return the embedded model with a head that was trained on people's labels of another set alone."""
    start_set = read_set(path)
    dialogues = whole_dialogues(start_set.source.turns)
    write_labels(dialogues, out / "start.csv")
    talks = [talk for talk, _ in dialogues]
    trained = workspace.train_head(
        talks, out / "start.csv", rubric=rubric, model="embedded?head=none", licence=start_set.licence
    )
    head = trained.write(out / "start.json").heads
    return JudgeSpec("embedded", heads=head)


def show_people(workspace: Workspace, log: list[Conversation], labels: Path, rubric: str, judges: list[str]) -> None:
    """Print how far judges agree with people on turns that nothing was learnt from, and by how much they differ."""
    validation = workspace.validate(log, labels, rubrics=rubric, judge=judges, progress=ConsoleProgress(Console()))
    (agreement,) = validation.agreements
    print(f"With people, on {agreement.turns:,} rated turns of {agreement.dialogues:,} dialogues of the other half:")
    for judge in (*agreement.judges, *agreement.baselines):
        figures = "  ".join(f"{name} {format_estimate(judge.measures[name])}" for name in MEASURES)
        print(f"  {judge.name:60} {figures}")
    for pair in agreement.comparisons:
        figures = "  ".join(f"{name} {format_estimate(pair.differences[name], signed=True)}" for name in MEASURES)
        print(f"  {pair.first} less {pair.second}: {figures}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("set", type=Path)
    parser.add_argument("--teacher", required=True)
    parser.add_argument("--turns", type=int, default=600)
    parser.add_argument("--model", default="embedded")
    parser.add_argument("--start", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--people", type=int, help="At most so many dialogues of the other half.")
    parser.add_argument("--db", required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--dry-run", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    workspace, console = Workspace(options.db), Console()
    rated = read_set(options.set)
    dialogues = whole_dialogues(rated.source.turns)
    random.Random(options.seed).shuffle(dialogues)
    taught, unseen = dialogues[: len(dialogues) // 2], dialogues[len(dialogues) // 2 :][: options.people]
    write_labels(taught, options.out / "taught.csv")
    write_labels(unseen, options.out / "unseen.csv")
    student = start_student(workspace, options.start, rated.rubric, options.out) if options.start else options.model
    arguments = {
        "teacher": options.teacher,
        "rubrics": rated.rubric,
        "student": student if isinstance(student, str) else student.text,
        "turns": options.turns,
        "labels": options.out / "taught.csv",
        "seed": options.seed,
    }
    log = [talk for talk, _ in taught]
    show_distillation_plan(console, workspace.plan_distillation(log, **arguments))
    if options.dry_run:
        return
    distilled = workspace.distill(log, **arguments, progress=ConsoleProgress(console), licence=rated.licence)
    after = distilled.write(options.out / "after.json")
    show_distillation(console, distilled, after)
    (options.out / "distillation.json").write_text(json.dumps(distilled.to_dict(), indent=1), encoding="ascii")
    before = arguments["student"]
    brings_head = distilled.heads[0].with_teacher.before is not None
    judges = [before, after.text] if brings_head else [after.text]
    show_people(workspace, [talk for talk, _ in unseen], options.out / "unseen.csv", rated.rubric, judges)


if __name__ == "__main__":
    main()
