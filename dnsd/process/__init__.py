"""What every process of a node needs, whatever its job is.

stderr       standard error that never makes its process wait
descriptors  how many it may have, and errors that tell of the want of them
kernel       system calls that Python has no names for
users        the names of users
"""
