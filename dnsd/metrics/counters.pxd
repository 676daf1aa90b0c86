# Numbers of dnsd.metrics.counters for native modules: `python -m tests.numbers` writes them.

cdef enum:
    C_queries_udp = 0
    C_queries_tcp = 1
    C_responses_udp = 2
    C_responses_tcp = 3
    C_truncated = 4
    C_edns = 5
    C_dnssec_ok = 6
    C_cookies_valid = 7
    C_drop_short = 8
    C_drop_response = 9
    C_drop_send_blocked = 10
    C_drop_send_error = 11
    C_drop_send_no_route = 12
    C_drop_send_forbidden = 13
    C_drop_send_late = 14
    C_drop_receive_queue = 15
    C_odd_no_question = 16
    C_odd_many_questions = 17
    C_odd_bad_name = 18
    C_odd_records = 19
    C_odd_opcode = 20
    C_odd_notify = 21
    C_odd_update = 22
    C_odd_class = 23
    C_odd_transfer = 24
    C_odd_edns = 25
    C_odd_edns_version = 26
    C_odd_cookie = 27
    C_odd_tsig_key = 28
    C_odd_tsig_place = 29
    C_odd_meta_type = 30
    C_not_authoritative = 31
    C_not_ready = 32
    C_chaos = 33
    C_internal_error = 34
    C_handed_over = 35
    C_handed_over_dropped = 36
    C_tcp_accepted = 37
    C_tcp_refused_source = 38
    C_tcp_evicted = 39
    C_tcp_closed_idle = 40
    C_tcp_closed_slow_message = 41
    C_tcp_closed_bad_length = 42
    C_tcp_reset_unread = 43
    C_tcp_reset_late = 44
    C_limited = 45
    C_limited_slipped = 46
    C_qtype_1 = 47
    C_qtype_2 = 48
    C_qtype_5 = 49
    C_qtype_6 = 50
    C_qtype_12 = 51
    C_qtype_15 = 52
    C_qtype_16 = 53
    C_qtype_28 = 54
    C_qtype_33 = 55
    C_qtype_35 = 56
    C_qtype_43 = 57
    C_qtype_46 = 58
    C_qtype_47 = 59
    C_qtype_48 = 60
    C_qtype_50 = 61
    C_qtype_52 = 62
    C_qtype_64 = 63
    C_qtype_65 = 64
    C_qtype_251 = 65
    C_qtype_252 = 66
    C_qtype_255 = 67
    C_qtype_257 = 68
    C_qtype_other = 69
    C_rcode_0 = 70
    C_rcode_1 = 71
    C_rcode_2 = 72
    C_rcode_3 = 73
    C_rcode_4 = 74
    C_rcode_5 = 75
    C_rcode_6 = 76
    C_rcode_7 = 77
    C_rcode_8 = 78
    C_rcode_9 = 79
    C_rcode_10 = 80
    C_rcode_11 = 81
    C_rcode_12 = 82
    C_rcode_13 = 83
    C_rcode_14 = 84
    C_rcode_15 = 85
    C_rcode_16 = 86
    C_rcode_17 = 87
    C_rcode_18 = 88
    C_rcode_19 = 89
    C_rcode_20 = 90
    C_rcode_21 = 91
    C_rcode_22 = 92
    C_rcode_23 = 93
    C_limited_answer = 94
    C_limited_wildcard = 95
    C_limited_any = 96
    C_limited_referral = 97
    C_limited_nodata = 98
    C_limited_nxdomain = 99
    C_limited_other = 100
    KIND_ANSWER = 0
    KIND_WILDCARD = 1
    KIND_ANY = 2
    KIND_REFERRAL = 3
    KIND_NODATA = 4
    KIND_NXDOMAIN = 5
    KIND_OTHER = 6
    LAST_RCODE = 23
    COUNTERS = 101
    COUNTERS_DIGEST = 2049883458

cdef extern from *:
    """
    /* The counter of queries for each type below 512. */
    static const unsigned char dnsd_qtype_counters[512] = {
        [0] = 69, [1] = 47, [2] = 48, [3 ... 4] = 69, [5] = 49, [6] = 50, [7 ... 11] = 69,
        [12] = 51, [13 ... 14] = 69, [15] = 52, [16] = 53, [17 ... 27] = 69, [28] = 54,
        [29 ... 32] = 69, [33] = 55, [34] = 69, [35] = 56, [36 ... 42] = 69, [43] = 57,
        [44 ... 45] = 69, [46] = 58, [47] = 59, [48] = 60, [49] = 69, [50] = 61, [51] =
        69, [52] = 62, [53 ... 63] = 69, [64] = 63, [65] = 64, [66 ... 250] = 69, [251] =
        65, [252] = 66, [253 ... 254] = 69, [255] = 67, [256] = 69, [257] = 68, [258 ...
        511] = 69
    };
    """
    const unsigned char QTYPE_COUNTERS "dnsd_qtype_counters"[512]
