"""Make probabilities true to a place: how often what was chosen there turned out right.

Issues and systems differ more from place to place than from issue to issue: patches that agree as much are right in three
cases of ten here and in nine there. The log-odds are moved and stretched to fit what is known of earlier choices (Platt's
scaling), drawn to the probabilities as they come by a prior, so that a few cases change little.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp, log

_LOOSE = 2.0  # the prior's deviation of the shift, in log-odds
_STIFF = 0.5  # and of the slope


@dataclass(frozen=True, slots=True)
class Calibration:
    """log-odds become shift + slope * log-odds. As it comes, it changes nothing."""

    shift: float = 0.0
    slope: float = 1.0

    def __call__(self, probability: float) -> float:
        return _chance(self.shift + self.slope * _logit(probability))


def calibrate(earlier: Sequence[tuple[float, bool]]) -> Calibration:
    """The calibration that fits earlier choices best. earlier: the probability said and whether it was right, of each."""
    logits = [_logit(said) for said, _ in earlier]
    shift, slope = 0.0, 1.0
    for _ in range(25):  # Newton's steps on a strictly convex loss, damped
        slope_gradient, shift_gradient = (slope - 1) / _STIFF**2, shift / _LOOSE**2
        aa, ab, bb = 1 / _LOOSE**2, 0.0, 1 / _STIFF**2
        for logit, (_, right) in zip(logits, earlier, strict=True):
            chance = _chance(shift + slope * logit)
            error, curve = chance - right, chance * (1 - chance)
            shift_gradient += error
            slope_gradient += error * logit
            aa, ab, bb = aa + curve, ab + curve * logit, bb + curve * logit * logit
        of = aa * bb - ab * ab
        move_shift = (bb * shift_gradient - ab * slope_gradient) / of
        move_slope = (aa * slope_gradient - ab * shift_gradient) / of
        damping = min(1.0, 1.0 / max(abs(move_shift), abs(move_slope), 1e-12))
        shift, slope = shift - damping * move_shift, slope - damping * move_slope
    return Calibration(shift, max(0.0, slope))


def _logit(probability: float) -> float:
    bounded = min(1 - 1e-9, max(1e-9, probability))
    return log(bounded / (1 - bounded))


def _chance(logit: float) -> float:
    return 1 / (1 + exp(-max(-30.0, min(30.0, logit))))
