"""What every process of a node needs, whatever its job is.

stderr, log            standard error that never makes its process wait, and lines on it
statedir, socketfile   the state directory and the admin socket: who may use them
durable                files that a power cut leaves with the old content or the new one
spawn, silence         how a process is started, and when it is stuck rather than busy
lasting                work that goes on for ever, whatever fails
exchange               one query to a server, and its answer
descriptors            how many a process may have, and errors that tell of the want of them
kernel                 system calls that Python has no names for
users                  the names of users
"""
