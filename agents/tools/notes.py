"""What a trajectory wants to remember: notes by topic, outside of the conversation's window.

`as_data` and `Notes(data)` carry them through a checkpoint. Writing a note twice is the same as once, so that a step which is
done again after a crash leaves no trace.
"""

from __future__ import annotations

from collections.abc import Mapping

from agents.errors import NothingFound, ToolError
from agents.tools.results import Noted, NoteList, NoteResult

MOST_NOTES = 64


class Notes:
    """The notes of one trajectory."""

    def __init__(self, notes: Mapping[str, str] | None = None) -> None:
        self._notes = dict(notes or {})

    def as_data(self) -> dict[str, str]:
        return dict(self._notes)

    def as_text(self) -> str:
        """All of them, for the moment in which the window is condensed."""
        return self.recall().whole_text()

    def note(self, topic: str, text: str) -> NoteResult:
        """Keep a text, in the place of an older one on the same topic; forget that if the text is empty. Raises ToolError."""
        topic = topic.strip()
        if not text.strip():
            self._notes.pop(topic, None)
            return NoteResult(topic=topic, kept=False)
        if topic not in self._notes and len(self._notes) >= MOST_NOTES:
            raise ToolError(f'there are {MOST_NOTES} notes already; forget one first: note(topic="…", text="")')
        self._notes[topic] = text
        return NoteResult(topic=topic, kept=True)

    def recall(self, topic: str = "") -> NoteList:
        """One note, or all. Raises NothingFound."""
        topic = topic.strip()
        if topic and topic not in self._notes:
            known = ", ".join(self._notes) or "none so far"
            raise NothingFound(f"there is no note on {topic!r}; topics: {known}")
        chosen = {topic: self._notes[topic]} if topic else self._notes
        return NoteList(notes=tuple(Noted(topic=name, text=text) for name, text in chosen.items()))
