"""Everything that can go wrong in this room.

AgentError                      the root
├── SettingsUnreadable          the settings' file cannot be read: mend it (also a ValueError)
├── BadCandidates               patches of other systems cannot be read: mend the file (also a ValueError)
├── TestRunError                the repository's tests cannot be used
│   ├── UnusableTests           bad input, no retry: the message says what to mend (also a ValueError)
│   │   ├── NotPytest           the test command is not a call of pytest
│   │   ├── NotPython           there is nothing here that the repair policy could work on
│   │   ├── PytestMissing       the interpreter is missing, has no pytest, or one that is too old
│   │   ├── CollectionFailed    pytest cannot collect the tests
│   │   ├── NoTests             nothing is collected
│   │   ├── NothingFails        all tests pass, so that there is nothing to repair
│   │   └── NothingToRepair     the failing tests execute none of the repository's own code
│   └── HarnessFailed           the interpreter in the sandbox died or spoke nonsense: retry in a fresh one
├── ModelError                  a model gave no answer (after the client's own retries, where these can help)
│   ├── ModelUnusable           bad input, no retry: the message says what to mend (also a ValueError)
│   │   ├── NoSuchModel         the endpoint, or the command line, knows no model of that name
│   │   ├── NoSuchEndpoint      nothing that speaks the protocol is found at the address
│   │   ├── KeyRefused          the endpoint wants another key (401, 403)
│   │   ├── KeyUnusable         the key is no text that can be sent
│   │   ├── PricesUnknown       a budget in dollars, and nobody says what a token costs
│   │   ├── BadModelFile        a script or a record cannot be read, or holds no answer for the call
│   │   └── ServerNotStarted    `runoff model serve` could not bring its server up
│   ├── RequestRefused          the endpoint refuses this request, and would refuse it again (400, 422)
│   │   └── PromptTooLong       the prompt does not fit the model's context: condense it
│   ├── EndpointDown            no answer began: a retry, later or elsewhere, may help
│   │   ├── Unreachable         nobody listens, or is not ready yet (502, 503, 504)
│   │   ├── Throttled           the endpoint has too many requests (429)
│   │   └── ServerFailed        the server says that it failed over this request (500)
│   ├── AnswerLost              an answer began and did not end well: a retry may help
│   │   ├── AnswerStalled       no token came for too long
│   │   ├── AnswerCut           the connection ended in the middle of it
│   │   └── AnswerGarbled       it is not what the protocol says: not UTF-8, not JSON, without an end
│   ├── EmptyAnswer             an answer ended in order and holds nothing; it was paid for
│   └── ReplayDiverged          a replayed run asked something else than the recorded one
│       └── RecordEnded         it asked for more than the record holds
├── ToolError                   a tool refused what it was asked, and changed nothing; its text is for the model
│   ├── PathRefused             the path is missing, no file, a link, or leads out of the workspace
│   ├── EditRefused             the change does not fit the file
│   │   └── Unparsable          it fits, but leaves a file that cannot be parsed
│   ├── BadPattern              a regular expression or a glob that cannot be read (also a ValueError)
│   ├── NothingFound            no output, note or test has that name (also a LookupError)
│   └── ToolTimeout             it took too long and was ended (also a TimeoutError)
└── ToolsUnusable               the sandbox cannot run the tools' own program: not the model's fault
"""

from __future__ import annotations


class AgentError(Exception):
    """The root of this room's errors. `str()` says what happened, to which thing, and what to do next."""


class SettingsUnreadable(AgentError, ValueError):
    """The settings' file cannot be read."""


class BadCandidates(AgentError, ValueError):
    """Patches of other systems cannot be read."""


class TestRunError(AgentError):
    """The repository's tests cannot be used."""

    __test__ = False  # not a test class, whatever its name


class UnusableTests(TestRunError, ValueError):
    """What the user asked to run cannot tell whether a patch is right."""


class NotPytest(UnusableTests):
    """The test command is not a call of pytest."""


class NotPython(UnusableTests):
    """The repository holds no Python."""


class PytestMissing(UnusableTests):
    """The interpreter is missing, has no pytest, or one that is too old."""


