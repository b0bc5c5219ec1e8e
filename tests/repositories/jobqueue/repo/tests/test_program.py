import subprocess
import sys

import pytest


@pytest.mark.parametrize(("attempts", "failures", "ends"), [("3", "0", "done"), ("3", "2", "done"), ("2", "2", "dead")])
def test_the_program_says_how_it_ends(attempts, failures, ends):
    ended = subprocess.run([sys.executable, "-m", "jobqueue", attempts, failures], capture_output=True, text=True)
    assert ended.stdout == ends + "\n"
