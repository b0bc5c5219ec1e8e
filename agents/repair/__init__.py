"""The repair policy: candidates without a model. Rank statements by coverage, edit them in order of likelihood, test.

found = localise(coverage, base.failing, frames)
policy = RepairPolicy(workers, base, coverage, found, sources)
async for event in policy.wave(Wave(executions=1000), wall_s=60): …      Found | Tried (agents/policy.py)
"""

from agents.repair.localise import Localisation, Suspect, localise
from agents.repair.policy import EXECUTIONS, WAVE_TRIES, RepairPolicy
from agents.repair.source import SourceFile, Unreadable, read_source

__all__ = [
    "EXECUTIONS",
    "WAVE_TRIES",
    "Localisation",
    "RepairPolicy",
    "SourceFile",
    "Suspect",
    "Unreadable",
    "localise",
    "read_source",
]
