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
    letters = LETTERS[:count]
    for token in choice.logprobs:
        if token.token.strip() in letters and token.token.strip():
            return _spread(token, letters)
    said = re.search(rf"\b([{letters}])\b", choice.text)
    return tuple(float(letter == said[1]) for letter in letters) if said else None


def _spread(token: TokenLogprob, letters: Sequence[str]) -> tuple[float, ...]:
    weights = dict.fromkeys(letters, 0.0)
    for text, logprob in token.top or ((token.token, token.logprob),):
        if text.strip() in weights:
            weights[text.strip()] += math.exp(min(0.0, logprob))
    total = math.fsum(weights.values())
    return tuple(weight / total for weight in weights.values())
