"""Run stores with judgements and explanations that were written by hand."""

from dataclasses import replace
from datetime import UTC, datetime

from convexplain import Attribution, Contrast, Conversation, Edit, Turn, Unit, load_rubric
from convexplain.store import ScoredTurn, keep_attributions, keep_contrast
from convexplain.store.jobs import Job
from convexplain.types import Evidence, Interaction, Judgement, log_odds
from convexplain.workspace.jobs import JobState
from tests.trust_states import keep_trust

HARM, HELPFULNESS = load_rubric("harm"), load_rubric("helpfulness")

HOSTILE = (
    "<script>window.hit = 1; fetch('https://evil.example/a')</script>",
    "<img src=https://evil.example/b.png onerror='window.hit = 1'>",
    "<svg onload='window.hit = 1'><image href='https://evil.example/c.png'></svg>",
    "<iframe src=https://evil.example/d></iframe>",
    "<a href='javascript:window.hit = 1'>click</a>",
    "<style>@import url(https://evil.example/e.css); body { display: none }</style>",
    "<link rel=stylesheet href=https://evil.example/f.css>",
    "<video src=https://evil.example/g.mp4 autoplay></video>",
    "<form action=https://evil.example/h><button>go</button></form>",
    "<base href=https://evil.example/><meta http-equiv=refresh content='0;url=https://evil.example/i'>",
    "<object data=https://evil.example/j></object><embed src=https://evil.example/k>",
    "<div style='background:url(https://evil.example/l.png)'>x</div>",
    "<template><script>window.hit = 1</script></template>",
    "<math><mtext></mtext><mglyph><style><img src=x onerror='window.hit = 1'></style></mglyph></math>",
    "</div></span></section></body></html><h1>outside</h1>",
    '"><input autofocus onfocus="window.hit = 1">',
    "' onmouseover='window.hit = 1",
    "![picture](https://evil.example/m.png)",
    "[link](https://evil.example/n) <https://evil.example/o> https://evil.example/p",
    "[ref]: https://evil.example/q\n![x][ref]",
    "$$\\href{javascript:window.hit=1}{x}$$ and $\\includegraphics{https://evil.example/r}$",
    ":material/delete: :red[red] :red-background[x] :streamlit: :smile:",
    "# heading\n\n| a | b |\n|---|---|\n| 1 | 2 |",
    "```html\n<script>window.hit = 1</script>\n```",
    "{{ 7 * 7 }} ${7 * 7} <%= 7 * 7 %> {% raw %}",
    '=HYPERLINK("https://evil.example/s") +1 -1 @x |cmd',
    "\x1b[31mred\x1b[0m \x00 \x07 \x08\x08",
    "\u202egnp.exe \u2066isolated\u2069 \u200f \ufeff",
    "\ud800 lone, a\u0301 combined, \U0001f469\u200d\U0001f680 astronaut",
    "&lt;b&gt; &amp;amp; &#x3c;script&#x3e; &nbsp;",
    "x" * 60_000,
)


def judgement(talk, turn, rubric, score, reason="Because."):
    shares = {} if score is None else {rubric.labels[0].name: score, rubric.labels[1].name: 1 - score}
    evidence = Evidence("label_probability" if shares else None, shares, raw=None if shares else "Hm.")
    return Judgement(talk.id, turn, rubric.id, score, None if score is None else "no", reason, evidence, "m", "s")


def keep(store, run, talk, scores, rubric=HARM, reason="Because."):
    """Keeps a conversation with scores by turn; returns its number."""
    number = store.keep_conversation(talk, run)
    for turn, score in scores.items():
        store.keep_judgement(run, number, rubric, judgement(talk, turn, rubric, score, reason))
    return number


def talk(name, answers, source="a.jsonl", bot=None, day=None):
    """A conversation of questions and answers."""
    at = None if day is None else datetime(2026, 1, day, 12, tzinfo=UTC)
    turns = []
    for i in range(answers):
        turns += [Turn("user", f"Question {i} of {name}?", at=at), Turn("assistant", f"Answer {i} of {name}.", bot, at)]
    return Conversation(name, tuple(turns), source)


def attribution(turn, level, units, scores):
    score = turn.score
    return Attribution(
        turn.conversation.id, turn.turn, turn.rubric.id, "rescore", "clime", level, "log_odds", tuple(units),
        tuple(scores), -1, log_odds(score), log_odds(score) + 1, score, 0.01, (), None, "remove", 8, 0, 1.0, "m", None,
        ("a note",),
    )  # fmt: skip


