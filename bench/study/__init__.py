"""What all studies share: results in files, reports rendered from them, pictures, progress.

A study is one measurement with a question. It knows its rows, its report and its picture
(a :class:`~bench.study.kind.Kind`); what stands here knows none of them.
"""
