/* Asks a server on 127.0.0.1 over UDP and says how long its answers took.
 *
 *     udp PORT QUERIES SECONDS RATE OUTSTANDING [PID SIGNAL LIMIT NEW OLD]
 *
 * QUERIES holds messages, each after its length in two bytes. RATE is queries a second, sent
 * whether answers come or not (OUTSTANDING bounds them); with 0, OUTSTANDING queries are always
 * in flight. With PID, the file NEW replaces OLD after SECONDS and SIGNAL is sent to PID; a
 * second window of figures begins then, and lasts until the answer to the first message of
 * QUERIES has changed and SETTLE_NS more have passed, or LIMIT seconds. The loop spins: give
 * it a core of its own.
 *
 * Output, one line a window, times in microseconds:
 *     window=0 seconds= sent= received= lost= p50= p99= p999= max= rcode0= ... rcode15=
 * and with PID "changed=SECONDS", from the signal to the first new answer (-1: none came).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>

enum { SOCKETS = 16, BATCH = 32, SIZE = 4096, HEADER = 12, IDS = 65536, RCODES = 16 };
enum { SUBS = 64, SUB_BITS = 6, BUCKETS = 48 * SUBS, BUFFER = 1 << 20 };
static const long long SECOND = 1000000000LL, LOST_NS = 1000000000LL;
static const long long PROBE_NS = 10000000LL, SETTLE_NS = 250000000LL;

struct window {
    long long begin, end, max;
    long sent, received, lost, rcodes[RCODES], buckets[BUCKETS];
};
struct in_flight { long long time; int window; };

static struct window windows[2];
static struct in_flight in_flight[SOCKETS][IDS];
static unsigned short next_id[SOCKETS];
static unsigned queue[SOCKETS * IDS];
static unsigned long oldest, newest;
static int sockets[SOCKETS], probe, current, outstanding;
static unsigned char *queries, **messages_of;
static int *lengths, count;

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static long long now(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * SECOND + t.tv_nsec;
}

/* Sixty-four buckets for each power of two: a figure is right to 1.6 percent. */
static int bucket(long long value)
{
    int shift = 0;

    while (value >> shift >= 2 * SUBS)
        shift++;
    int index = (shift << SUB_BITS) + (int)(value >> shift);
    return index < BUCKETS ? index : BUCKETS - 1;
}

static double middle(int index)
{
    int shift = index < 2 * SUBS ? 0 : (index >> SUB_BITS) - 1;
    long long low = (long long)(index - (shift << SUB_BITS)) << shift;

    return low + ((1LL << shift) - 1) / 2.0;
}

static double percentile(const struct window *w, double share)
{
    long rank = (long)(w->received * share), seen = 0;

    for (int i = 0; i < BUCKETS; i++)
        if ((seen += w->buckets[i]) > rank)
            return middle(i) / 1000;
    return w->max / 1000.0;
}

static void read_queries(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size;

    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 2)
        fail(path);
    rewind(file);
    queries = malloc(size);
    messages_of = malloc(size * sizeof *messages_of / 2);
    lengths = malloc(size * sizeof *lengths / 2);
    if (!queries || !messages_of || !lengths || fread(queries, 1, size, file) != (size_t)size)
        fail(path);
    fclose(file);
    for (long at = 0; at + 2 <= size; at += 2 + lengths[count++]) {
        lengths[count] = queries[at] << 8 | queries[at + 1];
        messages_of[count] = queries + at + 2;
        if (lengths[count] < HEADER || at + 2 + lengths[count] > size)
            fail("a query is cut short");
    }
}

static int connect_to(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), size = BUFFER;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0)
        fail("connect");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    return fd;
}

/* Send `wanted` queries from one socket, the next one at each call. */
static void send_some(int wanted)
{
    static int turn, query;
    static struct mmsghdr out[BATCH];
    static struct iovec vectors[BATCH][2];
    static unsigned short ids[BATCH];
    int s = turn++ % SOCKETS, n = wanted < BATCH ? wanted : BATCH;

    for (int i = 0; i < n; i++) {
        int q = (query + i) % count;
        ids[i] = htons((unsigned short)(next_id[s] + i));
        vectors[i][0] = (struct iovec){&ids[i], 2};
        vectors[i][1] = (struct iovec){messages_of[q] + 2, lengths[q] - 2};
        out[i].msg_hdr.msg_iov = vectors[i];
        out[i].msg_hdr.msg_iovlen = 2;
    }
    long long time = now();
    int sent = sendmmsg(sockets[s], out, n, 0);
    for (int i = 0; i < sent; i++) {
        in_flight[s][next_id[s]] = (struct in_flight){time, current};
        queue[newest++ % (SOCKETS * IDS)] = (unsigned)s * IDS + next_id[s]++;
        windows[current].sent++;
        outstanding++;
        query = (query + 1) % count;
    }
}

static void take(int s, const unsigned char *message, unsigned length, long long time)
{
    struct in_flight *query;

    if (length < HEADER || !(query = &in_flight[s][message[0] << 8 | message[1]])->time)
        return;
    struct window *w = &windows[query->window];
    long long latency = time - query->time;
    query->time = 0;
    outstanding--;
    w->received++;
    w->rcodes[message[3] & 15]++;
    w->buckets[bucket(latency)]++;
    if (latency > w->max)
        w->max = latency;
}

