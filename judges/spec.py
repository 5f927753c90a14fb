"""Everything that decides what a judge says, as one value with a text form that round-trips."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Literal, Self, TypeAlias, TypedDict, get_args
from urllib.parse import quote, unquote, urlsplit

from convexplain.errors import UsageError

from .passwords import check_no_password

BAND = 0.15
ReasonChoice: TypeAlias = Literal["flagged", "all", "none"]
"""The turns that get a reason in words: those with a score below the threshold, all scored turns, or none."""

_EARLIER_REASONS = {"yes": "all", "no": "none"}  # as stored runs have it
_MOST = 10_000  # samples of a reply, requests at once
_SAFE = "/:~,@ ()"  # characters of values that need no quoting in the text form


@dataclass(frozen=True, slots=True)
class JudgeOption:
    """An option of a judge: one record for its text form, the command line, the dashboard and its check.

    A new option is a field of `JudgeSpec` with such a record, a line in `JudgeOptions`, and what `workspace/build.py`
    makes of it.

    Attributes:
        kind: `count` is a whole number from 1 to 10,000; `number` lies in [0, 1]; `seconds` are more than 0;
            `switch` is yes or no; `choice` is one of `choices`; `judge` is another judge; `text` and `texts` are free.
        key: the name in the text form; the field's name unless given.
        flag: the command line's option; empty where only the text form takes it, since it is about the model.
        help: the option in one sentence, for people.
        label: the option in a few words, for a form.
        choices: the valid values of a choice, the default first.
    """

    kind: Literal["count", "number", "seconds", "switch", "choice", "judge", "text", "texts"]
    key: str = ""
    flag: str = ""
    help: str = ""
    label: str = ""
    choices: tuple[str, ...] = ()


class JudgeOptions(TypedDict, total=False):
    """Fields of `JudgeSpec` that may stand beside a judge, and count instead of its own; None leaves a field alone."""

    samples: int | None
    reasons: ReasonChoice | None
    calibrated: bool | None
    reasoning: bool | None
    second_prompt: bool | None
    escalate: "JudgeSpec | str | Sequence[JudgeSpec | str] | None"
    band: float | None


def _option(
    kind: Any, key: str = "", flag: str = "", help: str = "", label: str = "", choices: tuple[str, ...] = ()
) -> Mapping[str, JudgeOption]:
    return {"option": JudgeOption(kind, key, flag, help, label, choices)}


@dataclass(frozen=True, slots=True, repr=False)
class JudgeSpec:
    """A judge, described.

    The text form is `MODEL?option=value&…`, for instance `openai:gpt-5?samples=5&reasons=all` or
    `http://localhost:8000/v1?model=NAME&in_flight=4&escalate=openai%3Agpt-5`. `JudgeSpec.parse(spec.text) == spec`.

    Attributes:
        model: the model's name, as `docs/models.md` lists them; a URL keeps its own `model=NAME`.
        in_flight: requests that are sent at once at most; None leaves it to the model.
        timeout: seconds until a request counts as failed; None leaves it to the model.
        key: environment variable that holds the endpoint's key; None leaves it to the model.
        heads: files of heads that score instead of label probabilities; `("none",)` switches the shipped ones off.
        samples: average that many sampled replies; None reads label probabilities where the model gives them.
        reasons: which turns get a reason in words: those with a score below the threshold (`flagged`), `all` or `none`;
            each reason is one more call, and no call where a head scores.
        calibrated: map scores to what people say, by the calibration that the store holds.
        reasoning: show the judge the reasoning that the log has of the turns, marked as no part of them; without it the
            judge sees only what the users saw. Heads never see it.
        second_prompt: ask by a second, differently laid out prompt too, and warn at the turn where the two disagree;
            the score stays that of the usual prompt. Not where a head scores.
        escalate: a second, stronger judge for scores near the threshold, which may have one of its own for its scores
            near the threshold, and so on; None asks no second judge.
        band: how near to the threshold a score must lie for the stronger judge to be asked, in [0, 1].

    Raises:
        UsageError: a value is not valid.
    """

    model: str = "embedded"
    in_flight: int | None = field(default=None, metadata=_option("count"))
    timeout: float | None = field(default=None, metadata=_option("seconds"))
    key: str | None = field(default=None, metadata=_option("text"))
    heads: tuple[str, ...] = field(default=(), metadata=_option("texts", "head"))
    samples: int | None = field(
        default=None,
        metadata=_option(
            "count",
            flag="--samples",
            help="Average N sampled replies of the judge instead of reading label probabilities.",
            label="Replies that are averaged, instead of label probabilities",
        ),
    )
    reasons: ReasonChoice = field(
        default="flagged",
        metadata=_option(
            "choice",
            flag="--reasons",
            help="The turns that get the judge's reason in words: those below the threshold (flagged), all, or none. "
            "Each takes one more call; where a head scores, as with embedded, none.",
            label="Reasons in words (one more call for each)",
            choices=get_args(ReasonChoice),
        ),
    )
    calibrated: bool = field(
        default=False,
        metadata=_option(
            "switch",
            flag="--calibrated",
            help="Map scores to what people say, as `convexplain judges calibrate` learnt it; raw scores are kept too.",
            label="Map scores to what people say, as `convexplain judges calibrate` learnt it",
        ),
    )
    reasoning: bool = field(
        default=False,
        metadata=_option(
            "switch",
            flag="--show-reasoning",
            help="Show the judge the reasoning that the log has of the turns, marked as no part of them. Not where a "
            "head scores, as with embedded.",
            label="Show the judge the reasoning that the log has of the turns",
        ),
    )
    second_prompt: bool = field(
        default=False,
        metadata=_option(
            "switch",
            flag="--second-prompt",
            help="Ask by a second, differently laid out prompt too (one more call a turn), and warn at turns where the "
            "two disagree: text in the chat may have talked the judge into its score. Not where a head scores, as with "
            "embedded.",
            label="Ask by a second prompt too, and warn at turns where the two disagree",
        ),
    )
    escalate: "JudgeSpec | None" = field(
        default=None,
        metadata=_option(
            "judge",
            flag="--escalate",
            help="A second, stronger judge for the turns whose score is near the threshold; may be repeated, stronger "
            "each time.",
            label="Second judge for scores near the threshold",
        ),
    )
    band: float = field(
        default=BAND,
        metadata=_option(
            "number",
            flag="--escalate-band",
            help=f"With --escalate: how near the threshold a score is.  [default: {BAND}]",
            label="How near the threshold a score is for the second judge",
        ),
    )

    def __post_init__(self) -> None:
        if not self.model.strip():
            raise UsageError("judge: the model's name is empty; name a model, for instance 'embedded'")
        check_no_password(self.model)
        for name, option in judge_options().items():
            _check(name, getattr(self, name), option)
        if self.escalate is not None and replace(self.escalate, escalate=None) != self.escalate.model_alone():
            raise UsageError(
                "escalate: only a model, its options and a stronger judge are possible here; samples, reasons, "
                "calibrated, reasoning, second_prompt and band are the first judge's, and hold for all"
            )

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the spec that a text form describes.

        Raises:
            UsageError: an option's value is not valid.
        """
        model, mark, query = text.partition("?")
        if not mark:
            return cls(text)
        names = {option.key or name: name for name, option in judge_options().items()}
        values: dict[str, list[str]] = {}
        foreign: list[str] = []
        for part in query.split("&"):
            key, equals, value = part.partition("=")
            if key not in names or not equals:
                foreign.append(part)
            elif value:  # an empty one says nothing
                values.setdefault(names[key], []).append(unquote(value))
        return cls(f"{model}?{'&'.join(foreign)}" if foreign else model, **_parsed_fields(values))

    @property
    def text(self) -> str:
        """The text form."""
        return _with_options(self.model, self._options(public=False))

    @property
    def public(self) -> str:
        """The text form to keep and to show: the same, without what may be a password in a URL that is not valid."""
        return _with_options(_without_password(self.model), self._options(public=True))

    @property
    def chain(self) -> "tuple[JudgeSpec, ...]":
        """The judge and the stronger ones that it escalates to, the strongest last."""
        return (self,) if self.escalate is None else (self, *self.escalate.chain)

    @property
    def address(self) -> str:
        """The model's name with its options, as `connectors.models.open_model` takes it."""
        options = [
            (option.key or name, text)
            for name, option in judge_options().items()
            if not option.flag
            for text in _texts(getattr(self, name), option, public=False)
        ]
        return _with_options(self.model, options)

    def __repr__(self) -> str:
        return f"JudgeSpec({self.public!r})"

    def model_alone(self) -> Self:
        """Return the same model with its options, and without those of how it judges."""
        judging = {name for name, option in judge_options().items() if option.flag}
        defaults: dict[str, Any] = {item.name: item.default for item in fields(self) if item.name in judging}
        return replace(self, **defaults)

    def changed(self, options: Mapping[str, Any]) -> Self:
        """Return the same judge with other options.

        Args:
            options: fields, a second judge by its text form too, or several judges, the strongest last; None leaves a
                field as it is.

        Raises:
            UsageError: a value is not valid, or there is a band without a second judge.
        """
        changes = {name: value for name, value in options.items() if value is not None}
        if (stronger := changes.pop("escalate", None)) is not None:
            single = isinstance(stronger, (str, JudgeSpec))
            changes["escalate"] = _chained([stronger] if single else stronger)
        changed = replace(self, **changes)
        if "band" in changes and changed.escalate is None:
            raise UsageError(
                f"band={changed.band} (--escalate-band) means nothing without a second judge: name one by escalate "
                "(--escalate MODEL), or leave the band out"
            )
        return changed

    def raw(self) -> Self:
        """Return the same judge without calibration, second prompt and second judge."""
        return replace(self, calibrated=False, second_prompt=False, escalate=None, band=BAND)

    def _options(self, *, public: bool) -> list[tuple[str, str]]:
        """The options that differ from their defaults, as keys and quoted values."""
        defaults = {item.name: item.default for item in fields(self)}
        return [
            (option.key or name, quote(text, safe="" if option.kind == "judge" else _SAFE))
            for name, option in judge_options().items()
            if getattr(self, name) != defaults[name]
            for text in _texts(getattr(self, name), option, public=public)
        ]


