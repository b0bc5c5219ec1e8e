"""An answer that is one letter, as probabilities.

Where the server gives log probabilities, the probability of each letter at the first place where one stands is used
(the expected vote, as in G-Eval, Liu et al. 2023); else the letter that was written counts wholly.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from agents.judge.prompts import LETTERS
from agents.models import Choice, TokenLogprob


def probabilities(choice: Choice, count: int) -> tuple[float, ...] | None:
    """For each of the first `count` letters how likely it is meant, in sum 1; None when none is said."""
    letters = tuple(LETTERS[:count])
    for token in choice.logprobs:
        if token.token.strip() in letters:
            return _spread(token, letters)
    said = _said(choice.text, letters)
    return tuple(float(letter == said) for letter in letters) if said else None


def _said(text: str, letters: Sequence[str]) -> str | None:
    """The letter that an answer ends with, or is: "A", "(B)", "Answer: B."; not the article of a sentence."""
    found = re.findall(rf"(?<![\w'])[{''.join(letters)}](?![\w'])", text.strip())
    last = re.search(rf"(?<![\w'])([{''.join(letters)}])\W*$", text.strip())
    return last[1] if last else found[0] if len(found) == 1 and found[0] != "A" else None


def _spread(token: TokenLogprob, letters: Sequence[str]) -> tuple[float, ...] | None:
    weights = dict.fromkeys(letters, 0.0)
    for text, logprob in token.top or ((token.token, token.logprob),):
        if text.strip() in weights:
            weights[text.strip()] += math.exp(min(0.0, logprob))
    total = math.fsum(weights.values())
    if not total:
        return None
    return tuple(weight / total for weight in weights.values())
