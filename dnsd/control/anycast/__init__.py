"""The anycast plane: makes what :mod:`dnsd.announce` decides true, and sees whether it is.

    plane         the loops: look, decide, act, look again
    selfcheck     asks the node itself, on its VIPs; observe: what else there is to see
    vip           addresses and links, by netlink; neighbours: who has a VIP already
    keeper, bird  what BIRD is to do, and how it is told, through birdcl
    orderbook     the operator's orders on disk; commands: how they are given

None of them ever stops an answer: what fails here is reported, and tried again.
"""
