"""What users ask of this node, for those who choose TTLs.

rates       how often each pool is asked for, with an interval
"""
