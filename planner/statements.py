"""Cut a growing text into statements, each in the moment in which it is complete.

A statement begins on a line of its own with `name =`, `finish(` or `replan(`. When it is `name = tool(…)`, it is complete
with its closing bracket, whatever follows; otherwise with the end of the line, unless a bracket or a triple-quoted string is
open. Comments, Markdown fences and prose around the plan are passed over; a line that is other Python (a loop, a call without
a name), or that has a call of a known tool where no statement begins, is handed on, so that its fault can be told. Every
character is looked at a bounded number of times, however the text is cut.
"""

from __future__ import annotations

import codecs
import io
import re
from collections.abc import Callable, Collection
from typing import NamedTuple

from planner import prose

DEEPEST = 100  # brackets within brackets
LONGEST = 4 << 20  # characters of one statement
_NAME = prose.NAME
_ASSIGNS = re.compile(rf"[ \t\f]*{_NAME}[ \t]*=(?=[^=])")
_ENDS = re.compile(r"[ \t\f]*(?:finish|replan)[ \t]*\(")
_UNDECIDED = re.compile(rf"[ \t\f]*(?:{_NAME}[ \t]*=?)?")
_LONGEST_HEAD = 400
_ONE_CALL = re.compile(rf"([ \t\f]*)(?:{_NAME}[ \t]*=[ \t]*{_NAME}|finish|replan)[ \t]*\(")
_FENCE = re.compile(r"[ \t]*(?:```+|~~~+)[ \t]*([\w+-]*)")
_PLAN_LANGUAGES = {"", "python", "py", "python3", "plan"}
_TEXT_LANGUAGES = {"text", "txt", "plaintext"}  # in which a plan may stand among other things, as outside of a fence
_PLAIN = {  # by what closes the string that is open: what changes nothing, whole strings among it
    "": re.compile(r"""(?:[^'"#()\[\]{}\n\\`]++|'[^'\\\n]++'|"[^"\\\n]++")*+"""),
    "'": re.compile(r"[^'\n\\]*+"),
    '"': re.compile(r'[^"\n\\]*+'),
    "'''": re.compile(r"[^'\\]*+"),
    '"""': re.compile(r'[^"\\]*+'),
}


class Statement(NamedTuple):
    """A complete statement's text, and the line (from 1) on which it begins. fault: (code, message, hint) when what was read so
    far tells that it cannot be parsed; column: of the fault, in the statement's last line."""

    text: str
    line: int
    fault: tuple[str, str, str] | None = None
    column: int = 0


_UNCLOSED = ("unclosed", "a bracket is never closed", "close it before the next statement begins")
_UNCLOSED_STRING = ("unclosed", "a string is not closed on its line", "use triple quotes for more than one line")
_UNCLOSED_TEXT = ("unclosed", "a triple-quoted string is never closed", "close it with the quotes that opened it")
_TOO_DEEP = ("too-deep", f"brackets are nested more than {DEEPEST} deep", "make it flatter")
_TOO_LONG = ("too-long", f"the statement has more than {LONGEST} characters", "split it")
_BACKTICK = ("syntax", "a backtick stands for nothing here", "write texts in quotes")
_FOLLOWS = (
    "after-call",
    "nothing may follow a call on its line",
    "write name.field or name[0] where the result is used",
)
_NAMELESS = ("not-a-call", "the call's result has no name", "write `name = tool(argument=value)`")
_MISBEGUN = (
    "not-a-statement",
    "this calls a tool, but not as a statement of a plan",
    "write `name = tool(argument=value)` on a line of its own; a name has letters, digits and `_`",
)


