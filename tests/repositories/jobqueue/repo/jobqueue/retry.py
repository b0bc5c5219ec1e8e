"""When a failed job is tried again."""


class Retry:
    def __init__(self, attempts=3, base=1.0, factor=2.0, longest=60.0):
        if attempts < 1:
            raise ValueError("a job is tried at least once")
        self.attempts = attempts
        self.base = base
        self.factor = factor
        self.longest = longest

    def again(self, failures):
        """Whether a job that has failed so often is tried once more."""
        return failures + 1 < self.attempts

    def wait(self, failures):
        """Seconds before the next attempt."""
        return min(self.longest, self.base * self.factor ** (failures - 1))
