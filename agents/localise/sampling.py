"""Different views of one ranking for sibling trajectories, so that they do not all look at the same files. Pure.

Weighted sampling without replacement: each file gets the key u^(1/w), u uniform, and the largest keys win. P. Efraimidis,
P. Spirakis, "Weighted random sampling with a reservoir" (2006).
"""

from __future__ import annotations

import math
import random

from agents.localise.ranking import Ranking

SHARPNESS = 2.0  # a file's chance goes with score ** SHARPNESS
REACH = 4  # files are drawn from the first REACH * size


def sample_context(ranking: Ranking, seed: int, *, size: int = 6, always: int = 1) -> Ranking:
    """`size` files of a ranking, in its order. Seed 0 gives the first `size`; every other seed gives the first `always` and
    draws the rest, likelier files more often. The same seed gives the same files on every machine and Python.

    Raises ValueError when size < 1, or when always is not between 1 and size.
    """
    if size < 1 or not 1 <= always <= size:
        raise ValueError(f"size {size} and always {always}: 1 <= always <= size must hold")
    if seed == 0 or len(ranking) <= size:
        return ranking.top(size)
    kept, pool = ranking.files[:always], ranking.files[always : REACH * size]
    draw = random.Random(f"localisation {seed}")  # noqa: S311  (variety, not secrecy)
    keys = {}
    for each in pool:
        chance = max(1e-12, each.score**SHARPNESS)
        keys[each.path] = math.log(max(1e-300, draw.random())) / chance
    drawn = set(sorted(keys, key=lambda path: (-keys[path], path))[: size - len(kept)])
    return Ranking((*kept, *(each for each in pool if each.path in drawn)))
