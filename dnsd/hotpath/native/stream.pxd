# Answers to messages that come over TCP: for a native server of streams.

from libc.stdint cimport uint16_t, uint32_t, uint8_t
from libc.time cimport time as c_time

from dnsd.hotpath.native.clock cimport monotonic, whole_second
from dnsd.hotpath.native.octets cimport LARGEST
from dnsd.hotpath.native.query cimport Request, TCP
from dnsd.hotpath.native.respond cimport respond
from dnsd.hotpath.native.server cimport Server
from dnsd.hotpath.native.sketch cimport sketch_begin
from dnsd.hotpath.native.tap cimport tap_begin


cdef inline int answer_stream(
    Server *server,
    const uint8_t *packet, int size,
    const uint8_t *address, int octets, uint16_t port,
    uint8_t *out,
) noexcept nogil:
    """Write the answer to a whole message to ``out``, which has room for the largest one.

    Return its octets: 0 if it gets none, DECLINED if ``HotPath.answer`` has to be asked.
    """
    cdef Request request
    request.packet, request.size, request.transport = packet, size, TCP
    request.address, request.address_length, request.port = address, octets, port
    request.now = <uint32_t>c_time(NULL)
    server.second = whole_second(monotonic())
    sketch_begin(&server.sketch)
    tap_begin(&server.tap)
    return respond(server, &request, out, LARGEST)
