"""Names of people that a word introduces: "my name is", a title, or the end of a letter; no list is needed."""

from collections.abc import Iterator

import regex

from .spans import PersonalSpan

_WORD = r"\p{Lu}[\p{L}'’-]{1,30}"
_NAME = rf"{_WORD}(?:[ \u00a0](?:(?:van|von|de|da|del|di|der|den|dos|du|la|le|bin|al)[ \u00a0]){{0,2}}{_WORD}){{0,3}}"
_SAYS = (
    r"(?:my (?:full |first |last )?name(?: is|['’]s|:)|name['’]s|"
    r"this is(?= \p{Lu}[\p{L}'’ -]{1,40} (?:speaking|calling|from|here))|"
    r"(?:ich|wir) hei(?:ß|ss)en?|mein name (?:ist|lautet)|je m['’]appelle|mon nom est|me llamo|mi nombre es|mi chiamo|"
    r"il mio nome è|(?:o )?meu nome é|me chamo|chamo-me|mijn naam is|ik heet|jag heter|"
    r"mitt namn är|jeg hedder|mit navn er|"
    r"jeg heter|navnet mitt er|nimeni on|nazywam się|mam na imię|jmenuji se|меня зовут|моё имя|мене звати|με λένε|"
    r"adım|ismim|nombre del titular:|account holder:|kontoinhaber:|titulaire\s?:)"
)
_TITLE = (
    r"(?:Mr|Mrs|Ms|Mx|Miss|Dr|Prof|Herrn?|Frau|Fr|Hr|Monsieur|Madame|Mlle|Mme|Sr|Sra|Srta|Señora?|Don|Doña|Sig|Sig\.ra|"
    r"Signora?|Dott|Senhora?|Dhr|Mevr|Pan|Pani|Mister)\.?"
)
_FAREWELL = (
    r"(?:(?:best|kind|warm) regards|regards|sincerely|yours truly|cheers|"
    r"mit freundlichen grü(?:ß|ss)en|viele grü(?:ß|ss)e|"
    r"liebe grü(?:ß|ss)e|mfg|lg|cordialement|bien à vous|saludos(?: cordiales)?|atentamente|"
    r"cordiali saluti|distinti saluti|"
    r"atenciosamente|abraços|met vriendelijke groet(?:en)?|med vänliga? hälsning(?:ar)?|venlig hilsen|"
    r"pozdrawiam|с уважением)"
)
_INTRODUCED = (
    regex.compile(rf"(?<![^\W_])(?i:{_SAYS})\s{{1,3}}({_NAME})"),
    regex.compile(rf"(?<![^\W_]){_TITLE}[ \u00a0](?:(?:Dr|Prof)\.?[ \u00a0]){{0,2}}({_NAME})(?![^\W_])"),
    regex.compile(rf"(?:^|[.!?]\s|\n)(?i:{_FAREWELL})[,.!]?\s{{0,3}}\n\s{{0,3}}({_NAME})[ \t]*(?:$|\n)"),
    regex.compile(r"(?:我叫|我的名字是|姓名[：:])\s?(?![了过他她你您])([\p{Han}]{2,4})(?![\p{Han}])"),
    regex.compile(r"(?:私の名前は|氏名[：:])\s?([\p{Han}\p{Katakana}\p{Hiragana}]{2,8}?)(?=です|と申|$|[。、\s])"),
)
# Words that stand there in the place of a name, and beginnings as in "The Support Team", "Ihr Kundendienst".
_NO_NAME = regex.compile(
    r"(?:Is|Not|On|A|An|In|Der|Die|Das|Le|La|Les|El|Los|Il|Lo)\Z|(?:The|Your|Our|Ihre?|Eure?|Unsere?|Votre|Notre)\b"
)


def introduced_names(text: str) -> Iterator[PersonalSpan]:
    """Yield names that a word introduces, in 18 languages."""
    for pattern in _INTRODUCED:
        for match in pattern.finditer(text):
            if not _NO_NAME.match(match[1]):
                yield PersonalSpan(*match.span(1), "name")
