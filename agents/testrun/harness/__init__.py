"""The program that runs inside a sandbox, under the target's own Python (3.8 or newer) and pytest (6 or newer).

Only the standard library and pytest. It travels as one zip file (`agents/testrun/archive.py`), reads requests and
writes records as JSON lines, and keeps an interpreter warm: what is slow (importing pytest, collecting the tests) is
done once, and each request is answered by a forked child that starts from there.

    main.py      start: arguments, the protocol's own file descriptors, warm or cold
    serve.py     the loop over requests, in the parent
    fork.py      one forked child after another, under limits, until every unit has its record
    pytests.py   a unit that is a test: what pytest reports of it
    calls.py     units that are expressions and calls of one function
    patch.py     a try: new source over what is already imported
    lines.py     which statements ran

What it says is no more to be trusted than the code that it runs: the host checks every record.
"""
