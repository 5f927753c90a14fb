"""Patterns of the facts that are written with digits, of dates and of addresses, and their one form."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal, TypeAlias

import regex

FactKind = Literal["number", "code", "date", "time", "name", "address", "negation"]


@dataclass(frozen=True, slots=True)
class Fact:
    """A fact of a text.

    Attributes:
        kind: what it is; `address` is an e-mail address or a URL.
        value: in one form however it is written: `1,200` is 1200, `4 pm` is 16:00.
        unit: of a number: `%`, `$`, `day`, …; of a time `12h` where nothing tells morning from afternoon.
        text: as it is written.
    """

    kind: FactKind
    value: str
    unit: str = ""
    text: str = field(default="", compare=False)

    def agrees(self, other: "Fact") -> bool:
        """Return True where both may be the same fact: a bare 700 agrees with $700, but not with 700%."""
        if self.kind != other.kind:
            return False
        if self.kind == "time" and "12h" in (self.unit, other.unit):
            return _half_day(self.value) == _half_day(other.value)
        if self.kind == "number" and "" in (self.unit, other.unit):
            return self.value == other.value and "%" not in (self.unit, other.unit)
        return (self.value, self.unit) == (other.value, other.unit)


Reader: TypeAlias = Callable[["regex.Match[str]"], list[Fact]]

_WIDE = str.maketrans({0xFF10 + i: str(i) for i in range(10)} | dict(zip("％．：＃＄＋，", "%.:#$+,", strict=True)))
_FOREIGN_DIGIT = regex.compile(r"(?V1)[\d--0-9]")
_LIST_MARK = regex.compile(
    r"(?im)^[ \t>*_#-]{0,20}+(?:\(?\d{1,3}[.)](?=\s)|(?:step|option|schritt|étape|paso)\s+\d{1,3}\b|第\d{1,3}步)"
)

_LEFT = r"(?<![\p{Latin}\d_]|[\p{Latin}\d][.,/-])"
_NUM = (
    r"\d{1,3}(?:[,'’\u00a0\u202f\u2009]\d{3})+(?:\.\d+)?|\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}"
    r"|\d+(?:[.,]\d+)?"
)
_END = r"(?!\d|[.,]\d)"
_SMALL_NUMBERS = ("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
_NUMBER_WORDS = {word: str(i) for i, word in enumerate(_SMALL_NUMBERS, 2)} | {
    "fifteen": "15", "twenty": "20", "thirty": "30", "forty": "40", "fifty": "50", "sixty": "60", "ninety": "90"
}  # fmt: skip
_HAN_NUMBERS = dict(zip("二两三四五六七八九", "223456789", strict=True)) | {"十": "10"}
_SCALES = {"thousand": 3, "million": 6, "mio": 6, "billion": 9, "mrd": 9, "万": 4, "萬": 4, "亿": 8, "億": 8}
_SCALE = rf"(?P<scale>{'|'.join(_SCALES)})"

_UNITS = {
    "%": r"%|٪|percent|per\s?cent|pct|prozent|pour\s?cent|por\s?ciento",
    "second": r"seconds?|secs?|sekunden?|秒",
    "minute": r"minutes?|mins?|minuten?|分钟|分鐘|分間",
    "hour": r"hours?|hrs?|h|stunden?|heures?|horas?|小时|小時|時間",
    "day": r"days?|tag(?:en?)?|jours?|d[ií]as?|天|日間",
    "week": r"weeks?|wks?|wochen?|semaines?|semanas?|周|星期|週間?",
    "month": r"months?|monat(?:en?)?|mois|meses|个月|個月|か月|ヶ月",
    "year": r"years?|yrs?|jahr(?:en?)?|ans|años?|岁|歳|年間",
    "km": r"km|kilomet(?:er|re)s?|公里",
    "mile": r"miles?|mi",
    "m": r"m|met(?:er|re)s?|米",
    "cm": r"cm|centimet(?:er|re)s?|厘米",
    "mm": r"mm|millimet(?:er|re)s?",
    "foot": r"feet|foot|ft",
    "inch": r"inch(?:es)?",
    "kg": r"kg|kilos?|kilograms?|公斤",
    "g": r"g|grams?|gramm|克",
    "mg": r"mg|milligrams?|毫克",
    "lb": r"lbs?",
    "ml": r"ml|毫升",
    "l": r"l|lit(?:er|re)s?",
    "gb": r"gb|gigabytes?",
    "mb": r"mb|megabytes?",
    "tb": r"tb|terabytes?",
    "°c": r"°\s?c|degrees?\s+celsius|℃",
    "°f": r"°\s?f|degrees?\s+fahrenheit",
    "$": r"\$|usd|dollars?|bucks",
    "€": r"€|eur|euros?",
    "£": r"£|gbp",
    "¥": r"¥|jpy|yen|円",
    "cny": r"cny|rmb|元|块",
    "₹": r"₹|inr|rupees?",
    "chf": r"chf|francs?",
}
_CURRENCIES = frozenset(("$", "€", "£", "¥", "cny", "₹", "chf"))
_UNIT_FORMS = [(unit, regex.compile(rf"(?i)(?:{form})")) for unit, form in _UNITS.items()]
_UNIT = rf"(?P<unit>(?:{'|'.join(_UNITS.values())})(?![\p{{Latin}}\d]))"
_PREFIX = r"(?P<prefix>US\$|[$€£¥₹]|(?<![\p{Latin}])(?:USD|EUR|GBP|CHF|JPY|CNY|RMB|INR))\s?"
_GAP = r"(?:[\s\u00a0-]?(?:(?:business|working|calendar|full|whole|more|consecutive|further|other)\s)?)"
_WORD_NUM = rf"(?<!\p{{L}})(?:{'|'.join(_NUMBER_WORDS)})(?!\p{{L}})|[{''.join(_HAN_NUMBERS)}](?=[天周个個小星年秒分])"

_MONTHS = (
    r"jan(?:uary|uar|vier)?|enero",
    r"feb(?:ruary|ruar)?|février|febrero",
    r"mar(?:ch|s|zo)?|märz",
    r"apr(?:il)?|avril|abril",
    r"may|mai|mayo",
    r"june?|juni|juin|junio",
    r"july?|juli|juillet|julio",
    r"aug(?:ust)?|août|agosto",
    r"sep(?:t|tember|tembre|tiembre)?",
    r"o[ck]t(?:ober|obre|ubre)?",
    r"nov(?:ember|embre|iembre)?",
    r"de[cz](?:ember)?|décembre|diciembre",
)
_MONTH_FORMS = [regex.compile(rf"(?i)(?:{form})") for form in _MONTHS]
_MONTH = rf"(?P<month>(?<!\p{{L}})(?:{'|'.join(_MONTHS)})(?!\p{{L}}))\.?"
_DAY = r"(?P<day>\d{1,2})(?:st|nd|rd|th)?(?![\d:])"
_YEAR = r"(?P<year>(?:19|20)\d\d)(?!\d)"
_WEEKDAYS = {
    "monday": "mondays?|montags?|lundi|lunes|星期一|周一",
    "tuesday": "tuesdays?|dienstags?|mardi|martes|星期二|周二",
    "wednesday": "wednesdays?|mittwochs?|mercredi|miércoles|星期三|周三",
    "thursday": "thursdays?|donnerstags?|jeudi|jueves|星期四|周四",
    "friday": "fridays?|freitags?|vendredi|viernes|星期五|周五",
    "saturday": "saturdays?|samstags?|samedi|sábado|星期六|周六",
    "sunday": "sundays?|sonntags?|dimanche|domingo|星期日|星期天|周日",
    "tomorrow": "tomorrow|明天|明日",
    "yesterday": "yesterday|昨天|昨日",
}
_WEEKDAY_FORMS = [(day, regex.compile(rf"(?i)(?:{form})")) for day, form in _WEEKDAYS.items()]


@dataclass(frozen=True, slots=True)
class PlacedFact:
    """A fact with its place in a text: that of a range or of a date with a year is shared by several facts."""

    fact: Fact
    start: int
    end: int


def counted_facts(text: str) -> list[Fact]:
    """Return the numbers, codes, dates, times and addresses of a text in its order, each as often as it occurs."""
    return [placed.fact for placed in placed_facts(text)]


def placed_facts(text: str) -> list[PlacedFact]:
    """Return the same facts as `counted_facts`, with their places."""
    text = _FOREIGN_DIGIT.sub(lambda digit: str(int(digit[0])), text.translate(_WIDE))
    text = _LIST_MARK.sub(lambda mark: " " * len(mark[0]), text)
    placed: list[PlacedFact] = []
    for pattern, read in _READERS:

        def taken(match: "regex.Match[str]", read: Reader = read) -> str:
            read_facts = read(match)
            placed.extend(PlacedFact(fact, *match.span()) for fact in read_facts)
            return "\x00" * len(match[0]) if read_facts else match[0]  # what was read is not read again

        text = pattern.sub(taken, text)
    return sorted(placed, key=lambda place: place.start)


def _number(digits: str, unit: str = "", scale: str = "") -> str:
    """Return a number in one form; where `1.200` may be 1200 or 1.2 it stays as it is."""
    digits = regex.sub(r"['’\u00a0\u202f\u2009]", "", digits)
    marks = [mark for mark in digits if mark in ".,"]
    if len(set(marks)) == 2:
        digits = digits.replace("," if digits.rfind(".") > digits.rfind(",") else ".", "").replace(",", ".")
    elif len(marks) > 1 or regex.fullmatch(r"[1-9]\d{0,2},\d{3}", digits):
        digits = regex.sub("[.,]", "", digits)
    else:
        digits = digits.replace(",", ".")
    if scale:
        digits = f"{Decimal(digits).scaleb(_SCALES[scale.lower()]):f}"
    integer, _, decimals = digits.partition(".")
    if unit in _CURRENCIES and len(decimals) < 3:
        decimals = decimals.rstrip("0")
    if not decimals.strip("0") and len(decimals) != 3:
        decimals = ""
    return (integer.lstrip("0") or "0") + (f".{decimals}" if decimals else "")


def _unit(text: str | None) -> str:
    if not text:
        return ""
    return next(unit for unit, form in _UNIT_FORMS if form.fullmatch(text.replace("US$", "$")))


def _read_number(match: "regex.Match[str]") -> list[Fact]:
    groups = match.groupdict()
    unit = _unit(groups.get("unit")) or _unit(groups.get("prefix"))
    sign = "-" if groups.get("sign") else ""
    digits = match["num"].lower()
    digits = _NUMBER_WORDS.get(digits) or _HAN_NUMBERS.get(digits) or digits
    return [Fact("number", sign + _number(digits, unit, groups.get("scale") or ""), unit, match[0].strip())]


def _read_range(match: "regex.Match[str]") -> list[Fact]:
    unit = _unit(match.groupdict().get("unit")) or _unit(match.groupdict().get("prefix"))
    return [Fact("number", _number(match[end], unit), unit, match[0].strip()) for end in ("low", "high")]


def _read_date(match: "regex.Match[str]") -> list[Fact]:
    groups = match.groupdict()
    month, day, year = (groups.get(part) for part in ("month", "day", "year"))
    if month and not month.isdigit():
        month = str(next(i for i, form in enumerate(_MONTH_FORMS, 1) if form.fullmatch(month)))
    if month and day and int(month) > 12 >= int(day):
        month, day = day, month
    if not 1 <= int(month or 1) <= 12 or not 1 <= int(day or 1) <= 31:
        return []
    if groups.get("either") and int(day or 0) <= 12 and month != day:
        value = f"{int(month or 0)}/{int(day or 0)}"  # nothing tells the day from the month
    else:
        value = f"{int(month or 0):02}" + (f"-{int(day):02}" if day else "")
    years = [Fact("number", year if len(year) == 4 else f"20{year}", "", match[0])] if year else []
    return [Fact("date", value, "", match[0]), *years]


def _read_weekday(match: "regex.Match[str]") -> list[Fact]:
    return [Fact("date", next(day for day, form in _WEEKDAY_FORMS if form.fullmatch(match[0])), "", match[0])]


def _read_time(match: "regex.Match[str]") -> list[Fact]:
    groups = match.groupdict()
    hour, minute = int(match["hour"]), int(groups.get("minute") or (30 if groups.get("half") else 0))
    if hour > 24 or minute > 59:
        return []
    half_day = (groups.get("half_day") or "").lower()
    if half_day in ("p", "下午", "晚上", "午後"):
        hour = hour % 12 + 12
    elif half_day:
        hour %= 12
    ambiguous = not half_day and not groups.get("clear") and 1 <= hour <= 12
    return [Fact("time", f"{hour % 24:02}:{minute:02}", "12h" if ambiguous else "", match[0])]


def _read_noon(match: "regex.Match[str]") -> list[Fact]:
    return [Fact("time", "12:00" if match[0].lower() == "noon" else "00:00", "", match[0])]


def _half_day(time: str) -> tuple[int, str]:
    hour, _, minute = time.partition(":")
    return int(hour) % 12, minute


def _read_address(match: "regex.Match[str]") -> list[Fact]:
    address = match[0].rstrip(".,;:!?'*_")
    return [Fact("address", regex.sub(r"^(?:https?://)?(?:www\.)?", "", address.casefold()).rstrip("/"), "", address)]


def _read_code(match: "regex.Match[str]") -> list[Fact]:
    return [Fact("code", regex.sub(r"[#_\s()+-]", "", match[0].casefold()), "", match[0].strip())]


_CLOCK = r"(?P<hour>\d{1,2})(?:[:.](?P<minute>\d\d))?"
_MERIDIEM = r"\s?(?P<half_day>[ap])\.?\s?m\b"
_READERS: list[tuple["regex.Pattern[str]", Reader]] = [
    (regex.compile(pattern), read)
    for pattern, read in (
        (r"(?i)\b(?:https?://|www\.)[^\s<>\"'）】」，。]+", _read_address),
        (r"[\w.+-]+@\w[\w-]*(?:\.\w[\w-]*)+", _read_address),
        (rf"{_LEFT}(?P<year>\d{{4}})[-/.](?P<month>\d{{1,2}})[-/.](?P<day>\d{{1,2}})(?!\d)", _read_date),
        (r"(?:(?P<year>\d{4})年)?(?P<month>\d{1,2})月(?P<day>\d{1,2})[日号號]", _read_date),
        (rf"{_LEFT}(?P<day>\d{{1,2}})\.(?P<month>\d{{1,2}})\.(?P<year>\d{{4}}|\d\d)?(?![\d.])", _read_date),
        (rf"{_LEFT}(?P<either>(?P<month>\d{{1,2}})/(?P<day>\d{{1,2}})/(?P<year>\d{{4}}|\d\d))(?![\d/])", _read_date),
        (rf"(?i){_MONTH}\s+(?:the\s+)?{_DAY}(?:,?\s+{_YEAR})?", _read_date),
        (
            rf"(?i){_LEFT}(?P<day>\d{{1,2}})(?:st|nd|rd|th|\.)?\s+(?:of\s+|de\s+)?{_MONTH}(?:,?\s+(?:de\s+)?{_YEAR})?",
            _read_date,
        ),
        (rf"(?i){_MONTH}\s+{_YEAR}", _read_date),
        (rf"(?<=\b(?:in|since|until|by|from|early|late|last|next|this|of|mid)\s)(?=\p{{Lu}})(?i:{_MONTH})", _read_date),
        (rf"(?i)(?<!\p{{Latin}})(?:{'|'.join(_WEEKDAYS.values())})(?!\p{{Latin}})", _read_weekday),
        (rf"(?i){_LEFT}{_CLOCK}(?=\s?(?:[-–]|to|and|until)\s?\d{{1,2}}(?:[:.]\d\d)?\s?[ap]\.?\s?m\b)", _read_time),
        (rf"(?i)(?<![\p{{Latin}}\d.,/]){_CLOCK}{_MERIDIEM}", _read_time),
        (rf"{_LEFT}(?P<hour>\d{{1,2}}):(?P<minute>\d\d)(?::\d\d)?(?![\d:])", _read_time),
        (rf"(?i){_LEFT}{_CLOCK}\s?(?P<clear>Uhr)\b", _read_time),
        (rf"(?i){_LEFT}(?P<hour>\d{{1,2}})\s?o['’]clock", _read_time),
        (
            r"(?P<half_day>上午|下午|晚上|早上|午後|午前)?(?P<hour>\d{1,2})[点點時](?!間)(?:(?P<minute>\d\d?)分|(?P<half>半))?",
            _read_time,
        ),
        (r"(?i)\b(?:noon|midnight)\b", _read_noon),
        (rf"(?i){_LEFT}(?P<low>{_NUM})\s?(?:[-–~至到]|to|or|bis)\s?(?P<high>{_NUM}){_END}{_GAP}{_UNIT}", _read_range),
        (rf"(?i){_PREFIX}(?P<low>{_NUM})\s?(?:[-–~]|to|or|bis)\s?(?:[$€£¥₹]\s?)?(?P<high>{_NUM}){_END}", _read_range),
        (rf"(?i){_PREFIX}(?P<num>{_NUM}){_END}(?:\s?{_SCALE}(?!\p{{Latin}}))?", _read_number),
        (
            rf"(?i)(?:(?<![^\s(])(?P<sign>[-−]))?{_LEFT}(?P<num>{_NUM}|{_WORD_NUM}){_END}(?:\s?{_SCALE}s?)?{_GAP}{_UNIT}",
            _read_number,
        ),
        (r"(?<![\w.])(?:\+\d|\(\d{3}\)|\d{3}[-\s.]\d{3}[-\s.]|\d-\d{3}-)[\d\s().-]{5,}\d(?!\w)", _read_code),
        (r"#\d[\p{Latin}\d-]*", _read_code),
        (
            r"(?<![\p{Latin}\d])(?!(?:\d{1,3}(?:\.\d{3})+|\d+(?:st|nd|rd|th))(?![\p{Latin}\d]))"
            r"(?=[\p{Latin}._-]{0,64}+\d)(?=[\d._-]{0,64}+\p{Latin}|\d+\.\d+\.\d|\d+[-_]\d+[-_]\d|\d{3,}[-_]\d{4,})"
            r"[\p{Latin}\d]+(?:[-_.][\p{Latin}\d]+)*",
            _read_code,
        ),
        (rf"(?i){_LEFT}(?P<num>\d+/\d+){_END}", lambda match: [Fact("number", match["num"], "", match[0])]),
        (rf"(?i){_LEFT}(?P<low>\d{{1,3}})[-–](?P<high>\d{{1,3}})(?![\d\p{{Latin}}])", _read_range),
        (
            rf"(?i)(?:(?<![^\s(])(?P<sign>[-−]))?{_LEFT}(?P<num>{_NUM}){_END}(?:\s?{_SCALE}(?!\p{{Latin}}))?"
            r"(?:(?:st|nd|rd|th)\b)?",
            _read_number,
        ),
    )
]
"""Patterns in the order in which they are tried; what one has read is hidden from the next."""
