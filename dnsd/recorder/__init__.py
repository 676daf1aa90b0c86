"""The recorder: a process that reads what workers put into the tap, and writes it down.

There is one for each place that it goes to, and only while it is wanted. Workers and control never
wait for it: what it does not read in time is lost, and it counts that.
"""
