"""The tools as the compiler, a prompt and a server know them: no sandbox is needed to name them.

The order is that of the prompt, and must stay: it is part of the prefix that all trajectories share.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from agents.errors import PathRefused
from agents.tools import arguments as a
from agents.tools import results as r
from agents.tools.patch import patched_paths
from agents.tools.paths import effect_paths, inside
from planner import ALL, EXCLUSIVE, PURE, Effect, Effects, ToolSpec, always

OWN = ".runoff"  # where effects name paths: what is a trajectory's own, and no file
NOTES = f"{OWN}/notes"


def _file(*, reads: bool = True, writes: bool = False) -> Effect:
    """On the one file that `path` names, whichever of its spellings is used."""

    def effects(arguments: Mapping[str, Any]) -> Effects:
        path = arguments.get("path")
        try:
            named = (inside(path) or ALL,) if isinstance(path, str) else (ALL,)
        except PathRefused:
            named = (ALL,)
        return Effects(named if reads else (), named if writes else ())

    return effects


def _below(glob: str = "") -> Effect:
    """Reads of what a glob names below `path`."""
    return lambda arguments: Effects(
        effect_paths(arguments.get("path", "."), arguments.get(glob, "") if glob else "")
        if not glob or isinstance(arguments.get(glob, ""), str)
        else effect_paths(arguments.get("path", "."), "")
    )


def _patch(arguments: Mapping[str, Any]) -> Effects:
    patch = arguments.get("patch")
    named = patched_paths(patch) if isinstance(patch, str) else ()
    return Effects(named or (ALL,), named or (ALL,))


def _topic(arguments: Mapping[str, Any]) -> str:
    topic = arguments.get("topic", "")
    plain = isinstance(topic, str) and topic.replace("-", "").replace("_", "").isalnum()
    return f"{NOTES}/{topic}" if plain else NOTES


SPECS: tuple[ToolSpec, ...] = (
    ToolSpec(
        "grep",
        "Find the lines that match a regular expression; hits[0].path and hits[0].line name the first.",
        a.Grep,
        resource="sandbox",
        cost_s=0.2,
        effects=_below("glob"),
        returns=r.HitsType,
        timeout_s=60,
    ),
    ToolSpec(
        "find_files",
        "Find files by name; files[0].path is the first.",
        a.FindFiles,
        resource="sandbox",
        cost_s=0.1,
        effects=_below("glob"),
        returns=r.FilesType,
        timeout_s=60,
    ),
    ToolSpec(
        "read",
        "Show lines of a file with their numbers; body.text is the text without them.",
        a.Read,
        resource="sandbox",
        cost_s=0.1,
        effects=_file(),
        returns=r.Body,
        timeout_s=60,
    ),
    ToolSpec(
        "outline",
        "Show what a source file defines: classes, functions and their lines.",
        a.Outline,
        resource="sandbox",
        cost_s=0.1,
        effects=_file(),
        returns=r.OutlineType,
        timeout_s=60,
    ),
    ToolSpec(
        "find_symbol",
        "Find where a class, function or variable is defined; symbols[0] has path, line and end_line.",
        a.FindSymbol,
        resource="sandbox",
        cost_s=0.3,
        effects=_below(),
        returns=r.SymbolListType,
        timeout_s=60,
    ),
    ToolSpec(
        "find_references",
        "Find where a name is used in code: calls, imports and other uses, without comments and texts.",
        a.FindReferences,
        resource="sandbox",
        cost_s=0.5,
        effects=_below(),
        returns=r.ReferencesType,
        timeout_s=60,
    ),
    ToolSpec(
        "edit",
        "Replace a text that stands exactly once in a file; refused, with the file unchanged, if it does not, or if the "
        "result cannot be parsed.",
        a.Edit,
        resource="sandbox",
        cost_s=0.2,
        effects=_file(writes=True),
        returns=r.Change,
        timeout_s=60,
    ),
    ToolSpec(
        "create",
        "Write a new file.",
        a.Create,
        resource="sandbox",
        cost_s=0.2,
        effects=_file(writes=True),
        returns=r.Change,
        timeout_s=60,
    ),
    ToolSpec(
        "delete",
        "Remove a file.",
        a.Delete,
        resource="sandbox",
        cost_s=0.2,
        effects=_file(writes=True),
        returns=r.Change,
        timeout_s=60,
    ),
    ToolSpec(
        "apply_patch",
        "Apply a unified diff, all of it or nothing.",
        a.ApplyPatch,
        resource="sandbox",
        cost_s=0.3,
        effects=_patch,
        returns=r.Change,
        timeout_s=60,
    ),
    ToolSpec(
        "run",
        "Run a shell command in the workspace, alone and without network; result.exit_code and result.output tell how it ended.",
        a.Run,
        resource="sandbox",
        cost_s=5.0,
        effects=always(EXCLUSIVE),
        returns=r.CommandResult,
        timeout_s=660,
    ),
    ToolSpec(
        "run_tests",
        "Run the repository's tests, or some of them, on the files as they are now; report.failures[0].message is the first "
        "failure.",
        a.RunTests,
        resource="sandbox",
        cost_s=10.0,
        effects=always(Effects(reads=(ALL,), volatile=True)),
        returns=r.TestReport,
        timeout_s=1000,
    ),
    ToolSpec(
        "diff",
        "Show what was changed since the base commit.",
        a.Diff,
        resource="host",
        cost_s=0.2,
        effects=always(Effects(reads=(ALL,))),
        returns=r.DiffResult,
        timeout_s=120,
    ),
    ToolSpec(
        "note",
        "Keep a note that outlives the conversation's window.",
        a.Note,
        cost_s=0.0,
        effects=lambda arguments: Effects(writes=(_topic(arguments),)),
        returns=r.NoteResult,
    ),
    ToolSpec(
        "recall",
        "Show the notes that were kept.",
        a.Recall,
        cost_s=0.0,
        effects=lambda arguments: Effects(reads=(_topic(arguments),)),
        returns=r.NoteListType,
    ),
    ToolSpec(
        "more",
        "Read on in an output that was too long to show whole.",
        a.More,
        cost_s=0.01,
        effects=always(PURE),
        returns=r.MoreResult,
    ),
    ToolSpec(
        "finish",
        "End the work: the change in the workspace is the solution.",
        a.Finish,
        cost_s=0.0,
        effects=always(PURE),
    ),
)
FINISH = SPECS[-1]  # no Call: a plan ends with it
