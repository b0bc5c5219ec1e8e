"""The compiler: plan text in, a checked DAG of Calls out. Pure: no I/O, no model, no clock.

plan = compile_plan('tests = run_tests(commit="4f0c…")', tools)     raises CompileErrors
"""

from planner.compiler import compile_plan
from planner.errors import CompileError, CompileErrors
from planner.plan import Call, Plan, Reference, references
from planner.tools import Resource, ToolSpec

__all__ = [
    "Call",
    "CompileError",
    "CompileErrors",
    "Plan",
    "Reference",
    "Resource",
    "ToolSpec",
    "compile_plan",
    "references",
]