def judge_options() -> dict[str, JudgeOption]:
    """Return the options of a judge by the names of their fields."""
    return {item.name: item.metadata["option"] for item in fields(JudgeSpec) if item.metadata}


def _chained(judges: Sequence[JudgeSpec | str]) -> JudgeSpec | None:
    """The first of these judges, which escalates to the second one, and so on; None where there is none."""
    parsed = [JudgeSpec.parse(judge) if isinstance(judge, str) else judge for judge in judges]
    chained: JudgeSpec | None = None
    for level in reversed([level for judge in parsed for level in judge.chain]):
        chained = replace(level, escalate=chained)
    return chained


def _with_options(model: str, options: list[tuple[str, str]]) -> str:
    if not options:
        return model
    return f"{model}{'&' if '?' in model else '?'}{'&'.join(f'{name}={value}' for name, value in options)}"


def _without_password(model: str) -> str:
    if not model.lower().startswith(("http://", "https://")):
        return model
    try:
        parts = urlsplit(model)
    except ValueError:
        return model.rpartition("@")[2]
    if "@" in model and "@" not in parts.netloc:  # what stands before the mark may be a password
        return model.rpartition("@")[2]
    return model


def _texts(value: Any, option: JudgeOption, *, public: bool) -> Sequence[str]:
    """The texts that an option's value is written as: one for each of several."""
    if value is None:
        return ()
    if option.kind == "texts":
        return [*value]
    if option.kind == "switch":
        return ["yes" if value else "no"]
    if option.kind == "judge":
        return [value.public if public else value.text]
    if option.kind == "seconds":
        return [repr(value).removesuffix(".0")]
    return [str(value)]


