"""Redaction of stored conversations: nothing of the personal data is left, and everything else is as it was."""

from dataclasses import replace

import pytest
import sqlalchemy as sa

from convexplain import Conversation, Edit, Turn, Unit
from convexplain.analysis.themes.theme import Theme
from convexplain.connectors.redaction import Redactor
from convexplain.errors import Problem, StoreError
from convexplain.models.chat import Reply, Spend
from convexplain.store import (
    Review,
    RunStore,
    ScoredTurn,
    attributions,
    contrasts,
    keep_attributions,
    keep_contrast,
    keep_ratings,
    keep_review,
    redact_conversations,
    reviews,
    schema,
)
from convexplain.store.jobs import add_job, end_job, find_job, keep_progress
from convexplain.store.run_list import name_run
from convexplain.store.schema import JsonText, SafeText
from convexplain.store.themes import ThemeSearch, keep_themes, stored_themes
from convexplain.types import Evidence, Judgement, Rating
from convexplain.workspace import stored_redaction
from convexplain.workspace.stored_redaction import redact_store

from .test_attributions import SENTENCES
from .test_contrasts import contrast

PHONE, MAIL = "612345678", "ann@mail.example"
TALK = Conversation(
    MAIL,
    (
        Turn("user", f"My phone is {PHONE}, mail {MAIL}.", metadata={MAIL: [PHONE]}),
        Turn("assistant", f"Shall I call {PHONE}? Or write to {MAIL}?", name="Bot"),
    ),
    "log.jsonl",
)
# In the second turn, the phone is at 13 to 22 and becomes "[phone 1]" (9 characters too), the address at 36 to 52.
PLAIN = Conversation("plain", (Turn("user", "Hi"), Turn("assistant", "Hello.")), "log.jsonl")


@pytest.fixture
def run(store, helpfulness):
    return fill(store, helpfulness)


def fill(store, helpfulness):
    run = store.begin_run("m", "f", {}, [helpfulness]).id
    for talk in (TALK, PLAIN):
        number = store.keep_conversation(talk, run)
        evidence = Evidence("samples", notes=(f"says {MAIL}",), raw=f"{PHONE}: no")
        judgement = Judgement(talk.id, 1, "helpfulness", 0.2, "no", f'It repeats "{PHONE}".', evidence, "m", "s")
        store.keep_judgement(
            run,
            number,
            helpfulness,
            judgement
            if talk is TALK
            else replace(judgement, reason="Fine.", evidence=Evidence(notes=(f"says {MAIL}",))),
        )
    turn = ScoredTurn(1, TALK, 1, helpfulness, 0.2)
    edit = Edit(Unit(1, 13, 17, "word"), "6123", "nobody")  # a part of the number
    edited = Turn("assistant", f"Shall I call nobody? Or write to {MAIL}?")
    keep_contrast(
        store, run, turn, "a", contrast(conversation_id=MAIL, turn=1, edits=(edit,), turns=(TALK.turns[0], edited))
    )
    units = (Unit(1, 0, 23, "sentence"), Unit(1, 24, 53, "sentence"))
    keep_attributions(
        store, run, turn, "a", [replace(SENTENCES, conversation_id=MAIL, turn=1, units=units, scores=(0.1, 0.2))]
    )
    keep_ratings(store, [(TALK, Rating(MAIL, 1, "helpfulness", 0.0, "r", note=f"Never call {PHONE}"))])
    keep_review(store, Review(1, "r", "fix", f"Call {PHONE} now"))
    for key, text in (("k1", f'The user wrote "{PHONE}".'), ("k2", "yes"), ("k3", "mail other@x.example")):
        store.put(key, "m", Reply(text))
    store.end_run(run, "done", Spend())
    return run


def everything(store):
    """All values of all tables, as one text."""
    with store.engine.connect() as connection:
        return "\n".join(
            repr(row) for table in schema.metadata.sorted_tables for row in connection.execute(sa.select(table))
        )


def test_nothing_of_the_personal_data_is_left_in_the_store(store, run):
    assert PHONE in everything(store)
    redaction = redact_store(store, run, None, False)
    assert not any(data in everything(store) for data in (PHONE, MAIL, "'6123'", "other@x.example"))
    assert redaction.counts.to_dict() == {
        "conversations": 2,
        "changed": 2,  # the evidence of the other one names the address
        "judgements": 2,
        "explanations": 2,
        "notes": 2,
        "themes": 0,
        "problems": 0,
        "jobs": 0,
        "names": 0,
        "replies": 2,
        "runs": [run],
    }
    assert store.get("k2") == Reply("yes")
    assert redact_store(store, run, None, False).counts.changed == 0


