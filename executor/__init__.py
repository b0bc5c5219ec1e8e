"""Runs things: one DAG of Calls (`Scheduler`), many jobs on few workers (`Pool`)."""

from executor.pool import Pool
from executor.scheduler import BadReference, CallReport, Execution, Scheduler

__all__ = ["BadReference", "CallReport", "Execution", "Pool", "Scheduler"]