class CollectionFailed(UnusableTests):
    """pytest cannot collect the tests."""


class NoTests(UnusableTests):
    """pytest collects nothing."""


class NothingFails(UnusableTests):
    """All tests pass."""


class NothingToRepair(UnusableTests):
    """The failing tests execute none of the repository's own code."""


class HarnessFailed(TestRunError):
    """The interpreter in the sandbox died, got stuck or spoke nonsense."""


class ModelError(AgentError):
    """A model gave no answer."""


class ModelUnusable(ModelError, ValueError):
    """What the user asked for cannot answer until a person changes something."""


class NoSuchModel(ModelUnusable):
    """Nobody knows a model of that name."""


class NoSuchEndpoint(ModelUnusable):
    """Nothing that speaks the OpenAI protocol is found at the address."""


class KeyRefused(ModelUnusable):
    """The endpoint wants another key."""


class KeyUnusable(ModelUnusable):
    """The key is no text that can be sent."""


class PricesUnknown(ModelUnusable):
    """A budget in dollars cannot be kept, because nobody says what a token costs."""


class BadModelFile(ModelUnusable):
    """A script or a record of a model cannot be read, or has no answer for the call."""


class ServerNotStarted(ModelUnusable):
    """The model server could not be brought up."""


class RequestRefused(ModelError):
    """The endpoint refuses this request, and would refuse it again."""


class PromptTooLong(RequestRefused):
    """The prompt, or the prompt and the answer asked for, do not fit the model's context."""


class EndpointDown(ModelError):
    """No answer began; a retry, later or elsewhere, may help. after_s: seconds to wait that the server asks for."""

    def __init__(self, message: str, after_s: float | None = None) -> None:
        super().__init__(message)
        self.after_s = after_s


class Unreachable(EndpointDown):
    """Nobody listens at the address, or is not ready yet (502, 503, 504)."""


class Throttled(EndpointDown):
    """The endpoint has too many requests (429)."""


class ServerFailed(EndpointDown):
    """The server says that it failed over this request (500)."""


class AnswerLost(ModelError):
    """An answer began and did not end well."""


class AnswerStalled(AnswerLost):
    """No token came for too long."""


class AnswerCut(AnswerLost):
    """The connection ended in the middle of an answer."""


class AnswerGarbled(AnswerLost):
    """An answer is not what the protocol says."""


class EmptyAnswer(ModelError):
    """An answer ended in order and holds nothing."""


class ReplayDiverged(ModelError):
    """A replayed run asked something else than the recorded one.

    trajectory, step: the call. message: the index of the first differing message; None when something else differs.
    """

    def __init__(self, text: str, trajectory: str, step: int, message: int | None) -> None:
        super().__init__(text)
        self.trajectory = trajectory
        self.step = step
        self.message = message


class RecordEnded(ReplayDiverged):
    """A replayed trajectory asks for more than its record holds. The recorded one may have been cut off there, by the end of
    its Run."""


class ToolError(AgentError):
    """A tool refused what it was asked, and changed nothing. `str()` is what the model is told: what happened, to which
    thing, what to do next."""


class PathRefused(ToolError):
    """The path is missing, no file, a link, or leads out of the workspace. missing: there is nothing, and nothing stands in the
    way of making it."""

    def __init__(self, message: str, *, missing: bool = False) -> None:
        super().__init__(message)
        self.missing = missing


class EditRefused(ToolError):
    """The change does not fit the file, which stays as it was."""


class Unparsable(EditRefused):
    """The change would leave a file that cannot be parsed. line: of the fault in the file as it would be, from 1; what: the
    parser's own words."""

    def __init__(self, message: str, path: str, line: int, what: str) -> None:
        super().__init__(message)
        self.path = path
        self.line = line
        self.what = what


class BadPattern(ToolError, ValueError):
    """A regular expression or a glob that cannot be read."""


class NothingFound(ToolError, LookupError):
    """No output, note or test has that name."""


class ToolTimeout(ToolError, TimeoutError):
    """It took too long and was ended."""


class ToolsUnusable(AgentError):
    """The sandbox cannot run the tools' own program: it has no Python, or something there breaks it."""
