"""What a process gives up, so that little is gained by taking it over.

    capabilities   the parts of root's power (capabilities(7)), and the promise to gain none
    syscalls       system calls that it needs no more (seccomp(2))
    files          files and networks that it needs no more (landlock(7))

Each is for good, and for what the process starts, too. Knows Linux, and nothing of dnsd but its
errors; each process knows what it needs.
"""
