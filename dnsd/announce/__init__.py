"""When a node announces its VIPs: pure decisions, which are given the time and what was seen.

health       observations → healthy, degraded or failed, and why
announcer    verdict and orders → which state the node is in, and what is wanted of the route
damping      how long a node that got worse waits before it may get better
orders       what the operator has ordered, as text that outlives the process
"""