static void receive(int s)
{
    static unsigned char packets[BATCH][SIZE];
    static struct iovec vectors[BATCH];
    static struct mmsghdr in[BATCH];
    int n;

    do {
        for (int i = 0; i < BATCH; i++) {
            vectors[i] = (struct iovec){packets[i], SIZE};
            in[i].msg_hdr.msg_iov = &vectors[i];
            in[i].msg_hdr.msg_iovlen = 1;
        }
        n = recvmmsg(sockets[s], in, BATCH, MSG_DONTWAIT, NULL);
        long long time = now();
        for (int i = 0; i < n; i++)
            take(s, packets[i], in[i].msg_len, time);
    } while (n == BATCH);
}

/* Give up what is older than LOST_NS and forget what has been answered. */
static void expire(long long time)
{
    for (; oldest < newest; oldest++) {
        unsigned at = queue[oldest % (SOCKETS * IDS)];
        struct in_flight *query = &in_flight[at / IDS][at % IDS];
        if (query->time && time - query->time < LOST_NS)
            return;
        if (query->time) {
            query->time = 0;
            outstanding--;
            windows[query->window].lost++;
        }
    }
}

/* Ask the first message now and then; true once its answer differs from the first one seen. */
static int changed(long long time)
{
    static unsigned char first[SIZE], answer[SIZE];
    static long long asked;
    static int known;
    int length;

    if (time - asked > PROBE_NS) {
        asked = time;
        if (send(probe, messages_of[0], lengths[0], 0) < 0)
            return 0;
    }
    while ((length = recv(probe, answer, SIZE, MSG_DONTWAIT)) > 0) {
        if (!known)
            memcpy(first, answer, known = length);
        if (length != known || memcmp(first, answer, length))
            return 1;
    }
    return 0;
}

static void step(int epoll, long long time, long due, int most)
{
    struct epoll_event events[SOCKETS];
    int ready = epoll_wait(epoll, events, SOCKETS, 0);

    for (int i = 0; i < ready; i++)
        receive(events[i].data.u32);
    expire(time);
    for (int i = 0; i < SOCKETS && due > 0; i++) {
        long before = windows[current].sent;
        int free = most - outstanding;
        if (free <= 0)
            break;
        send_some(due < free ? (int)due : free);
        due -= windows[current].sent - before;
    }
}

static void print(int number)
{
    const struct window *w = &windows[number];

    printf("window=%d seconds=%.6f sent=%ld received=%ld lost=%ld", number,
           (double)(w->end - w->begin) / SECOND, w->sent, w->received, w->lost);
    printf(" p50=%.2f p99=%.2f p999=%.2f max=%.2f", percentile(w, 0.5), percentile(w, 0.99),
           percentile(w, 0.999), w->max / 1000.0);
    for (int i = 0; i < RCODES; i++)
        printf(" rcode%d=%ld", i, w->rcodes[i]);
    putchar('\n');
}

int main(int argc, char **argv)
{
    if (argc != 6 && argc != 11) {
        fputs("usage: udp PORT QUERIES SECONDS RATE OUTSTANDING [PID SIGNAL LIMIT NEW OLD]\n", stderr);
        return 2;
    }
    long long length = (long long)(atof(argv[3]) * SECOND), rate = atoll(argv[4]), seen = 0;
    int most = atoi(argv[5]), pid = argc == 11 ? atoi(argv[6]) : 0, epoll = epoll_create1(0);

    read_queries(argv[2]);
    for (int s = 0; s < SOCKETS; s++) {
        struct epoll_event event = {.events = EPOLLIN, .data.u32 = (unsigned)s};
        sockets[s] = connect_to(atoi(argv[1]));
        if (epoll_ctl(epoll, EPOLL_CTL_ADD, sockets[s], &event) < 0)
            fail("epoll_ctl");
    }
    probe = connect_to(atoi(argv[1]));
    long long start = now(), time = start, end = start + length;
    long sent = 0;
    windows[0].begin = start;
    while (time < end) {
        long due = rate ? (long)((double)(time - start) / SECOND * rate) - sent : most;
        long before = windows[0].sent + windows[1].sent;
        step(epoll, time, due, most);
        sent += windows[0].sent + windows[1].sent - before;
        time = now();
        if (pid && !seen && changed(time) && current) {
            seen = time;
            end = time + SETTLE_NS;
        }
        if (pid && !current && time >= end) {
            windows[0].end = windows[1].begin = time;
            current = 1;
            end = time + (long long)(atof(argv[8]) * SECOND);
            if (rename(argv[9], argv[10]) < 0)
                fail("rename");
            if (kill(pid, atoi(argv[7])) < 0)
                fail("kill");
        }
    }
    windows[current].end = time;
    for (long long last = time + 2 * LOST_NS; outstanding && time < last; time = now())
        step(epoll, time, 0, most);
    for (int i = 0; i <= current; i++)
        print(i);
    if (pid)
        printf("changed=%.6f\n", seen ? (double)(seen - windows[1].begin) / SECOND : -1.0);
    return 0;
}