class Splitter:
    """Feed it text, or UTF-8 bytes, cut anywhere. tools: names by which a line that is no statement, but was meant as
    one, is known from prose.

    foreign: the first fence of another language, and its line; what stands in it is passed over.
    """

    def __init__(self, tools: Collection[str] = ()) -> None:
        self._tools = tools
        self.foreign: tuple[str, int] | None = None
        self._bytes = codecs.getincrementaldecoder("utf-8")("replace")
        self._newlines = io.IncrementalNewlineDecoder(None, translate=True)
        self._found: list[Statement] = []
        self._begun_text = False
        self._line = 1  # the number of the line that is being read
        self._fence: str | None = None  # the language of the fence that is open
        self._passed_over = False  # it is of another language
        self._told = False  # that a plan stands in such a one
        self._mode: Callable[[str, int], int] = self._head
        self._last: list[str] = []  # the line of a complete call, for a fault in what follows it
        self._clear()

    def _clear(self) -> None:
        """No statement is open."""
        self._pieces: list[str] = []  # of the line or the statement that is being read
        self._size = 0  # the characters of a statement
        self._lost_lines = 0  # of one that is too long, the lines that are not among its pieces
        self._begun = self._line
        self._line_starts = 0  # the piece with which the current line begins
        self._first = True  # no bracket or string yet on this line
        self._misbegun: tuple[str, str, str] | None = None  # the fault of one that does not begin as it must
        self._is_call = False  # it begins `name = tool(`, so that its closing bracket ends it
        self._indent = 0
        self._depth = 0
        self._quote = ""  # what closes the string that is open
        self._run, self._run_of = 0, ""  # quotes that may be one of three
        self._escaped = self._comment = False

    def feed(self, chunk: str | bytes) -> list[Statement]:
        """The statements that this chunk completes."""
        text = self._bytes.decode(chunk) if isinstance(chunk, bytes) else chunk
        text = self._newlines.decode(text)
        if text and not self._begun_text:
            self._begun_text = True
            text = text.removeprefix("\ufeff")  # a byte order mark
        return self._read(text)

    def finish(self) -> list[Statement]:
        """What is left when the text has ended."""
        rest = self._newlines.decode(self._bytes.decode(b"", final=True), final=True)
        found = self._read(rest + "\n")
        if self._mode == self._statement:
            self._end(_UNCLOSED_TEXT if self._quote else _UNCLOSED)
            found += self._found
            self._found = []
        return found

    def _read(self, text: str) -> list[Statement]:
        place, end = 0, len(text)
        while place < end:
            place = self._mode(text, place)
        found, self._found = self._found, []
        return found

    # Each mode reads from `place` and returns where it stopped; it reads everything or changes the mode.

    def _head(self, text: str, place: int) -> int:
        """The beginning of a line, until it is clear what the line is."""
        line_end = text.find("\n", place) + 1 or len(text)
        before = "".join(self._pieces)
        head = before + text[place:line_end]
        found = _ASSIGNS.match(head) or _ENDS.match(head)
        if found and found.end() <= _LONGEST_HEAD:
            stop = found.end() - (head[found.end() - 1] == "(")
            self._pieces, self._size, self._begun = [head[:stop]], stop, self._line
            self._mode = self._statement
            return place + stop - len(before)
        self._pieces = [head]
        if len(head) > _LONGEST_HEAD or not _UNDECIDED.fullmatch(head):
            self._pieces = [before] if before else []
            self._mode = self._other_line
            return place
        return line_end

    def _other_line(self, text: str, place: int) -> int:
        """A line that begins no statement, to its end."""
        line_end = text.find("\n", place)
        if line_end < 0:
            self._pieces.append(text[place:])
            return len(text)
        line = "".join([*self._pieces, text[place:line_end]])
        if fence := _FENCE.match(line):
            self._open_or_close(fence[1].lower())
        elif line.strip() and not line.lstrip().startswith("#"):
            begin = self._meant_from(line)
            if begin is not None:
                self._misbegin(line, begin)
                return line_end + 1
            if self._is_code(line):
                self._found.append(Statement(line, self._line))
        self._next_line()
        return line_end + 1

    def _open_or_close(self, language: str) -> None:
        self._fence = None if self._fence is not None else language
        self._passed_over = self._fence is not None and language not in _PLAN_LANGUAGES | _TEXT_LANGUAGES
        self._told = False
        if self._passed_over and self.foreign is None:
            self.foreign = language, self._line

    def _misbegin(self, line: str, begin: int) -> None:
        """Read a line as a statement from `begin` on: what its brackets and strings hold is not looked at for others."""
        self._pieces, self._size, self._begun = [line[:begin]], begin, self._line
        if self._passed_over:
            self._misbegun = _in_fence(self._fence or "")
        elif not prose.is_python(line.strip()):  # else its fault can be told more exactly
            self._misbegun = _MISBEGUN if "=" in line[:begin] else _NAMELESS
        self._told = self._passed_over
        self._mode = self._statement
        rest, place = line[begin:] + "\n", 0
        while place < len(rest):
            place = self._mode(rest, place)

    def _statement(self, text: str, place: int) -> int:
        """A statement, to its end or the text's: follow strings and brackets."""
        start, end = place, len(text)
        while place < end:
            if self._escaped:
                self._escaped = False
                place += 1
                continue
            if self._run:
                place += self._quotes(text[place])
                continue
            if self._comment:
                place = text.find("\n", place)
                if place < 0:
                    break
                self._comment = False
            place = _PLAIN[self._quote].match(text, place).end()  # type: ignore[union-attr]  # it may match nothing
            if place == end:
                break
            mark = text[place]
            place += 1
            opens, self._first = self._first and mark == "(", False
            if mark == "\\":
                self._escaped = True
            elif mark in "'\"":
                self._run, self._run_of = 1, mark
                if len(self._quote) == 1:
                    self._run, self._quote = 0, ""
            elif mark == "#":
                self._comment = True
            elif mark in "([{" and not opens and self._depth < DEEPEST:
                self._depth += 1
            elif mark in ")]}" and self._depth > 1:
                self._depth -= 1
            else:
                self._keep(text[start:place])
                start = place
                if opens:
                    self._one_call()
                if self._structure(mark):
                    return place
        self._keep(text[start:])
        return end

    def _quotes(self, char: str) -> int:
        """After a quote: is it one of three? Returns how many characters were used (0 or 1)."""
        if char == self._run_of:
            self._run += 1
            if self._run == 3:
                self._run, self._quote = 0, "" if self._quote else 3 * char
            return 1
        if not self._quote and self._run == 1:
            self._quote = self._run_of
        self._run = 0  # two quotes are an empty string; in a triple-quoted one they are text
        return 0

    def _structure(self, mark: str) -> bool:
        """A bracket, a line's end or a backtick outside of strings (or a line's end in a string of one line): whether it changed
        the mode."""
        if mark == "\n":
            return self._line_end()
        if mark == "`":  # no Python has one: what is open was forgotten
            line = self._take_line() if self._line_starts else ""
            self._end(_UNCLOSED if line else _BACKTICK)
            self._pieces, self._mode = [line], self._other_line if line else self._skip
            return True
        if mark in "([{":
            self._depth += 1
            if self._depth > DEEPEST:
                self._end(_TOO_DEEP)
                self._mode = self._skip
                return True
            return False
        self._depth = max(0, self._depth - 1)
        if self._depth == 0 and self._is_call:
            self._end()
            self._mode = self._after
            return True
        return False

    def _line_end(self) -> bool:
        if self._quote:
            self._end(_UNCLOSED_STRING, lines=0)
            self._next_line()
            return True
        if self._depth == 0:
            self._end(lines=0)
            self._next_line()
            return True
        self._line_starts = len(self._pieces)
        self._first = True
        return False

    def _one_call(self) -> None:
        """The first mark of a line is a bracket: it may open the one call of the statement, or begin the next one."""
        line = "".join(self._pieces[self._line_starts :])
        found = _ONE_CALL.fullmatch(line)
        if found is None:
            return
        if self._depth == 0:
            self._is_call, self._indent = True, len(found[1])
        elif len(found[1]) <= self._indent:  # no argument stands there: the bracket above was forgotten
            self._take_line()
            self._end(_UNCLOSED)
            self._pieces, self._size, self._begun = [line], len(line), self._line
            self._is_call, self._indent = True, len(found[1])

    def _after(self, text: str, place: int) -> int:
        """What follows a complete call on its line."""
        while place < len(text) and text[place] in " \t\f":
            place += 1
            self._last.append(" ")
        if place == len(text):
            return place
        if text[place] in "\n#":
            self._mode = self._skip
        elif text[place] == ";":
            self._pieces, self._mode = [], self._head
            place += 1
        else:
            source = "".join(self._last)
            self._found.append(Statement(source + text[place], self._line, _FOLLOWS, len(source)))
            self._mode = self._skip
        return place

    def _skip(self, text: str, place: int) -> int:
        """The rest of a line."""
        line_end = text.find("\n", place)
        if line_end < 0:
            return len(text)
        self._next_line()
        return line_end + 1

    def _keep(self, piece: str) -> None:
        """Of a statement that is too long, its beginning is kept; its strings and brackets are followed to the end."""
        if not piece:
            return
        self._size += len(piece)
        if self._size > LONGEST:
            room = max(0, LONGEST - self._size + len(piece))
            self._lost_lines += piece.count("\n", room)
            piece = piece[:room]
        if piece:
            self._pieces.append(piece)

    def _take_line(self) -> str:
        """Take back the line that was begun inside an open statement."""
        line = "".join(self._pieces[self._line_starts :])
        del self._pieces[self._line_starts :]
        return line

    def _end(self, fault: tuple[str, str, str] | None = None, *, lines: int = 1) -> None:
        """The statement that is open is complete. lines: 0 when its text ends with the newline that ends it."""
        text = "".join(self._pieces)
        fault = self._misbegun or (_TOO_LONG if self._size > LONGEST else fault)
        self._line = self._begun + text.count("\n") + self._lost_lines - (1 - lines)
        text = text.removesuffix("\n")
        first = fault is not None and fault is not _UNCLOSED_STRING
        self._found.append(
            Statement(text, self._begun, fault, 0 if first else max(0, len(text) - text.rfind("\n") - 2))
        )
        self._last = [text[text.rfind("\n") + 1 :]]
        self._clear()

    def _next_line(self) -> None:
        self._line += 1
        self._pieces = []
        self._mode = self._other_line if self._passed_over else self._head

    def _meant_from(self, line: str) -> int | None:
        """Where a line that begins no statement holds one nevertheless."""
        if self._passed_over:
            return None if self._told else prose.statement_in(line, self._tools)
        found = prose.assigned_in(line, self._tools)
        if found is None:
            found = prose.call_alone_in(line, self._tools)
            return None if found is None or _speaks_after(line) else found
        return found

    def _is_code(self, line: str) -> bool:
        """Whether a line that begins no statement is meant as one: in a plan's fence always, else when it is Python."""
        if self._fence is not None and self._fence not in _TEXT_LANGUAGES:
            return not self._passed_over
        return prose.is_code(line, self._tools)


def _in_fence(language: str) -> tuple[str, str, str]:
    what = f"a plan is not looked for in a ```{language} fence"
    return "other-fence", what, "write it in a ```plan fence, or without one"


def _speaks_after(line: str) -> bool:
    """Whether words follow a call."""
    found = Splitter().feed(f"x = {line.strip()}\n")
    return any(each.fault is _FOLLOWS and each.text[-1] not in ".[" for each in found)