# Columns of text that a redaction leaves: names of convexplain's own, of models and of staff; paths; digests; times;
# rubrics, and what is measured of judges. docs/privacy.md names those in which people may have written something.
KEPT = {
    "runs": "status owner signature judge judge_spec fingerprint settings spend purpose alarms",
    "conversations": "digest source",
    "facets": "source",
    "rubrics": "sha rubric title body",
    "judgements": "rubric label model prompt_sha",
    "problems": "source",
    "model_calls": "key model",
    "leases": "key owner",
    "contrasts": "rubric settings question goal",
    "attributions": "rubric settings question method",
    "noise_floors": "model rubric",
    "ratings": "rubric rater label",
    "calibrations": "model rubric body",
    "judge_agreements": "judge wording source body",
    "jobs": "kind status folder host",
    "pair_reviews": "reviewer decision",
    "theme_sets": "body",
    "audit_events": "person action details",
}


def job(store, kind, settings, run, **values):
    number = add_job(store, kind, settings, "/folder", run, "host")
    keep_progress(store, number, {"doing": MAIL, "notes": [f"! {PHONE} cannot be read"]})
    end_job(store, number, "failed", **values)
    return number


def test_a_text_planted_in_every_column_that_may_hold_one_is_in_no_byte_of_the_file(tmp_path, helpfulness):
    store = RunStore(str(tmp_path / "s.db"))
    run = fill(store, helpfulness)
    with store.engine.begin() as connection:
        connection.execute(
            sa.update(schema.runs).values(name=f"calls of {PHONE}", sample={"strata": [[f"Bot {MAIL}"]]})
        )
        connection.execute(sa.update(schema.facets).values(bot=f"Bot {MAIL}").where(schema.facets.c.conversation == 1))
        connection.execute(sa.update(schema.problems).values(reason=PHONE))
    keep_themes(store, run, ThemeSearch(1, 1, "all"), [Theme(f"Asks for {PHONE}", (PHONE,), (), 1.0, (0.5, 1.0))])
    store.keep_problem(run, Problem("log.jsonl", None, f"conversation {MAIL!r} has no turn", kept=True))
    explained = {"run": run, "conversation": MAIL, "turn": 1, "rubric": "harm"}
    jobs = [
        job(store, "explain", explained, run, error=f"{MAIL} is gone"),
        job(store, "judge", {"rubric": "x", "messages": [["user", PHONE]]}, None, result={"reason": f"Says {PHONE}"}),
    ]
    planted = {}
    with store.engine.connect() as connection:
        for table in schema.metadata.sorted_tables:
            kept = KEPT.get(table.name, "").split()
            assert set(kept) <= set(table.c.keys())
            texts = [c for c in table.c if isinstance(c.type, SafeText | JsonText | sa.String) and c.name not in kept]
            rows = connection.execute(sa.select(*texts)).mappings().all() if texts else []
            planted |= {
                (table.name, c.name): any(d in repr(row[c.name]) for row in rows for d in (PHONE, MAIL)) for c in texts
            }
    assert [place for place, holds in planted.items() if not holds] == []
    counts = redact_store(store, run, None, False).counts
    assert (counts.jobs, counts.names, counts.themes, counts.problems) == (2, 1, 1, 1)
    assert store.run(run).name == "calls of [phone 1]"
    first, trial = (find_job(store, number) for number in jobs)
    assert first.settings == {**explained, "conversation": "[e-mail 1]"}
    assert first.progress == {"doing": "[e-mail 1]", "notes": ["! [phone 1] cannot be read"]}
    assert trial.settings == {"rubric": "x", "messages": [["user", "[phone 1]"]]}
    store.close()
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert [data for data in (PHONE, MAIL, "other@x.example") if data.encode() in files] == []


def test_runs_whose_names_differ_only_in_personal_data_keep_two_names(store, helpfulness):
    for i, mail in enumerate(("a@b.example", "c@d.example")):
        run = store.begin_run("m", f"f{i}", {}, [helpfulness]).id
        store.end_run(run, "done", Spend())
        name_run(store, run, f"chats of {mail}")
    redact_store(store, None, None, False)
    assert sorted(run.name for run in store.runs()) == ["chats of [e-mail 1]", "chats of [e-mail 2]"]


def test_texts_about_a_conversation_have_its_placeholders_and_scores_stay(store, run, helpfulness):
    redact_store(store, run, None, False)
    (talk, judgement), (other, _) = store.judgements(run)
    assert talk.id == judgement.conversation_id == "[e-mail 1]"
    assert talk.turns[0] == Turn(
        "user", "My phone is [phone 1], mail [e-mail 1].", metadata={"[e-mail 1]": ["[phone 1]"]}
    )
    assert talk.turns[1].content == "Shall I call [phone 1]? Or write to [e-mail 1]?"
    assert (judgement.score, judgement.reason) == (0.2, 'It repeats "[phone 1]".')
    assert (judgement.evidence.kind, judgement.evidence.raw) == ("samples", "[phone 1]: no")
    assert other == PLAIN
    ((_, _, (attribution,)),) = attributions(store, run)
    texts = [talk.turns[1].content[unit.start : unit.end] for unit in attribution.units]
    assert texts == ["Shall I call [phone 1]?", "Or write to [e-mail 1]?"]
    assert attribution.scores == (0.1, 0.2)
    ((_, edited),) = contrasts(store, run)
    assert edited.conversation_id == "[e-mail 1]"
    assert edited.edits == (Edit(Unit(1, 13, 22, "word"), "[phone 1]", "nobody"),)  # the data as a whole
    assert edited.turns[1].content == "Shall I call nobody? Or write to [e-mail 1]?"
    assert (edited.question, edited.search, edited.score_before) == ("rescore", "guided", 0.2)
    assert reviews(store, run)[1].text == "Call [phone 1] now"


