"""The anycast plane: makes what :mod:`dnsd.announce` decides true, and sees whether it is.

    plane         the loops: look, decide, act, look again
    selfcheck     asks the node itself, on its VIPs; observe: its other signs of health
    vip           addresses and links, by netlink; neighbours: who has a VIP already
    keeper, bird  what BIRD shall do, and the commands for it, through birdcl
    orderbook     the operator's orders on disk; commands: how they come in

None of them ever stops an answer: what fails here is reported and tried again.
"""
