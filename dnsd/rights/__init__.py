"""Gives up rights of a process, so that taking it over gains little.

    capabilities   the parts of root's power (capabilities(7)), and the promise to gain none
    syscalls       system calls that it no longer needs (seccomp(2))
    files          files and networks that it no longer needs (landlock(7))

Each is final, and applies to child processes, too. Knows Linux, and of dnsd only its errors; each
process knows what it needs.
"""
