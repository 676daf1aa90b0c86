# cython: cdivision=True
# A batch of datagrams: received with one system call, sent with another.

from libc.errno cimport EACCES, EAGAIN, EHOSTUNREACH, EINTR, ENETDOWN, ENETUNREACH, EPERM, errno
from libc.stdint cimport int64_t, uint32_t, uint64_t, uint8_t
from libc.stdlib cimport calloc, free, malloc

from dnsd.hotpath.native.clock cimport since_boot
from dnsd.hotpath.native.query cimport Request
from dnsd.metrics.counters cimport (
    C_drop_send_blocked, C_drop_send_error, C_drop_send_forbidden, C_drop_send_late,
    C_drop_send_no_route,
)


cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <sys/types.h>
    #include <sys/socket.h>
    #include <netinet/in.h>
    #include <string.h>

    /* The control message of a reply: the address asked becomes the source, the interface is
       left to routing unless the address is link-local. */
    static void dnsd_reply_from(struct msghdr *head) {
        struct cmsghdr *c;
        for (c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c)) {
            if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
                struct in_pktinfo *info = (struct in_pktinfo *)CMSG_DATA(c);
                info->ipi_spec_dst = info->ipi_addr;
                info->ipi_ifindex = 0;
            } else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
                struct in6_pktinfo *info = (struct in6_pktinfo *)CMSG_DATA(c);
                if (!IN6_IS_ADDR_LINKLOCAL(&info->ipi6_addr))
                    info->ipi6_ifindex = 0;
            }
        }
    }
    """
    ctypedef unsigned int socklen_t
    cdef struct iovec:
        void *iov_base
        size_t iov_len
    cdef struct msghdr:
        void *msg_name
        socklen_t msg_namelen
        iovec *msg_iov
        size_t msg_iovlen
        void *msg_control
        size_t msg_controllen
        int msg_flags
    cdef struct mmsghdr:
        msghdr msg_hdr
        unsigned int msg_len
    int recvmmsg(int fd, mmsghdr *messages, unsigned int n, int flags, void *timeout) nogil
    int sendmmsg(int fd, mmsghdr *messages, unsigned int n, int flags) nogil
    void dnsd_reply_from(msghdr *head) nogil
    int MSG_DONTWAIT
    int MSG_WAITFORONE
    int AF_INET

cdef enum:
    BATCH = 64                # datagrams a system call
    LOOK = 4                  # datagrams between two looks at the clock
    # After more than so many, more are likely to have come meanwhile: looking again costs less
    # than another turn of the event loop, and after fewer it would be for nothing.
    FEW = 1
    RECEIVE = 65535
    # strides that are no multiple of a page, or all packets would fight for the same cache lines
    RECEIVE_STRIDE = 65536 + 192
    CONTROL = 64


cdef struct Peer:
    unsigned short family     # laid out as sockaddr_in and sockaddr_in6
    uint8_t octets[126]


cdef struct Batch:
    mmsghdr messages[BATCH]
    mmsghdr replies[BATCH]
    iovec receive_into[BATCH]
    iovec send_from[BATCH]
    Peer peers[BATCH]
    Request requests[BATCH]
    uint8_t control[BATCH][CONTROL]
    uint8_t *received
    uint8_t *answers
    int room                  # octets of one answer
    int stride
    int n_replies
    int n_used                # message headers that the kernel has written into: datagrams
    int next                  # the first of them that is not answered yet
    int fd                    # where they come from
    int64_t sent_within       # nanoseconds after which an answer is too late to be sent
    int64_t composed          # since_boot() when the first of the replies was begun


cdef inline Batch *batch_new(int room):
    cdef Batch *batch = <Batch *>calloc(1, sizeof(Batch))
    cdef int i
    if batch == NULL:
        return NULL
    batch.room = room
    batch.n_used = batch.next = BATCH
    batch.stride = (room + 63) // 64 * 64 + 192
    batch.received = <uint8_t *>malloc(BATCH * RECEIVE_STRIDE)
    batch.answers = <uint8_t *>malloc(BATCH * batch.stride)
    if batch.received == NULL or batch.answers == NULL:
        batch_free(batch)
        return NULL
    for i in range(BATCH):
        batch.receive_into[i].iov_base = batch.received + i * RECEIVE_STRIDE
        batch.receive_into[i].iov_len = RECEIVE
        batch.messages[i].msg_hdr.msg_iov = &batch.receive_into[i]
        batch.messages[i].msg_hdr.msg_iovlen = 1
        batch.messages[i].msg_hdr.msg_name = &batch.peers[i]
        batch.messages[i].msg_hdr.msg_control = batch.control[i]
    return batch


cdef inline void batch_free(Batch *batch) noexcept:
    if batch != NULL:
        free(batch.received)
        free(batch.answers)
        free(batch)


cdef inline int batch_receive(Batch *batch, int fd, int flags) noexcept nogil:
    """Receive what is there; return how many datagrams (0 on any error)."""
    cdef int i, received
    for i in range(batch.n_used):
        batch.messages[i].msg_hdr.msg_namelen = sizeof(Peer)
        batch.messages[i].msg_hdr.msg_controllen = CONTROL
    received = max(recvmmsg(fd, batch.messages, BATCH, flags, NULL), 0)
    batch.n_used = received
    batch.next = 0
    batch.fd = fd
    return received


cdef inline int batch_left(const Batch *batch) noexcept nogil:
    """How many datagrams have been received and wait for the next turn."""
    return batch.n_used - batch.next


cdef inline uint8_t *batch_out(Batch *batch, int i) noexcept nogil:
    return batch.answers + i * batch.stride


cdef inline Request *batch_request(Batch *batch, int i, uint32_t now) noexcept nogil:
    cdef Request *request = &batch.requests[i]
    request.packet = batch.received + i * RECEIVE_STRIDE
    request.size = batch.messages[i].msg_len
    request.transport = 0
    request.now = now
    request.port = batch.peers[i].octets[0] << 8 | batch.peers[i].octets[1]
    request.port = batch.peers[i].octets[0] << 8 | batch.peers[i].octets[1]
    if batch.peers[i].family == AF_INET:
        request.address = batch.peers[i].octets + 2
        request.address_length = 4
    else:
        request.address = batch.peers[i].octets + 6
        request.address_length = 16
    return request


cdef inline void batch_reply(Batch *batch, int i, int length) noexcept nogil:
    """Put the answer to datagram ``i`` in line to be sent; 0 octets: no answer."""
    cdef int n = batch.n_replies
    cdef msghdr *head
    if length <= 0:
        return
    batch.send_from[n].iov_base = batch_out(batch, i)
    batch.send_from[n].iov_len = length
    batch.replies[n].msg_hdr = batch.messages[i].msg_hdr
    head = &batch.replies[n].msg_hdr
    head.msg_iov = &batch.send_from[n]
    head.msg_flags = 0
    if head.msg_controllen:
        dnsd_reply_from(head)
    batch.n_replies = n + 1


cdef inline int refusal_of(int error) noexcept nogil:
    """Return the counter of responses that the kernel refused with ``error``."""
    if error == ENETUNREACH or error == EHOSTUNREACH or error == ENETDOWN:
        return C_drop_send_no_route
    if error == EPERM or error == EACCES:
        return C_drop_send_forbidden
    return C_drop_send_error


cdef inline void batch_send(Batch *batch, uint64_t *count) noexcept nogil:
    """Send the answers; what would block, or is too old, is dropped and counted, never queued."""
    cdef int sent = 0, result
    while sent < batch.n_replies:
        if since_boot() - batch.composed > batch.sent_within:
            count[C_drop_send_late] += batch.n_replies - sent
            return
        result = sendmmsg(batch.fd, &batch.replies[sent], batch.n_replies - sent, MSG_DONTWAIT)
        if result > 0:
            sent += result
        elif errno == EAGAIN:
            count[C_drop_send_blocked] += batch.n_replies - sent
            return
        elif errno != EINTR:
            count[refusal_of(errno)] += 1
            sent += 1
