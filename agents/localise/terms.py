"""Text as terms: identifiers whole and in their parts, lower case, plurals folded.

`parseHTTPDate` and `parse_http_date` both give parse, http, date, beside the whole name, so that prose meets code. The plural
rule is the "S stemmer" of D. Harman, "How effective is suffixing?" (1991). Pure.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

IDENTIFIER = re.compile(r"[^\W\d]\w*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
LONGEST = 80  # characters; a longer word is data, not a name

# Words of English and of issue templates that tell no file from another. Words that code uses (not, is, in) stay rare
# enough in idf's eyes only in prose, so they are here too.
_STOP = """
    a about above after again all also an and any are as at be because been before being below between both but by can could
    did do does doing done down during each few for from further had has have having he her here him his how i if in into is it
    its itself just like me more most my no nor not now of off on once only or other our out over own same she should so some
    such than that the their them then there these they this those through to too under until up us very was we were what when
    where which while who whom why will with would you your am im ive dont doesnt isnt cant
    bug issue problem expected actual behavior behaviour description reproduce reproduction steps version versions system
    python please thanks work works working want see got get use used using seem seems however example following
    self cls def return none true false import class
"""
STOP = frozenset(_STOP.split())


@lru_cache(maxsize=1 << 17)
def parts(identifier: str) -> tuple[str, ...]:
    """The terms of one identifier: its parts, and the whole of it when it is compound. Stop words are left out."""
    if len(identifier) > LONGEST:
        return ()
    split = _PART.findall(identifier) if identifier.isascii() else _split(identifier)
    pieces = [fold(each.lower()) for each in split]
    found = [each for each in pieces if len(each) > 1 and each not in STOP]
    if len(pieces) > 1:
        found.append(identifier.strip("_").lower())
    return tuple(found)


def _split(identifier: str) -> list[str]:
    """The parts of an identifier in any script: `re` knows upper case of ASCII alone."""
    broken = "".join(
        f" {letter}" if letter.isupper() and before.islower() else letter
        for before, letter in zip(f" {identifier}", identifier, strict=False)
    )
    return broken.replace("_", " ").split()


def fold(word: str) -> str:
    """A lower-case word without its plural: queries -> query, indexes -> index, classes -> class."""
    if len(word) < 4 or not word.endswith("s") or word.endswith(("ss", "us", "is")):
        return word
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("xes", "ches", "shes", "sses")):
        return word[:-2]
    return word[:-1]


def terms(text: str) -> Counter[str]:
    """How often each term occurs in a text."""
    return expand(Counter(IDENTIFIER.findall(text)))


def expand(identifiers: Mapping[str, int]) -> Counter[str]:
    """The terms of counted identifiers."""
    counted: Counter[str] = Counter()
    for identifier, count in identifiers.items():
        for term in parts(identifier):
            counted[term] += count
    return counted


def path_terms(path: str) -> Counter[str]:
    """The terms of a path: its directories and its name, without the suffix."""
    return terms(path.rpartition(".")[0] or path)