def _parsed_fields(values: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The fields of a spec, from the texts of its text form."""
    options = judge_options()
    return {name: _parsed(name, texts, options[name]) for name, texts in values.items()}


def _parsed(name: str, texts: Sequence[str], option: JudgeOption) -> Any:
    if option.kind == "texts":
        return tuple(texts)
    if len(texts) > 1:
        raise UsageError(f"{option.key or name} is given twice; give it once")
    (text,) = texts
    if option.kind == "switch":
        if text not in ("yes", "no"):
            raise UsageError(f"{name}={text!r} is not valid; valid are: yes, no")
        return text == "yes"
    if option.kind == "judge":
        return JudgeSpec.parse(text)
    if option.kind == "choice":
        return _EARLIER_REASONS.get(text, text)
    if option.kind == "text":
        return text
    try:
        return int(text) if option.kind == "count" else float(text)
    except ValueError:
        kind = "a whole number" if option.kind == "count" else "a number"
        raise UsageError(f"{name}={text!r} is not valid; it must be {kind}") from None


def _check(name: str, value: Any, option: JudgeOption) -> None:
    """Raise UsageError where a value is out of its range."""
    if value is None:
        return
    if option.kind == "choice" and value not in option.choices:
        raise UsageError(f"{name}={value!r} is not valid; valid are: {', '.join(option.choices)}")
    if option.kind == "count" and (not isinstance(value, int) or value < 1):
        raise UsageError(f"{name}={value} is not valid; it must be a whole number, at least 1")
    if option.kind == "count" and value > _MOST:
        raise UsageError(f"{name}={value} is not valid; it must be at most {_MOST}")
    if option.kind == "seconds" and not value > 0:
        raise UsageError(f"{name}={value} is not valid; it must be above 0 seconds")
    if option.kind == "number" and not 0 <= value <= 1:
        raise UsageError(f"{name}={value} is not valid; it must be in [0, 1]")
