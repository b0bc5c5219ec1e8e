"""The tools of a trajectory: what they take, give and touch (`SPECS`), and the ones of a sandbox (`Toolbox`).

Everything that they do with files happens inside the sandbox, by a small program of the standard library alone; the host
parses bytes, and opens no path of the workspace.
"""

from agents.tools.notes import Notes
from agents.tools.output import LONGEST, cut_middle
from agents.tools.results import Result
from agents.tools.specs import FINISH, OWN, SPECS
from agents.tools.symbols import Definitions
from agents.tools.testing import CommandTests, PytestTests, TestRunner
from agents.tools.toolbox import Toolbox

__all__ = [
    "FINISH",
    "LONGEST",
    "OWN",
    "SPECS",
    "CommandTests",
    "Definitions",
    "Notes",
    "PytestTests",
    "Result",
    "TestRunner",
    "Toolbox",
    "cut_middle",
]