def test_conversations_that_differ_only_in_personal_data_stay_two(store, helpfulness):
    run = store.begin_run("m", "f", {}, [helpfulness]).id
    for mail in ("a@b.example", "c@d.example"):
        store.keep_conversation(Conversation("x", (Turn("user", mail),), "log"), run)
    counts = redact_conversations(store, run, Redactor().redaction)
    assert (counts.conversations, counts.changed) == (2, 2)
    assert [talk.turns[0].content for talk in store.conversations(run)] == ["[e-mail 1]", "[e-mail 1]"]


def test_while_a_process_works_on_a_run_nothing_is_redacted(store, run, helpfulness):
    store.begin_run("m", "other", {}, [helpfulness])
    with pytest.raises(StoreError, match="run 2 is being worked on by"):
        redact_store(store, run, None, False)
    assert PHONE in everything(store)


def test_a_stopped_run_is_not_continued_with_what_was_replaced(store, helpfulness):
    run = store.begin_run("m", "f", {}, [helpfulness]).id
    store.keep_conversation(TALK, run)
    store.end_run(run, "stopped", Spend())
    redact_store(store, run, None, False)
    assert store.begin_run("m", "f", {}, [helpfulness]).id == run + 1


def test_the_file_holds_nothing_of_it_either(tmp_path, helpfulness):
    store = RunStore(str(tmp_path / "s.db"))
    run = store.begin_run("m", "f", {}, [helpfulness]).id
    store.keep_conversation(TALK, run)
    store.end_run(run, "done", Spend())
    redact_store(store, None, None, False)
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"[phone 1]" in files
    assert PHONE.encode() not in files
    store.close()


def test_themes_and_remarks_know_what_a_conversation_has_shown_once(store, run, helpfulness):
    other = store.begin_run("m", "g", {}, [helpfulness]).id  # a run without any conversation
    store.end_run(other, "done", Spend())
    search = ThemeSearch(1, 1, "all")
    for number in (run, other):
        keep_themes(store, number, search, [Theme(f"Asks for {PHONE}", (PHONE,), (), 1.0, (0.5, 1.0))])
        store.keep_problem(number, Problem("log.jsonl", None, f"conversation {MAIL!r} has no turn", kept=True))
    counts = redact_store(store, run, None, False).counts
    assert (counts.themes, counts.problems) == (1, 1)  # the other run shares no conversation
    ((theme,), (problem,)) = stored_themes(store, run), store.problems(run)
    assert (theme.theme.name, theme.theme.phrases) == ("Asks for [phone 1]", ("[phone 1]",))
    assert (problem.reason, problem.path, problem.kept) == ("conversation '[e-mail 1]' has no turn", "log.jsonl", True)
    counts = redact_store(store, None, None, False).counts
    assert (counts.changed, counts.themes, counts.problems) == (0, 0, 1)
    assert store.problems(other)[0].reason == "conversation '[e-mail 1]' has no turn"


def test_themes_of_a_run_that_shares_a_conversation_are_redacted_too(store, run, helpfulness):
    other = store.begin_run("m", "g", {}, [helpfulness]).id
    store.keep_conversation(PLAIN, other)
    store.end_run(other, "done", Spend())
    keep_themes(store, other, ThemeSearch(1, 1, "all"), [Theme(f"Asks for {PHONE}", (), (), 1.0, (0.5, 1.0))])
    redact_store(store, run, None, False)
    assert PHONE not in everything(store)


@pytest.mark.parametrize("step", ["redact_conversations", "erase_freed_space"])
def test_a_call_after_one_that_died_goes_on_with_it(tmp_path, helpfulness, monkeypatch, step):
    store = RunStore(str(tmp_path / "s.db"))
    run = store.begin_run("m", "f", {}, [helpfulness]).id
    store.keep_conversation(TALK, run)
    keep_themes(store, run, ThemeSearch(1, 1, "all"), [Theme(f"Asks for {PHONE}", (), (), 1.0, (0.5, 1.0))])
    store.end_run(run, "done", Spend())
    real = getattr(stored_redaction, step)

    def die(*arguments):
        if step == "redact_conversations":
            real(*arguments)
        raise StoreError("the power failed")

    with monkeypatch.context() as patched:
        patched.setattr(stored_redaction, step, die)
        with pytest.raises(StoreError, match="the power failed"):
            redact_store(store, None, None, False)
    redact_store(store, None, None, False)
    assert PHONE not in everything(store)
    assert PHONE.encode() not in b"".join(file.read_bytes() for file in tmp_path.iterdir())
    store.close()
