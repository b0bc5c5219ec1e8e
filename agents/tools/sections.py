"""What a patch says of a file above its hunks: the names before and after, with git's prefixes or without, and the mode. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from agents.errors import EditRefused
from agents.tools.paths import inside

_SAID = re.compile(r"((?:rename|copy) (?:from|to)|(?:old|new|new file|deleted file) mode(?= \d{6}$)) (.+)")
_PREFIX = re.compile(r"^[abciow]/")  # git's: a/ and b/ or, with diff.mnemonicPrefix, two of the others
_NOTHING = "/dev/null"
Names = tuple[str | None, str | None]  # None where the file does not exist before or after


@dataclass(slots=True)
class Section:
    """line: of the patch, from 1, where `diff --git` stands; 0 without one. names: the rest of that line. said: what the lines
    below it say, such as {"new file mode": "100644"}."""

    line: int = 0
    names: str = ""
    said: dict[str, str] = field(default_factory=dict)

    @property
    def begun(self) -> bool:
        return bool(self.line or self.renamed)

    def takes(self, line: str) -> bool:
        """Whether the line says something of the file. Raises EditRefused for what no patch here may do."""
        found = _SAID.match(line)
        if found is None or not (self.line or line.startswith("rename ")):
            return False
        self.said[found[1]] = found[2]
        if line.startswith("copy "):
            raise self._refused("copies a file")
        if found[1] in ("new mode", "new file mode") and not found[2].startswith("100"):
            raise self._refused("makes a link or a submodule")
        return True

    @property
    def executable(self) -> bool | None:
        """Whether the file may be executed afterwards; None if nothing is said."""
        mode = self.said.get("new file mode") or self.said.get("new mode")
        return bool(int(mode, 8) & 0o111) if mode else None

    @property
    def renamed(self) -> tuple[str, str] | None:
        if "rename from" not in self.said or "rename to" not in self.said:
            return None
        return inside(self.said["rename from"], written=True), inside(self.said["rename to"], written=True)

    def named(self, old: str, new: str) -> Names:
        """The paths in a --- and a +++ line. Raises PathRefused where they leave the workspace."""
        plain = [_plain(old), _plain(new)]
        if self.renamed and plain == [self.said["rename from"], self.said["rename to"]]:
            return self.renamed
        known = self._name()
        if known and all(name in (known, _NOTHING) or _PREFIX.sub("", name) == known for name in plain):
            plain = [name if name == _NOTHING else known for name in plain]
        elif _NOTHING in plain:
            plain = [re.sub("^[ab]/", "", name) for name in plain]
        else:
            plain = _bare(plain)
        return _path(plain[0]), _path(plain[1])

    def alone(self) -> Names:
        """The paths where no --- and +++ lines follow. Raises EditRefused where nothing is said that changes a file."""
        if self.renamed:
            return self.renamed
        known = self._name()
        if known is None or self.said.keys().isdisjoint(("new mode", "new file mode", "deleted file mode")):
            raise EditRefused(
                f"line {self.line} of the patch: nothing below says what changes; write --- and +++ lines with an @@ line"
            )
        path = _path(known)
        return None if "new file mode" in self.said else path, None if "deleted file mode" in self.said else path

    def _name(self) -> str | None:
        """What `diff --git` calls the file, where it is the same before and after."""
        middle = len(self.names) // 2
        halves = _bare([_plain(self.names[:middle]), _plain(self.names[middle + 1 :])])
        return halves[0] if self.names[middle : middle + 1] == " " and halves[0] == halves[1] else None

    def _refused(self, what: str) -> EditRefused:
        return EditRefused(f"the patch {what} (line {self.line}), which apply_patch does not do; use run for that")


def _plain(name: str) -> str:
    """Without a time and quotes."""
    name = name.split("\t", 1)[0].strip()
    return name[1:-1] if len(name) > 1 and name.startswith('"') and name.endswith('"') else name


def _bare(names: list[str]) -> list[str]:
    """Without prefixes. Equal ones are none: `git diff --no-prefix` writes a directory's name like that."""
    bare = [_PREFIX.sub("", name) for name in names]
    both = all(map(_PREFIX.match, names)) and names[0][0] != names[1][0]
    return bare if both or (names[0] != names[1] and bare[0] == bare[1]) else names


def _path(name: str) -> str | None:
    return None if name == _NOTHING else inside(name, written=True)
