"""WhatsApp's placeholders for pictures and files, in several languages, and its own messages.

Its exports are plain transcripts: `plain.py` reads their lines, and calls this module for the text of each message.
"""

import re

_MARK = "\u200e"
"""Stands before what iPhones write themselves, as if the speaker said it."""
_OMITTED_MEDIA = re.compile(
    r"<?(?P<what>[^<>\n]{0,60}?)\s?(?:omitted|ausgeschlossen|weggelassen|omitid[oa]s?|ocult[oa]s?|ocultad[oa]s?|omis(?:es?)?"
    r"|omess[oaie]|weggelaten|absente?|não revelad[oa])>?\.?",
    re.IGNORECASE,
)
_OMITTED_MEDIA_TEXTS = frozenset(
    (
        "تم استبعاد الوسائط",
        "Без медиафайлов",
        "Medya atlanmış",
        "Medya dahil edilmedi",
        "Media tidak disertakan",
        "メディアは含まれていません",
        "省略多媒體檔案",
        "忽略多媒體檔",
        "媒体省略",
        "省略多媒体文件",
        "미디어 파일을 생략한 대화내용",
    )
)
_ATTACHED_FILE = re.compile(
    r"<[^\W\d_]{4,12}(?: [^\W\d_]{4,8})?\s?: (?P<in>[^<>\n]{1,200})>"
    r"|(?P<before>[^<>\n()]{1,200}\.\w{2,5}) \((?:file attached|Datei angehängt|archivo adjunto|fichier joint"
    r"|arquivo anexado|ficheiro anexado|file allegato|bestand bijgevoegd"
    r"|الملف مرفق|файл добавлен|dosya ekli|文件附件|檔案附件)\)",
    re.IGNORECASE,
)
_KINDS = (
    ("image", r"image|bild|imagen|imagem|immagine|afbeelding|foto|photo|\.(?:jpe?g|png|heic|webp)$"),
    ("video", r"v[ií]d[eé]o|gif|\.(?:mp4|mov|3gp)$"),
    ("audio", r"audio|ptt|\.(?:opus|m4a|mp3|ogg)$"),
    ("sticker", r"sticker|aufkleber|figurinha"),
    ("file", r"do[ck]ument|\.\w{2,5}$"),
    ("contact", r"kontakt|contact"),
)


def display_text(text: str) -> str | None:
    """Return the first line of a message with a placeholder for media; None for a message of the program itself."""
    bare = text.strip().lstrip(_MARK).strip()
    marked = text.lstrip().startswith(_MARK)
    if (match := _ATTACHED_FILE.fullmatch(bare)) is not None:
        name = (match["in"] or match["before"]).strip(f" {_MARK}")
        return f"[{_kind(name)}: {name}]"
    if bare.startswith("<") and bare.strip("<>") in _OMITTED_MEDIA_TEXTS:
        return "[media]"
    if (marked or bare.startswith("<")) and (match := _OMITTED_MEDIA.fullmatch(bare)) is not None:
        return f"[{_kind(match['what'])}]"
    return None if marked else text


def _kind(text: str) -> str:
    return next((kind for kind, words in _KINDS if re.search(words, text, re.IGNORECASE)), "media")
