import time

import pytest
from jobqueue import Queue, Retry


def failing(times):
    left = [times]

    def work():
        if left[0] > 0:
            left[0] -= 1
            raise RuntimeError("no")
        return "yes"

    return work


def test_jobs_run_in_the_order_of_their_time():
    queue, seen = Queue(), []
    queue.put("late", lambda: seen.append("late"), delay=5)
    queue.put("soon", lambda: seen.append("soon"))
    assert queue.drain() == 2
    assert seen == ["soon", "late"]


def test_nothing_is_due_yet():
    queue = Queue()
    queue.put("late", lambda: 1, delay=5)
    assert not queue.step()
    assert len(queue) == 1


def test_a_job_that_fails_once_is_tried_again():
    queue = Queue()
    queue.put("a", failing(1))
    queue.drain()
    assert queue.done == {"a": "yes"}
    assert queue.now == 1.0


def test_the_last_attempt_counts():
    queue = Queue(Retry(attempts=3))
    queue.put("a", failing(2))
    assert queue.drain() == 3
    assert queue.done == {"a": "yes"}


def test_a_hopeless_job_dies_after_all_its_attempts():
    queue = Queue(Retry(attempts=4))
    queue.put("a", failing(99))
    assert queue.drain() == 4
    assert [job.failures for job in queue.dead] == [4]
    assert len(queue.dead[0].errors) == 4


def test_one_attempt_is_no_retry():
    queue = Queue(Retry(attempts=1))
    queue.put("a", failing(1))
    assert queue.drain() == 1
    assert len(queue.dead) == 1


def test_no_attempt_is_refused():
    with pytest.raises(ValueError):
        Retry(attempts=0)


def test_a_real_clock():
    queue = Queue(clock=time.monotonic)
    queue.put("a", lambda: 1, delay=0.8)
    while not queue.step():
        time.sleep(0.05)
    assert queue.done == {"a": 1}
