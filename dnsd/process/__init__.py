"""What every process of a node needs, whatever its job.

stderr, log            standard error that never blocks its process, and the lines on it
statedir, socketfile   the state directory and the admin socket: who may use them
durablefile            files that have the old or the new content after a power cut
spawn, silence         how a process is started, and when it is stuck rather than busy
supervisor             work that continues for ever, whatever fails
exchange               one query to a server, and its answer
descriptors            how many a process may have, the errors of a shortage, whole writes
kernel                 system calls that Python does not offer
users                  the names of users
"""
