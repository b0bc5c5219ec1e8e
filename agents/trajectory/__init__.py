"""A trajectory: one attempt of a language model to resolve the Issue, in a workspace of its own.

    async with open_workbench(shared, number) as bench:        workspace, sandbox, tools, scheduler
        ended = await run_trajectory(bench, saver)             turns until it ends; goes on where a checkpoint left it
    policy = ModelPolicy(shared, …)                            many of them: what the root graph asks for candidates

`loop.py` is the whole of one trajectory.
"""

from agents.trajectory.loop import Ended, run_trajectory
from agents.trajectory.policy import ENDED, ModelPolicy, Source
from agents.trajectory.prompt import Form, Prefix
from agents.trajectory.stops import Limits
from agents.trajectory.workbench import Shared, Workbench, open_workbench

__all__ = [
    "ENDED",
    "Ended",
    "Form",
    "Limits",
    "ModelPolicy",
    "Prefix",
    "Shared",
    "Source",
    "Workbench",
    "open_workbench",
    "run_trajectory",
]
