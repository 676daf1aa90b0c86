/* The floor that no DNS server gets under: receive datagrams with recvmmsg, set QR, send them
 * back with sendmmsg. One thread, one socket on 127.0.0.1, no parsing.
 *
 *     cc -O2 -o echo echo.c && ./echo PORT
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

enum { BATCH = 64, SIZE = 1500, HEADER = 12, QR = 0x80 };

static unsigned char packets[BATCH][SIZE];
static struct sockaddr_in sources[BATCH];
static struct iovec vectors[BATCH];
static struct mmsghdr messages[BATCH];

static void reset(int i, size_t length)
{
    vectors[i].iov_base = packets[i];
    vectors[i].iov_len = length;
    messages[i].msg_hdr.msg_name = &sources[i];
    messages[i].msg_hdr.msg_namelen = sizeof sources[i];
    messages[i].msg_hdr.msg_iov = &vectors[i];
    messages[i].msg_hdr.msg_iovlen = 1;
}

static int listen_on(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, sizeof address) < 0) {
        perror("echo: bind");
        exit(1);
    }
    return fd;
}

int main(int argc, char **argv)
{
    int fd = listen_on(argc > 1 ? atoi(argv[1]) : 5300);

    for (;;) {
        for (int i = 0; i < BATCH; i++)
            reset(i, SIZE);
        int count = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        if (count < 0)
            continue;
        for (int i = 0; i < count; i++) {
            reset(i, messages[i].msg_len);
            if (messages[i].msg_len >= HEADER)
                packets[i][2] |= QR;
        }
        for (int done = 0; done < count;) {
            int sent = sendmmsg(fd, messages + done, count - done, 0);
            done += sent > 0 ? sent : 1;
        }
    }
}
