"""The dearest query: searches for the packet that costs a server most, beside a plain hit.

chains     signed zones: NSEC and NSEC3 with any parameters, signatures of the right size
scenes     zones made to be dear, each at a limit, and what to ask them
drawn      zones and questions drawn at random
shapes     messages: queries with all that EDNS allows, and what is no query
meter      the CPU time of a packet, sockets and kernel included
search     the dearest of all
rivals     the same packets put to dnsd, NSD, Knot DNS and BIND
study      what was found, as a file and as tables
"""
