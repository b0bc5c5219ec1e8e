"""What a count cannot be made of. A retry does not help: the caller must mend its values."""

# SelectionError(ValueError)
#   AmbiguousId      one id stands for several things, so that a ballot or a winner could mean either
#   StrangeBallot    a ballot of a probe or a class that was not named, or against another ballot of the same pair


class SelectionError(ValueError):
    """Values from which no count can be made."""


class AmbiguousId(SelectionError):
    """One id stands for several candidates, classes or probes."""


class StrangeBallot(SelectionError):
    """A ballot of a probe or class that is not in the count, or one that contradicts another."""
