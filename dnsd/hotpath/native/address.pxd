# The octets of an address that comes as text: the twin of dnsd.hotpath.api.packed.

from libc.stdint cimport uint8_t

cdef extern from "<arpa/inet.h>" nogil:
    int inet_pton(int family, const char *text, void *octets)
    int AF_INET
    int AF_INET6


cdef inline int packed(str address, uint8_t *octets) except -1:
    """Write the octets of ``address`` without a zone (``%eth0``); return how many there are."""
    cdef bytes text = address.encode() if "%" not in address else address.partition("%")[0].encode()
    cdef bint ipv6 = ":" in address
    if inet_pton(AF_INET6 if ipv6 else AF_INET, text, octets) != 1:
        raise ValueError(f"{address!r} is not an IP address")
    return 16 if ipv6 else 4
