from jobqueue import Retry


def test_waits_grow_up_to_the_longest():
    retry = Retry(base=1, factor=3, longest=20)
    assert [retry.wait(n) for n in (1, 2, 3, 4)] == [1, 3, 9, 20]
