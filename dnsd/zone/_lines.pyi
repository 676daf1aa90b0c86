from collections.abc import Callable

class Lines:
    def __init__(self, apex: bytes, limit: int) -> None: ...
    def read(
        self,
        text: str,
        at: int,
        line: int,
        origin: bytes,
        owner: bytes,
        ttl: int,
        stated: bool,
        most: int,
        hosts: bool,
        add: Callable[[bytes, bytes, int, int, bytes, int], None],
    ) -> tuple[int, int, bytes, int]: ...
