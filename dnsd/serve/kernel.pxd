# What the kernel offers for the streams of a worker.

from libc.stdint cimport uint8_t, uint16_t, uint32_t

cdef extern from *:
    """
    #ifndef _GNU_SOURCE
    #define _GNU_SOURCE
    #endif
    #include <netinet/in.h>
    #include <sys/epoll.h>
    #include <sys/ioctl.h>
    #include <sys/socket.h>
    #include <termios.h>
    #include <unistd.h>

    typedef union {
        struct sockaddr any;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } dnsd_peer;

    /* Close in order: what is in the kernel is still delivered. */
    static inline void dnsd_close_in_order(int fd) {
        struct linger none = {0, 0};
        setsockopt(fd, SOL_SOCKET, SO_LINGER, &none, sizeof none);
        close(fd);
    }
    """
    ctypedef unsigned int socklen_t
    ctypedef struct sockaddr:
        unsigned short sa_family
    ctypedef struct in_addr:
        uint32_t s_addr
    ctypedef struct sockaddr_in:
        uint16_t sin_port
        in_addr sin_addr
    ctypedef struct in6_addr:
        uint8_t s6_addr[16]
    ctypedef struct sockaddr_in6:
        in6_addr sin6_addr
    ctypedef union dnsd_peer:
        sockaddr any
        sockaddr_in in_ "in"
        sockaddr_in6 in6
    ctypedef union epoll_data_t:
        int fd
    cdef struct epoll_event:
        uint32_t events
        epoll_data_t data
    uint16_t ntohs(uint16_t octets)
    int accept4(int fd, sockaddr *peer, socklen_t *length, int flags)
    ssize_t recv(int fd, void *into, size_t room, int flags)
    ssize_t send(int fd, const void *octets, size_t size, int flags)
    int ioctl(int fd, unsigned long request, int *found)
    int epoll_wait(int epoll, epoll_event *events, int room, int timeout)
    int epoll_ctl(int epoll, int what, int fd, epoll_event *event)
    void dnsd_close_in_order(int fd)
    bint IN6_IS_ADDR_LINKLOCAL(const in6_addr *address)
    int AF_INET, AF_INET6, SOCK_NONBLOCK, SOCK_CLOEXEC, MSG_DONTWAIT, MSG_NOSIGNAL
    int EPOLL_CTL_ADD, EPOLL_CTL_DEL, EPOLLIN, EPOLLOUT, TIOCOUTQ, CLOCK_BOOTTIME