def contrast(turn, place, after, found=True, score=0.8):
    """An earlier turn with other words."""
    old = turn.conversation.turns[place]
    turns = list(turn.conversation.turns[: turn.turn + 1])
    turns[place] = replace(old, content=after)
    edit = Edit(Unit(place, 0, len(old.content), "turn"), old.content, after)
    answer = turns[-1].content
    return Contrast(
        turn.conversation.id, turn.turn, turn.rubric.id, "rescore", "cross", "guided", found, 0.05, turn.score, score,
        None, (edit,), tuple(turns), answer, answer, 7, 7, 3, 0, ((1, 0.2),), 4, 0.5,
        "found" if found else "budget", 1.0, "m", None, "embedded", (), (place,),
    )  # fmt: skip


def explain(store, run, number, conversation, turn, score, after="I looked it up.", rubric=HARM):
    """An attribution of two turns and their words, and a contrast."""
    scored = ScoredTurn(number, conversation, turn, rubric, score)
    turns = [Unit(i, 0, len(conversation.turns[i].content), "turn") for i in range(turn)]
    halves = [Unit(0, 0, 4, "word"), Unit(0, 4, len(conversation.turns[0].content), "word")]
    values = [-0.8, 0.4] + [0.0] * (turn - 2)
    pair = Interaction((0, 1), -1.2, (0.0, 1.4, 0.2, 0.4))
    of_turns = replace(attribution(scored, "turn", turns, values), interactions=(pair,))
    found = [of_turns, attribution(scored, "word", halves, (-0.7, 0.05))]
    keep_attributions(store, run, scored, "s", found)
    keep_contrast(store, run, scored, "s", contrast(scored, turn - 2, after))


def full(store):
    """Two runs over three conversations; the turn `alpha`, 3 of the first is explained. Returns the runs' numbers.

    Their judges are benchmarked on harm and unvalidated on helpfulness.
    """
    talks = [talk("alpha", 2, bot="Robin", day=1), talk("beta", 3, "b.csv", day=2), talk("gamma", 1, bot="Alex", day=2)]
    scores = [{1: 0.9, 3: 0.2}, {1: 0.6, 3: 0.4, 5: None}, {1: 0.7}]
    runs = []
    for judge in ("judge-a", "judge-b"):
        keep_trust(store, judge, {HARM: "benchmarked"})
    for judge, up in (("judge-a", 0.0), ("judge-b", 0.2)):
        run = store.begin_run(judge, judge, {}, [HARM, HELPFULNESS]).id
        for one, given in zip(talks, scores, strict=True):
            moved = {turn: None if score is None else min(1.0, score + up) for turn, score in given.items()}
            number = keep(store, run, one, moved)
            keep(store, run, one, {1: 0.5}, HELPFULNESS)
            if one.id == "alpha" and not up:
                explain(store, run, number, one, 3, 0.2)
        store.end_run(run, "done", store.run(run).spend)
        runs.append(run)
    return runs


def hostile(store):
    """A run in which every text, name and id is hostile. Returns its number."""
    run = store.begin_run(HOSTILE[0], "f", {}, [HARM]).id
    keep_trust(store, "f", {HARM: "benchmarked"})
    for i, text in enumerate(HOSTILE):
        short = text[:3000]
        one = Conversation(f"{i} {short}", (Turn("user", text, short), Turn("assistant", text, short)) * 2, short)
        number = keep(store, run, one, {1: 0.3, 3: 0.1 + i / 100}, reason=text)
        explain(store, run, number, one, 3, 0.1 + i / 100, after=text + " edited")
    everything = Conversation("all", tuple(Turn("assistant", text, text[:50]) for text in HOSTILE))
    keep(store, run, everything, {i: 0.05 if i == 8 else 0.6 for i in range(len(HOSTILE))})
    unscored = Conversation("none", (Turn("user", "Hi"), Turn("assistant", "Hm")))
    keep(store, run, unscored, {1: None}, reason=HOSTILE[0])
    store.end_run(run, "done", store.run(run).spend)
    return run


def job_state(status, progress=None, result=None, error=None):
    """A job that was never started."""
    now = datetime.now(UTC)
    job = Job(1, "export", {}, status, progress or {}, result, error, "/nowhere", 1, now, now, now, "h", None)
    return JobState(job, status)
