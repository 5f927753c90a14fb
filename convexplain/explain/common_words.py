"""English words that often begin a sentence: with a capital there, they are no names."""

from .negations import word_set

_LISTED = """
a about above absolutely after afterward afterwards again agreed ah alas all alright also although altogether always
am amazing an and another any anybody anyhow anyone anything anyway anyways apologies are as ask at awesome awhile
back beautiful because before behind below besides best both brief brilliant but by bye call can cannot check cheers
choose click come congrats congratulations cool correct could dear did do does done dude each early either else enough
enter even ever every everybody everyone everything everywhere excellent fair fantastic far feel few fifth fine first
folks for forever fourth friend friends from fun funny generally get give given go good goodbye got granted great guys
had has have he hello help hence her here hers hey hi him his hmm hold how however i if in indeed inside instead
interesting is it its just keep last later least let like likewise listen little lol look lovely make man many may
maybe me meantime meanwhile might mine more moreover most much must my need neither never nevertheless next nice no
nobody none nonetheless nope nor not note noted nothing now nowadays nowhere of off often oh ok okay on once one only
oops open or other others otherwise ouch our ours out outside overall perfect perhaps phew please press put rather
read regardless remember rest right same second see seldom select send shall she should similar since sir so some
somebody somehow someone something sometimes somewhere soon sorry speaking start still stop such super sure surprise
take tell thank thanks that the their theirs them then there thereby therefore these they third this those though
through thus till to today together tomorrow tonight too totally true try turn twice two ugh under understood unless
until up us use very wait warning was we welcome well were what whatever when whenever where whereas whether which
while who whose why will with within without wonderful worse would wow write yay yeah yep yes yesterday yet yikes you
your yours
"""
_NAMES_IN_LY = word_set("billy cecily emily holly italy july kelly lily milly molly polly sally")
_WORDS = word_set(_LISTED)


def is_common(word: str) -> bool:
    """Return True for a common English word, adverbs included.

    Args:
        word: in small letters.
    """
    stem = word.partition("'")[0]
    adverb = len(word) > 4 and word.endswith("ly") and word not in _NAMES_IN_LY
    return stem in _WORDS or word.endswith("n't") or adverb
