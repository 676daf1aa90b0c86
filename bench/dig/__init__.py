"""The dig-based check of any server: latencies, TTLs over time, wrong and missing answers.

Nothing of ours runs on the server: dig or kdig asks, what they print is read.
"""
