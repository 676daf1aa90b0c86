from dnsd.zone.gather import Gatherer

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
        gatherer: Gatherer,
    ) -> tuple[int, int, bytes, int]: ...
