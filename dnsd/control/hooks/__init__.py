"""Reports each change to programs of the operator: by POST to a URL, or on a command's input.

    news      a change, as data that becomes JSON
    outbox    a bounded queue of changes, delivered one after the other, tried again
    post      a POST by HTTP/1.1
    hooks     the two ways together, as the configuration wants them

No decision ever waits for a report: a change is put into the queues, and that is all.
"""
