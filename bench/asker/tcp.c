/* Asks a server on 127.0.0.1 over TCP, each query on a connection of its own.
 *
 *     tcp PORT QUERIES SECONDS CONNECTIONS
 *
 * QUERIES holds messages, each after its length in two bytes, as they go over the connection.
 * CONNECTIONS are open at a time; they come from many addresses of 127.0.0.0/8, so that neither
 * ports run out nor a server's limit for one address is met. The client closes after the answer.
 *
 * Output, one line, times in microseconds from connect to the whole answer:
 *     seconds= sent= received= lost= p50= p99= p999= rcode0= ... rcode15=
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { SOURCES = 200, SIZE = 4096, HEADER = 12, RCODES = 16, MOST = 1024, KEPT = 1 << 22 };
static const double TIMEOUT = 2.0;

struct connection {
    double since;
    int fd, have, asked;
    unsigned char answer[SIZE];
};

static struct connection connections[MOST];
static unsigned char *queries;
static long *offsets, count, sent, received, lost, rcodes[RCODES];
static float *latencies;
static int epoll, port;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static double now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void read_queries(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 2)
        fail(path);
    rewind(file);
    queries = malloc(size);
    offsets = malloc(size * sizeof *offsets / 2);
    if (!queries || !offsets || fread(queries, 1, size, file) != (size_t)size)
        fail(path);
    fclose(file);
    for (long at = 0; at + 2 <= size; at += 2 + (queries[at] << 8 | queries[at + 1]))
        offsets[count++] = at;
}

/* Begin a connection to the server from the next address; the query goes out when it stands. */
static void begin(struct connection *c, double time)
{
    static unsigned source;
    struct sockaddr_in from = {.sin_family = AF_INET}, to = {.sin_family = AF_INET};
    struct epoll_event event = {.events = EPOLLOUT, .data.ptr = c};
    int on = 1;

    from.sin_addr.s_addr = htonl(0x7f000101 + source++ % SOURCES);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    c->have = c->asked = 0;
    c->since = time;
    setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (c->fd < 0 || bind(c->fd, (struct sockaddr *)&from, sizeof from) < 0)
        fail("bind");
    if (connect(c->fd, (struct sockaddr *)&to, sizeof to) < 0 && errno != EINPROGRESS)
        fail("connect");
    epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event);
    sent++;
}

static void finish(struct connection *c, double time)
{
    if (received < KEPT)
        latencies[received] = (float)((time - c->since) * 1e6);
    received++;
    rcodes[c->answer[5] & 15]++;
}

static void ask(struct connection *c)
{
    static long query;
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    unsigned char *message = queries + offsets[query++ % count];
    int length = 2 + (message[0] << 8 | message[1]);

    c->asked = send(c->fd, message, length, MSG_NOSIGNAL) == length;
    epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

/* Take what is there: 1 when the answer is whole, 0 when more is to come, -1 when it is over. */
static int take(struct connection *c)
{
    int got = recv(c->fd, c->answer + c->have, SIZE - c->have, 0);

    if (got < 0 && errno == EAGAIN)
        return 0;
    if (got <= 0)
        return -1;
    c->have += got;
    if (c->have < 2 + HEADER)
        return 0;
    return c->have >= 2 + (c->answer[0] << 8 | c->answer[1]);
}

static void go_on(struct connection *c)
{
    double time = now();
    int state = 0;

    if (!c->asked) {
        ask(c);
        state = c->asked ? 0 : -1;
    } else {
        state = take(c);
    }
    if (!state)
        return;
    if (state > 0)
        finish(c, time);
    else
        lost++;
    close(c->fd);
    begin(c, time);
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
    struct epoll_event events[MOST];

    if (argc != 5 || atoi(argv[4]) < 1 || atoi(argv[4]) > MOST) {
        fputs("usage: tcp PORT QUERIES SECONDS CONNECTIONS\n", stderr);
        return 2;
    }
    port = atoi(argv[1]);
    int open = atoi(argv[4]);
    epoll = epoll_create1(0);
    latencies = malloc(KEPT * sizeof *latencies);
    if (!latencies)
        fail("malloc");
    read_queries(argv[2]);
    double start = now(), end = start + atof(argv[3]);
    for (int i = 0; i < open; i++)
        begin(&connections[i], start);
    while (now() < end) {
        int ready = epoll_wait(epoll, events, MOST, 50);
        for (int i = 0; i < ready; i++)
            go_on(events[i].data.ptr);
        double time = now();
        for (int i = 0; ready < open && i < open; i++)
            if (time - connections[i].since > TIMEOUT) {
                lost++;
                close(connections[i].fd);
                begin(&connections[i], time);
            }
    }
    double seconds = now() - start;
    long kept = received < KEPT ? received : KEPT;
    qsort(latencies, kept, sizeof *latencies, by_size);
    /* What was under way when time was up is neither answered nor lost. */
    printf("seconds=%.6f sent=%ld received=%ld lost=%ld", seconds, sent - open, received, lost);
    printf(" p50=%.2f p99=%.2f p999=%.2f", kept ? latencies[kept / 2] : 0,
           kept ? latencies[kept * 99 / 100] : 0, kept ? latencies[kept * 999 / 1000] : 0);
    for (int i = 0; i < RCODES; i++)
        printf(" rcode%d=%ld", i, rcodes[i]);
    putchar('\n');
    return 0;
}
