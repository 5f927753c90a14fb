"""The queue of turns to label, labels, and how far they have come."""

import pytest

from convexplain import Conversation, Turn, Workspace, load_rubric
from convexplain.dashboard.services.labelling import open_desk
from convexplain.errors import StoreError, UsageError
from convexplain.models.chat import Spend
from convexplain.store import RunStore, keep_ratings, ratings, turn_ratings
from convexplain.types import Evidence, Judgement, Rating
from convexplain.workspace.triage import LabelProgress, reviewer_name
from tests.trust_states import keep_trust

HARM = load_rubric("harm")


@pytest.fixture
def workspace(tmp_path):
    opened = Workspace(RunStore(str(tmp_path / "store.db")))
    yield opened
    opened.store.close()


def judged(store, scores, judge="m"):
    run = store.begin_run(judge, judge, {}, [HARM]).id
    for i, score in enumerate(scores):
        number = store.keep_conversation(chat(i), run)
        evidence = Judgement(f"talk {i}", 1, "harm", score, "no", "It insults.", Evidence(), "m", "s")
        store.keep_judgement(run, number, HARM, evidence)
    return run


def chat(i):
    return Conversation(f"talk {i}", (Turn("user", f"Question {i}?"), Turn("assistant", f"Fine. {i}")))


def rate(workspace, *labels):
    """Keep labels: number of the conversation, person, score."""
    keep_ratings(workspace.store, [(chat(i), Rating(f"talk {i}", 1, "harm", score, name)) for i, name, score in labels])


def names(queue):
    return [turn.judged.conversation.id for turn in queue.turns]


def test_the_queue_has_every_turn_once_and_says_why(workspace):
    run = judged(workspace.store, [0.9, 0.1, None, 0.5, 0.4])
    queue = workspace.triage(run, "harm", reviewer="Anna")
    assert sorted(names(queue)) == ["talk 0", "talk 1", "talk 3", "talk 4"]  # one has no score
    assert [turn.stratum for turn in queue.turns] == ["random", "lowest", "uncertain", "random"]
    assert (queue.remaining, queue.middle) == (4, 0.45)  # nobody knows the judge: the median, not the threshold
    assert queue.turns[0].judged.label == "no"
    assert len(workspace.triage(run, "harm", reviewer="Anna", limit=2).turns) == 2


def test_where_scores_may_flag_turns_near_the_threshold_are_uncertain(workspace):
    keep_trust(workspace.store, "m", {HARM: "benchmarked"})
    run = judged(workspace.store, [0.9, 0.8, 0.7])
    assert workspace.triage(run, "harm", reviewer="Anna").middle == HARM.threshold


def test_labelled_and_skipped_turns_do_not_come_again_and_second_raters_get_those_of_others(workspace):
    run = judged(workspace.store, [0.9, 0.1, 0.5, 0.4])
    rate(workspace, (0, "Anna", 1.0), (1, "Ben", 0.0), (2, "Anna", 1.0), (2, "Ben", 1.0))
    assert names(workspace.triage(run, "harm", reviewer="Anna")) == ["talk 3"]
    assert names(workspace.triage(run, "harm", reviewer="Anna", second=True)) == ["talk 1"]
    assert names(workspace.triage(run, "harm", reviewer="Ben", second=True)) == ["talk 0"]
    (turn,) = workspace.triage(run, "harm", reviewer="Anna").turns
    assert workspace.triage(run, "harm", reviewer="Anna", skip=[turn.place]).turns == ()


def test_a_label_is_kept_replaced_and_removed(workspace):
    run = judged(workspace.store, [0.9])
    turn = workspace.triage(run, "harm", reviewer="Anna").turns[0].judged
    workspace.label(turn, "no", reviewer=" Anna ", note="  rude ")
    assert turn_ratings(workspace.store, turn.number, 1, "harm") == (
        Rating("talk 0", 1, "harm", 0.0, "Anna", "no", "rude"),
    )
    workspace.label(turn, 0.75, reviewer="Anna")
    assert [rating for _, rating in ratings(workspace.store)] == [Rating("talk 0", 1, "harm", 0.75, "Anna")]
    workspace.label(turn, "yes", reviewer="Ben")
    workspace.remove_label(turn, reviewer="Anna")
    assert [rating.rater for _, rating in ratings(workspace.store)] == ["Ben"]


def test_a_label_stays_with_its_run_where_a_redaction_has_made_two_conversations_equal(workspace):
    raw = judged(workspace.store, [])
    other = judged(workspace.store, [], "other")
    for run, mail in ((raw, "a@b.example"), (other, "[e-mail 1]")):
        talk = Conversation("c1", (Turn("user", mail), Turn("assistant", "Fine.")))
        verdict = Judgement("c1", 1, "harm", 0.5, "no", None, Evidence(), "m", "s")
        workspace.store.keep_judgement(run, workspace.store.keep_conversation(talk, run), HARM, verdict)
        workspace.store.end_run(run, "done", Spend())
    workspace.redact_run(raw)
    (turn,) = workspace.triage(raw, "harm", reviewer="Anna").turns
    workspace.label(turn.judged, "no", reviewer="Anna")
    assert [len(turn_ratings(workspace.store, number, 1, "harm")) for number in (1, 2)] == [1, 0]
    assert workspace.triage(raw, "harm", reviewer="Anna").turns == ()
    desk = open_desk(
        workspace.store, workspace.store.run(raw), HARM, workspace.run(raw).marks["harm"], "Ben", second=True
    )
    desk.current()
    for name in ("no", "yes"):
        desk.position = 0
        desk.label(name)
    desk.undo()
    labels = [{rating.rater: rating.label for rating in turn_ratings(workspace.store, n, 1, "harm")} for n in (1, 2)]
    assert labels == [{"Anna": "no", "Ben": "no"}, {}]


