"""A queue in memory, with a clock that tests can turn."""

import heapq

from jobqueue.jobs import Job
from jobqueue.retry import Retry


class Queue:
    def __init__(self, retry=None, clock=None):
        self.retry = retry or Retry()
        self.now = 0.0
        self._clock = clock
        self._waiting = []
        self.done = {}
        self.dead = []

    def time(self):
        return self._clock() if self._clock else self.now

    def put(self, name, work, delay=0.0):
        job = Job(name, work, due=self.time() + delay)
        heapq.heappush(self._waiting, (job.due, job.number, job))
        return job

    def __len__(self):
        return len(self._waiting)

    def step(self):
        """Run the next job that is due; False when none is."""
        if not self._waiting or self._waiting[0][0] > self.time():
            return False
        job = heapq.heappop(self._waiting)[2]
        ok, result = job.run()
        if ok:
            self.done[job.name] = result
        elif self.retry.again(job.failures):
            job.due = self.time() + self.retry.wait(job.failures)
            heapq.heappush(self._waiting, (job.due, job.number, job))
        else:
            self.dead.append(job)
        return True

    def drain(self):
        """Run everything, turning the clock as needed; returns how many runs it took."""
        runs = 0
        while self._waiting:
            self.now = max(self.now, self._waiting[0][0])
            runs += self.step()
        return runs
