"""What every process of a node needs, whatever its job is.

stderr       standard error that never makes its process wait
"""
