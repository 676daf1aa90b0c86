"""Which backend each slot of a balanced service leads to: pure decisions.

    table     the backend that each slot is to have: a function of names and weights alone
    slots     from the actual to the wanted backend: when a slot may move without harm
    backend   whether a backend is up, by checks and by other signs
    verdict   whether enough backends are up for the VIPs to be announced

A *slot* is one bucket of the kernel's hash over a packet's addresses and ports. A flow stays in
its slot, so a flow moves exactly when its slot does.
"""
