"""python -m jobqueue ATTEMPTS FAILURES: how a job that fails so often ends."""

import sys

from jobqueue import Queue, Retry


def main():
    attempts, failures = int(sys.argv[1]), int(sys.argv[2])
    left = [failures]

    def work():
        if left[0] > 0:
            left[0] -= 1
            raise RuntimeError("not yet")
        return "well"

    queue = Queue(Retry(attempts))
    queue.put("job", work)
    queue.drain()
    print("done" if "job" in queue.done else "dead")


main()
