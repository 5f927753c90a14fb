"""Postal addresses: a street with a number, in the forms of several languages, with the place after it; post boxes."""

from collections.abc import Iterator

import regex

from .spans import PersonalSpan

_NUMBER = r"\d{1,5}(?:[-/]\d{1,4})?\s?[a-zA-Z]?(?![^\W_])"
_NAME = r"\p{Lu}[\p{L}'’.-]{0,30}"
_UK_CODE = r"(?:[A-Z]{1,2}\d[A-Z\d]?\s?\d[A-Z]{2})"
_CANADIAN_CODE = r"(?:[ABCEGHJ-NPRSTVXY]\d[A-Z]\s?\d[A-Z]\d)"
_CODE = rf"(?:{_UK_CODE}|{_CANADIAN_CODE}|\d{{4}}\s?[A-Z]{{2}}(?![^\W_])|\d{{3}}\s\d{{2}}|\d{{4,5}}(?:-\d{{3,4}})?)"
_CITY = rf"{_NAME}(?:[ -]{_NAME}){{0,2}}"
_PLACE = rf"(?:,?\s{_CODE},?\s{_CITY}|,\s{_CITY}(?:,?\s[A-Z]{{2,3}})?(?:,?\s(?:{_CODE}|\d{{1,2}}))?)(?![^\W_])"
_UNIT = r"(?:,?\s(?:Apt|Apartment|Suite|Ste|Unit|Flat|Floor|Fl|#)\.?\s?\w{1,6})"
_ENGLISH_WAY = (
    r"(?:Street|St|Road|Rd|Avenue|Ave|Lane|Ln|Drive|Dr|Boulevard|Blvd|Court|Ct|Place|Pl|Square|Sq|Terrace|Way|Close|Crescent|"
    r"Parkway|Pkwy|Highway|Hwy|Gardens|Mews|Quay)(?![^\W_])\.?(?:\s(?:NW|NE|SW|SE|N|S|E|W)(?![^\W_]))?"
)
_ENGLISH = rf"\d{{1,5}}[A-Za-z]?\s(?:(?:{_NAME}|\d{{1,3}}(?:st|nd|rd|th))\s){{1,4}}{_ENGLISH_WAY}{_UNIT}?"
# Further ways of the United States, which are ordinary words too: they count with a unit or a place after them.
_FURTHER_WAY = (
    r"(?:All(?:e)?y|Bend|Bluffs?|Bridge|Brook|Bypass|Canyon|Circles?|Cir|Corners?|Courts|Cove|Creek|Crossing|Crossroad|Dale|"
    r"Drives|Estates?|Expressway|Extension|Falls|Ferry|Fields?|Flats?|Fords?|Forest|Forges?|Forks?|Fort|Freeway|Garden|"
    r"Gateway|Glens?|Greens?|Groves?|Harbors?|Haven|Heights|Hills?|Hollow|Inlet|Islands?|Isle|Junctions?|Keys?|Knolls?|"
    r"Lakes?|Landing|Lights?|Loaf|Locks?|Lodge|Loop|Mall|Manors?|Meadows?|Mills?|Mission|Motorway|Mountains?|Mount|Neck|"
    r"Orchard|Oval|Overpass|Parks?|Parkways|Pass|Passage|Path|Pike|Pines?|Plains?|Plaza|Points?|Ports?|Prairie|Radial|"
    r"Ramp|Ranch|Rapids?|Rest|Ridges?|River|Roads|Route|Row|Rue|Run|Shoals?|Shores?|Skyway|Springs?|Spurs?|Squares|"
    r"Station|Stravenue|Stream|Streets|Summit|Throughway|Trace|Track|Trail|Trailer|Tunnel|Turnpike|Underpass|Unions?|"
    r"Valleys?|Via|Viaduct|Views?|Villages?|Ville|Vista|Walks?|Wall|Ways|Wells?)"
)
_US_PLACE = rf"(?:,?\s{{1,2}}{_CITY},\s[A-Z]{{2}}\s\d{{5}}(?:-\d{{4}})?)(?![^\W_])"
_FURTHER = rf"\d{{1,5}}\s(?:{_NAME}\s){{1,3}}{_FURTHER_WAY}(?:{_UNIT}(?:{_US_PLACE})?|{_US_PLACE})"
_GERMANIC = (
    r"(?:\p{L}[\p{L}-]{1,30}(?:straße|strasse|str\.|gasse|weg|platz|allee|ring|damm|ufer|markt|gatan|vägen|gata|gade|vej|"
    r"veien|vei|vegen|gate|gata|stien|svingen|bakken|katu|tie|kuja|polku|kaari|ranta|raitti|stræde|torv|allé|gränd|stigen|"
    r"torget|allén|backen|straat|laan|gracht|plein|kade|dreef|steeg|singel|hof|pad|baan|promenade|chaussee|pfad|steig|winkel)|"
    rf"(?:{_NAME}\s){{1,3}}(?:Straße|Strasse|Str\.|Gasse|Weg|Platz|Allee|Ring|Damm|Ufer|Markt))\s{_NUMBER}"
)
_FRENCH = (
    r"\d{1,4}(?:\s?(?:bis|ter))?,?\s(?:rue|avenue|av\.|boulevard|bd|place|chemin|allée|impasse|quai|route|cours|passage|"
    r"square|sentier|ruelle|montée|esplanade|faubourg|villa)\s"
    rf"(?:(?:de|du|des|la|le|les)\s|[ld]['’]){{0,3}}{_NAME}(?:[ -]{_NAME}){{0,3}}"
)
_ROMANCE = (
    r"(?:Calle|C/|Avenida|Avda\.?|Plaza|Paseo|Carrer|Camino|Ronda|Rambla|"
    r"Pasaje|Callejón|Glorieta|Cuesta|Via|Viale|Piazza|Piazzale|Corso|Vicolo|Strada|Contrada|Borgo|Lungomare|Largo|Av\.|R\.|Rua|Travessa|Praça|Estrada|Alameda|"
    rf"ul\.|ulica|al\.|aleja|plac|os\.)\s(?:(?:de|del|della|dei|da|das|do|dos|la|las|los|el)\s){{0,3}}{_NAME}(?:\s(?:de\s|da\s)?{_NAME}){{0,3}}"
    rf",?\s(?:n\.?[º°]?\s?)?{_NUMBER}"
)
_BOX = (
    r"P\.?\s?O\.?\s?Box\s\d{1,6}|"
    r"(?:Postfach|Boîte postale|Apartado|Casella postale|Postbus|Caixa postal)\s\d[\d ]{0,7}\d"
)
_BRITISH_CODE = r"[A-Z]{1,2}\d[A-Z\d]?\s\d[A-Z]{2}(?![^\W_])"
_STREET = f"(?:{_ENGLISH}|{_GERMANIC}|{_FRENCH}|{_ROMANCE})(?:{_PLACE})?"
_ADDRESS = regex.compile(rf"(?<![^\W_])(?:{_STREET}|{_FURTHER}|{_BOX}|{_BRITISH_CODE})")


def postal_addresses(text: str) -> Iterator[PersonalSpan]:
    """Yield postal addresses."""
    for match in _ADDRESS.finditer(text):
        yield PersonalSpan(match.start(), match.start() + len(match[0].rstrip(".")), "address")
