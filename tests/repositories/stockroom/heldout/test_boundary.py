import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.environ["PROGRAM_DIR"], "src"))
from stockroom import Ledger, OutOfStock


@pytest.mark.parametrize("have", [1, 2, 9])
def test_boundary(have):
    for asked in range(1, 12):
        ledger = Ledger()
        ledger.receive("x", have)
        if asked <= have:
            ledger.reserve("x", 1, asked)
            assert ledger.free("x") == have - asked
        else:
            with pytest.raises(OutOfStock):
                ledger.reserve("x", 1, asked)
            assert ledger.reserved("x") == 0