def test_a_label_of_a_deleted_conversation_is_refused(workspace):
    run = judged(workspace.store, [0.9])
    workspace.store.end_run(run, "done", Spend())
    turn = workspace.triage(run, "harm", reviewer="Anna").turns[0].judged
    workspace.delete_run(run)
    with pytest.raises(StoreError, match="conversation 1 is no longer in the store"):
        workspace.label(turn, "no", reviewer="Anna")


@pytest.mark.parametrize("label", ["good", "", 1.5, -0.1, float("nan")])
def test_a_label_that_the_maxim_does_not_have_is_refused(workspace, label):
    run = judged(workspace.store, [0.9])
    turn = workspace.triage(run, "harm", reviewer="Anna").turns[0].judged
    with pytest.raises(UsageError, match="valid are: yes, no, or a number"):
        workspace.label(turn, label, reviewer="Anna")


@pytest.mark.parametrize("name", ["", " ", "\u202e", "x" * 61])
def test_a_name_that_is_none_is_refused(name):
    with pytest.raises(UsageError, match="write a name of 1 to 60 characters"):
        reviewer_name(name)


def test_a_queue_of_a_maxim_that_was_not_judged_is_refused(workspace):
    run = judged(workspace.store, [0.9])
    with pytest.raises(UsageError, match="was not judged by it"):
        workspace.triage(run, "helpfulness", reviewer="Anna")
    with pytest.raises(UsageError, match="limit=0 is not valid"):
        workspace.triage(run, "harm", reviewer="Anna", limit=0)


def test_progress_counts_turns_by_the_mean_of_their_labels(workspace):
    run = judged(workspace.store, [0.9, 0.1, 0.5, 0.4, 0.8, 0.3])
    rate(workspace, (0, "Anna", 1.0), (1, "Anna", 0.0), (2, "Anna", 1.0), (2, "Ben", 0.0), (3, "Ben", 0.25))
    progress = workspace.label_progress(run, "harm", reviewer="Anna")
    # Harm's threshold is 0.5: the mean of talk 2 is good. 10 - 2 good and 10 - 2 bad turns are missing.
    assert (progress.good, progress.bad, progress.conversations) == (2, 2, 4)
    assert progress.missing == 16
    assert progress.sentence == (
        "At least 16 more labels are needed to validate harm: 8 good turns, 8 bad turns, 1 more conversation."
    )
    assert progress.agreement.value == 1.0  # both good turns (0.9, 0.5) are above both bad ones (0.1, 0.4)
    assert (progress.raters.n, progress.raters.value) == (1, 0.0)  # one turn with two labels, that differ
    assert progress.to_dict()["missing"] == 16


def test_two_people_who_agree_have_a_kappa_of_one_and_an_interval(workspace):
    run = judged(workspace.store, [i / 12 for i in range(12)])
    rate(workspace, *((i, name, float(i % 2)) for i in range(12) for name in ("Anna", "Ben")))
    raters = workspace.label_progress(run, "harm", reviewer="Ben").raters
    assert (raters.value, raters.low, raters.high, raters.n) == (1.0, 1.0, 1.0, 12)
    assert workspace.label_progress(run, "harm", reviewer="Carla").raters.n == 0


def test_labels_of_the_queue_bring_a_random_sample_that_is_reported_apart(workspace):
    run = judged(workspace.store, [i / 30 for i in range(30)])
    for turn in workspace.triage(run, "harm", reviewer="Anna", limit=12).turns:
        workspace.label(turn.judged, "yes" if turn.judged.score > 0.4 else "no", reviewer="Anna")
    progress = workspace.label_progress(run, "harm", reviewer="Anna")
    assert progress.labelled == progress.agreement.n == 12
    assert 4 <= progress.sample.n < 12  # the four that came by chance, and what chance would have drawn by then


@pytest.mark.parametrize(
    ("good", "bad", "conversations", "missing", "sentence"),
    [
        (10, 9, 19, 1, "At least 1 more label is needed to validate harm: 1 bad turn."),
        (10, 10, 5, 0, "There are enough labels to validate harm. More of them make the result surer."),
        (30, 30, 4, 1, "At least 1 more label is needed to validate harm: 1 more conversation."),
    ],
)
def test_what_a_validation_needs(good, bad, conversations, missing, sentence):
    progress = LabelProgress("harm", good, bad, conversations, None, None, None)
    assert (progress.missing, progress.sentence) == (missing, sentence)


def test_a_validation_reports_the_labels_that_were_drawn_at_random_apart(workspace):
    run = judged(workspace.store, [i / 30 for i in range(30)])
    queue = workspace.triage(run, "harm", reviewer="Anna", limit=12)
    for turn in queue.turns:
        workspace.label(turn.judged, float(turn.judged.score > 0.4), reviewer="Anna")
    validation = workspace.validate(rubrics=[HARM], runs=[run])
    (sample,) = validation.samples
    progress = workspace.label_progress(run, "harm")
    assert (sample.rubric, sample.run, sample.labelled, sample.auc) == ("harm", run, 12, progress.sample)
    assert 4 <= sample.auc.n < 12  # every third turn of the queue is drawn at random
    start = f"harm, run {run}: {sample.auc.n} of 12 labelled turns are a random sample of all"
    assert sample.sentence.startswith(start)
    assert validation.to_dict()["random_samples"][0]["auc"]["n"] == sample.auc.n


def test_where_every_turn_is_labelled_nothing_is_reported_apart(workspace):
    run = judged(workspace.store, [i / 30 for i in range(30)])
    rate(workspace, *((i, "Anna", float(i > 11)) for i in range(30)))
    assert workspace.validate(rubrics=[HARM], runs=[run]).samples == ()
