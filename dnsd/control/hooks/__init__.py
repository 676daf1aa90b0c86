"""Tells programs of the operator's of each change: a URL gets it by POST, a command on its input.

    news      a change, as data that becomes JSON
    outbox    a bounded queue of changes, delivered one after the other, tried again
    post      a POST by HTTP/1.1
    hooks     the two ways together, as the configuration wants them

No decision ever waits for it: who makes a change puts it into the queue, and goes on.
"""
