from dataclasses import dataclass, field
from itertools import count

_numbers = count(1)


@dataclass
class Job:
    name: str
    work: object
    due: float = 0.0
    failures: int = 0
    errors: list = field(default_factory=list)
    number: int = field(default_factory=lambda: next(_numbers))

    def run(self):
        try:
            return True, self.work()
        except Exception as error:
            self.failures += 1
            self.errors.append(f"{type(error).__name__}: {error}")
            return False, None
