"""The compiler: plan text in, a checked DAG of Calls out. Pure: no I/O, no model, no clock.

plan = compile_plan('tests = run_tests(commit="4f0c…")', tools)     raises CompileErrors
compiler = Compiler(tools)                                          the same while the text is being written:
for call in compiler.feed(chunk): …                                 each Call as soon as its statement is complete
plan = compiler.finish()
plan = compile_tool_calls(message["tool_calls"], tools)             the same from OpenAI's parallel tool calls
plan = compile_json(text, tools)                                    the same from JSON, as `plan_schema(tools)` has it
prompt_text(tools), openai_tools(tools), grammar(tools)             what a model and its server are told
explain(plan, timings)                                              EXPLAIN, and after the execution EXPLAIN ANALYZE
FORMATS["mermaid"](explanation)                                     the same, drawn
read_tools(text)                                                    tools from a TOML file
"""

from planner.compiler import Compiler, compile_plan
from planner.describe import openai_tools, plan_schema, prompt_text
from planner.errors import CompileError, CompileErrors
from planner.explain import ExplainedCall, Explanation, Timing, explain, with_timings
from planner.grammar import grammar
from planner.jsonplan import compile_json
from planner.plan import Call, End, Plan, Reference, Template, Why, references, statement_text
from planner.render import FORMATS
from planner.toolcalls import compile_tool_calls, names_of_ids
from planner.toolfile import ToolFileError, read_tools
from planner.tools import ALL, EXCLUSIVE, PURE, VOLATILE, Effect, Effects, Resource, ToolSpec, always, paths_of, touches

__all__ = [
    "ALL",
    "EXCLUSIVE",
    "FORMATS",
    "PURE",
    "VOLATILE",
    "Call",
    "CompileError",
    "CompileErrors",
    "Compiler",
    "Effect",
    "Effects",
    "End",
    "ExplainedCall",
    "Explanation",
    "Plan",
    "Reference",
    "Resource",
    "Template",
    "Timing",
    "ToolFileError",
    "ToolSpec",
    "Why",
    "always",
    "compile_json",
    "compile_plan",
    "compile_tool_calls",
    "explain",
    "grammar",
    "names_of_ids",
    "openai_tools",
    "paths_of",
    "plan_schema",
    "prompt_text",
    "read_tools",
    "references",
    "statement_text",
    "touches",
    "with_timings",
]
