"""Which Calls must wait for which, so that any parallel execution equals running the statements in the order of the text.

Besides the results that a Call uses, it waits for
- "reads after": the last writes of what it reads (read-after-write);
- "writes after read": the reads of what it writes (write-after-read);
- "writes after": the last writes of what it writes (write-after-write);
- "alone": everything before it, when it is exclusive, and the last exclusive Call, whatever it is.

Writes and reads are kept in a tree of path segments. A write of a whole directory waits for what was done below it and stands for
all of that from then on; so every access is looked at about once for each segment of its path, and what many Calls wait
for in common becomes one join. Both keep the work and the edges linear in the length of the plan.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from planner.paths import Segments, is_glob, is_long, literal, may_overlap, segments, simplified
from planner.plan import Call, Why
from planner.tools import Effects

MAX_GLOBS = 32  # different ones that are told apart; further ones count as their directory
MAX_EDGES = 8  # Calls that are waited for one by one; more become a join


@dataclass(slots=True)
class _Region:
    """What was done with a path and below it.

    An epoch begins with a read of the whole after a write: `before` is what its reads wait for, `readers` are those reads,
    `writers` the writes since (each of which waits for all readers, and so for everything before the epoch). `last`: the last
    write of the whole; `parts`: reads of parts since then.
    """

    last: str = ""
    before: tuple[str, ...] = ()
    readers: list[str] = field(default_factory=list)
    writers: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    waited: tuple[str, ...] | None = None  # the readers, as writes wait for them
    below: dict[str, _Region] = field(default_factory=dict)


class Hazards:
    """The pass: give it Calls in the order of the text."""

    def __init__(self) -> None:
        self._joins: list[Call] = []
        self._joined = 0
        self._exclusive = ""
        self._forget()

    def order(self, name: str, effects: Effects, uses: Iterable[str]) -> tuple[dict[str, Why], list[Call]]:
        """Everything that a Call needs, the results that it uses first; and the joins that stand before it."""
        needs: dict[str, Why] = dict.fromkeys(uses, "uses")
        if effects.exclusive:
            for each in self._open:
                needs.setdefault(each, "alone")
            self._forget()
            self._exclusive = name
        else:
            if effects.reads or effects.writes:
                self._touch(name, effects, needs)
            if self._exclusive and self._since.isdisjoint(needs):
                needs[self._exclusive] = "alone"
        for each in needs:
            self._open.pop(each, None)
        self._open[name] = None
        self._since.add(name)
        joins, self._joins = self._joins, []
        return needs, joins

    def _forget(self) -> None:
        """After an exclusive Call everything waits for it alone."""
        self._root = _Region()
        self._globs: dict[Segments, _Region] = {}
        self._writes: list[tuple[Segments, str]] = []
        self._open: dict[str, None] = {}  # what no other Call waits for yet
        self._since: set[str] = set()

    def _touch(self, name: str, effects: Effects, needs: dict[str, Why]) -> None:
        """First what the Call waits for, then that it was there: it must not wait for itself."""
        written = {literal(segments(path)) for path in effects.writes}
        read = {simplified(segments(path)) for path in effects.reads} - written
        writes = [(path, self._chain(path)) for path in sorted(written)]
        reads = [[self._globs[path]] if self._tells_apart(path) else self._chain(path) for path in sorted(read)]
        for chain in reads:
            _add(needs, self._before_whole(chain[-1]) or _last(chain), "reads after")
        for path, chain in writes:
            self._before_write(path, chain, needs)
        for *above, region in reads:
            for each in above:
                each.parts.append(name)
            region.readers.append(name)
            region.waited = None
        for path, chain in writes:
            self._written(path, chain, name)

    def _tells_apart(self, glob: Segments) -> bool:
        """Whether a path is a glob with a region of its own. A long one counts as its directory."""
        if not is_glob(glob) or is_long(glob):
            return False
        if glob not in self._globs and len(self._globs) < MAX_GLOBS:
            earlier = [writer for where, writer in self._writes if may_overlap(glob, where)]
            self._globs[glob] = _Region(writers=earlier)
        return glob in self._globs

    def _chain(self, path: Segments) -> list[_Region]:
        """The regions from the workspace itself down to the path."""
        region = self._root
        chain = [region]
        for part in literal(path):
            below = region.below.get(part)
            if below is None:
                below = region.below[part] = _Region()
            chain.append(below)
            region = below
        return chain

    def _before_whole(self, region: _Region) -> tuple[str, ...]:
        if region.writers:
            region.before = self._join(region.writers)
            region.writers, region.readers, region.waited = [], [], None
        return region.before

    def _before_write(self, path: Segments, chain: list[_Region], needs: dict[str, Why]) -> None:
        for above in chain[:-1]:
            _add(needs, self._waited(above), "writes after read")
        region, found = chain[-1], len(needs)
        _add(needs, region.writers, "writes after")
        _add(needs, self._waited(region), "writes after read")
        _add(needs, region.parts, "writes after read")
        if len(needs) == found:
            _add(needs, region.before or _last(chain), "writes after")
        for glob, of_glob in self._globs.items():
            if may_overlap(glob, path):
                _add(needs, self._waited(of_glob), "writes after read")

    def _written(self, path: Segments, chain: list[_Region], name: str) -> None:
        for above in chain[:-1]:
            if above.writers and above.writers[0] == above.last:
                above.writers.clear()  # this write waited for it
            above.writers.append(name)
        region = chain[-1]
        region.last, region.before, region.waited = name, (), None
        region.readers, region.writers, region.parts, region.below = [], [name], [], {}
        for glob, of_glob in self._globs.items():
            if may_overlap(glob, path):
                of_glob.writers.append(name)
        self._writes.append((path, name))

    def _waited(self, region: _Region) -> tuple[str, ...]:
        if region.waited is None:
            region.waited = self._join(region.readers)
        return region.waited

    def _join(self, names: list[str]) -> tuple[str, ...]:
        """The names, or one join that stands for many."""
        if len(names) > MAX_EDGES:
            names = list(dict.fromkeys(names))
        if len(names) <= MAX_EDGES:
            return tuple(names)
        self._joined += 1
        join = Call(f"join {self._joined}", None, {}, needs=dict.fromkeys(names, "all of"))
        for name in names:
            self._open.pop(name, None)
        self._open[join.name] = None
        self._since.add(join.name)
        self._joins.append(join)
        return (join.name,)


def _last(chain: list[_Region]) -> tuple[str, ...]:
    """The last write of the whole path or of a directory above it; it stands for those before it."""
    for region in reversed(chain):
        if region.last:
            return (region.last,)
    return ()


def _add(needs: dict[str, Why], names: Iterable[str], why: Why) -> None:
    for name in names:
        needs.setdefault(name, why)
