import os
import sys

sys.path.insert(0, os.environ["PROGRAM_DIR"])
from tabletext.parse import square


def test_square():
    for lengths in ([1], [1, 2], [2, 1], [0, 3, 1], [3, 3], [5, 0]):
        rows = [["x"] * n for n in lengths]
        made = square([list(row) for row in rows])
        assert all(len(row) == max(lengths) for row in made)
        assert all(after[: len(row)] == row and not any(after[len(row) :]) for row, after in zip(rows, made))
