# What a worker answers from, and the body of one answer.

from libc.stdint cimport uint32_t, uint64_t, uint8_t

from dnsd.hotpath.native.image cimport Block, MAX_PIECES, Zone
from dnsd.hotpath.native.limit cimport Account, Limit
from dnsd.hotpath.native.pools cimport Choice
from dnsd.hotpath.native.records cimport Composed
from dnsd.hotpath.native.sketch cimport Sketch
from dnsd.hotpath.native.tap cimport Tap


cdef enum:
    MAX_SECRETS = 4
    SMALLEST_UDP = 512
    MAX_OPT = 11 + 4 + 255 + 6 + 6 + 28
    MAX_TSIG = 255 + 10 + 255 + 16
    SMALLEST_ROOM = 2048      # header, question, OPT and TSIG always fit
    BADKEY = 17


cdef struct Server:
    uint64_t *count
    Zone *zones
    int n_zones
    int *by_apex              # hash table: index into zones + 1, 0 is empty
    uint32_t apex_mask
    uint8_t key[16]           # of the hash that finds zones in the table
    uint32_t lengths[256]     # how many zones have an apex of that many octets
    int udp_payload
    int nsid_length           # -1: hidden
    uint8_t nsid[255]
    int keepalive             # in units of 100 ms
    bint hands_over           # to the transfer process
    int n_secrets
    uint8_t secrets[MAX_SECRETS][16]
    Composed *composed
    Limit limit
    Sketch sketch
    Tap tap
    uint32_t second           # of the monotonic clock, rounded up: for notes
    uint64_t draws            # state of the random numbers that choose from pools


cdef struct Body:
    const Zone *zone
    Block block
    Choice choice             # what the block ends with, if it ends with a pool
    int pieces
    uint64_t piece[MAX_PIECES]
    int rcode
    int extended_error        # 0: none
    bint empty                # no block: only header, question and OPT
    const Composed *composed  # in place of the block; NULL: none
    Account account           # what rate limits count it as
    int verdict               # of rate limits
    bint truncated
