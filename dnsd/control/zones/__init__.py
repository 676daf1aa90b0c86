"""Which zones the node has, and what becomes of them when files change.

roster, table      the zones there are to be, and those there are
watch, writers     when files have changed and no program writes them; inotify: the kernel's word
requests, reload   one reload at a time, from the disk to what is published; report: its outcome
guard, grace       what an edit may not take away without being asked about
acceptance         builds that are taken, refused, or replaced by what was good last
commitments        edits that would break a promise in seconds
earlier, recover   images and zones that an earlier process has left
"""
