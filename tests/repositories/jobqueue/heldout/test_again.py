import os
import sys

sys.path.insert(0, os.environ["PROGRAM_DIR"])
from jobqueue import Retry


def test_again():
    for attempts in range(1, 7):
        assert [Retry(attempts).again(n) for n in range(1, 8)] == [n < attempts for n in range(1, 8)]
