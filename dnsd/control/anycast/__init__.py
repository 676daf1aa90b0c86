"""The anycast plane: makes what :mod:`dnsd.announce` decides true, and sees whether it is.

    selfcheck    asks the node itself, on its VIPs
    vip          addresses and links, by netlink
    bird         BIRD, through birdcl
    reconcile    the loop that compares what is wanted with what is, and repairs it
"""
