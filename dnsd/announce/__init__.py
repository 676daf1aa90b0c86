"""When a node announces its VIPs: pure decisions from the time and observations.

health       observations → healthy, degraded or failed, and why
announcer    verdict and orders → the state of the node, and the goal for its route
damping      how long a node that got worse waits before it may get better
orders       the operator's orders, as text that outlives the process
"""
