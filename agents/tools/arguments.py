"""What each tool takes. The descriptions teach a model; the order (required first) is that of the prompt."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

Line = Annotated[int, Field(ge=0, le=10_000_000)]
Limit = Annotated[int, Field(ge=1, le=500)]
_LONGEST_TEXT = 2_000_000  # characters


def _bounded(text: str) -> str:
    if len(text) > _LONGEST_TEXT:
        raise ValueError(f"it has {len(text)} characters, more than {_LONGEST_TEXT}; send it in parts")
    return text


# The bound is no part of the JSON schema: a server that holds answers to a schema spells such a length out.
Text = Annotated[str, AfterValidator(_bounded)]


class Arguments(BaseModel):
    """The root of all argument models."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Grep(Arguments):
    pattern: str = Field(
        min_length=1, max_length=2000, description="a regular expression in Python's syntax, for one line"
    )
    path: str = Field(".", description="the file or directory to search")
    glob: str = Field("", description='only files that match, such as "*.py" or "src/**/test_*.py"')
    literal: bool = Field(False, description="take the pattern as plain text")
    ignore_case: bool = Field(False, description="let upper and lower case be the same")
    context: int = Field(0, ge=0, le=20, description="lines to show before and after each hit")
    limit: Limit = Field(50, description="the most hits to show")


class FindFiles(Arguments):
    glob: str = Field(min_length=1, description='"*.py" for a file\'s name anywhere, "src/**/*.py" for a path')
    path: str = Field(".", description="the directory to look in")
    limit: Limit = Field(100, description="the most files to show")


class Read(Arguments):
    path: str = Field(description="the file")
    first: Line = Field(1, description="the first line to show, from 1")
    last: Line = Field(0, description="the last line to show; 0 for the end")


class Outline(Arguments):
    path: str = Field(description="a source file")


class FindSymbol(Arguments):
    name: str = Field(
        min_length=1, max_length=300, description='the name of a class, function or variable, or "Class.method"'
    )
    path: str = Field(".", description="the file or directory to look in")
    limit: Limit = Field(20, description="the most definitions to show")


class FindReferences(Arguments):
    name: str = Field(
        min_length=1, max_length=300, description="the name, without the class or module that it belongs to"
    )
    path: str = Field(".", description="the file or directory to look in")
    limit: Limit = Field(50, description="the most places to show")


class Edit(Arguments):
    path: str = Field(description="the file to change")
    search: Text = Field(
        description="the text to replace, exactly as it stands in the file, with enough lines to be there only once",
    )
    replace: Text = Field(description="the text that takes its place")


class Create(Arguments):
    path: str = Field(description="the file; its directories are made as needed")
    content: Text = Field(description="all of its text")
    overwrite: bool = Field(False, description="replace the file if it exists")


class Delete(Arguments):
    path: str = Field(description="the file")


class ApplyPatch(Arguments):
    patch: Text = Field(
        min_length=1,
        description="a unified diff, as `git diff` writes it, for one or more files",
    )


class Run(Arguments):
    command: Text = Field(min_length=1, description="a line for /bin/sh, run in the workspace")
    timeout_s: float = Field(120, gt=0, le=600, description="seconds after which it is ended")


class RunTests(Arguments):
    selector: str = Field(
        "", max_length=8000, description='which tests: files, "tests/test_a.py::test_b", "-k name"; "" for all'
    )
    timeout_s: float = Field(300, gt=0, le=900, description="seconds after which they are ended")


class Diff(Arguments):
    pass


class Note(Arguments):
    topic: str = Field(
        min_length=1, max_length=60, description="a word to find it by; a note on the same topic is replaced"
    )
    text: str = Field(max_length=4000, description='what to remember; "" to forget it')


class Recall(Arguments):
    topic: str = Field("", max_length=60, description='the topic of a note; "" for all notes')


class More(Arguments):
    id: str = Field(min_length=1, max_length=80, description="the id that a cut output shows")
    start: Line = Field(0, description="the first character to show, from 0")


class Finish(Arguments):
    answer: str = Field("", max_length=8000, description="what was wrong and what you changed, in a few sentences")
