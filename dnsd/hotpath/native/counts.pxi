# Where each counter stands among the cells of a worker: :mod:`dnsd.metrics.counters` says.

cdef int C_queries = INDEX["queries_udp"]
cdef int C_responses = INDEX["responses_udp"]
cdef int C_truncated = INDEX["truncated"]
cdef int C_edns = INDEX["edns"]
cdef int C_dnssec_ok = INDEX["dnssec_ok"]
cdef int C_cookies_valid = INDEX["cookies_valid"]
cdef int C_drop_short = INDEX["drop_short"]
cdef int C_drop_response = INDEX["drop_response"]
cdef int C_drop_send_blocked = INDEX["drop_send_blocked"]
cdef int C_drop_send_error = INDEX["drop_send_error"]
cdef int C_drop_send_no_route = INDEX["drop_send_no_route"]
cdef int C_drop_send_forbidden = INDEX["drop_send_forbidden"]
cdef int C_drop_send_late = INDEX["drop_send_late"]
cdef int C_odd_no_question = INDEX["odd_no_question"]
cdef int C_odd_many_questions = INDEX["odd_many_questions"]
cdef int C_odd_bad_name = INDEX["odd_bad_name"]
cdef int C_odd_records = INDEX["odd_records"]
cdef int C_odd_opcode = INDEX["odd_opcode"]
cdef int C_odd_notify = INDEX["odd_notify"]
cdef int C_odd_update = INDEX["odd_update"]
cdef int C_odd_class = INDEX["odd_class"]
cdef int C_odd_edns = INDEX["odd_edns"]
cdef int C_odd_edns_version = INDEX["odd_edns_version"]
cdef int C_odd_cookie = INDEX["odd_cookie"]
cdef int C_odd_tsig_key = INDEX["odd_tsig_key"]
cdef int C_odd_tsig_place = INDEX["odd_tsig_place"]
cdef int C_odd_meta_type = INDEX["odd_meta_type"]
cdef int C_not_authoritative = INDEX["not_authoritative"]
cdef int C_not_ready = INDEX["not_ready"]
cdef int C_limited = INDEX["limited"]
cdef int C_limited_slipped = INDEX["limited_slipped"]
cdef int C_limited_kind = INDEX[f"limited_{KINDS[0]}"]
cdef int C_rcode = INDEX["rcode_0"]
cdef int C_qtype_other = INDEX["qtype_other"]
cdef int LAST_RCODE = RCODES - 1
cdef uint8_t _qtype_counter[512]

assert INDEX["queries_tcp"] == C_queries + 1 and INDEX["responses_tcp"] == C_responses + 1
assert len(INDEX) < 256


cdef _counters_of_types():
    for number in range(512):
        _qtype_counter[number] = INDEX.get(f"qtype_{number}", C_qtype_other)


_counters_of_types()
