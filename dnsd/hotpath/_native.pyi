from collections.abc import Callable, Sequence

from dnsd.hotpath.api import Client, Settings
from dnsd.hotpath.limiter import Limiter
from dnsd.image.buckets import Buckets
from dnsd.image.demand import SketchCells
from dnsd.image.store import Image
from dnsd.image.tap import TapCells
from dnsd.metrics.counters import Counters

class NativeHotPath:
    limiter: Limiter | None
    def __init__(
        self,
        settings: Settings,
        counters: Counters,
        memory: Buckets | None = None,
        seed: int | None = None,
        sketched: SketchCells | None = None,
        tapped: TapCells | None = None,
    ) -> None: ...
    def answer(self, packet: bytes, now: float, client: Client) -> bytes | None: ...
    def put_zone(self, apex: bytes, image: Image | None) -> None: ...
    def expire_zone(self, apex: bytes) -> None: ...
    def drop_zone(self, apex: bytes) -> None: ...
    def drain(self, fd: int) -> bool: ...
    def hand_over_to(self, take: Callable[[int, bytes, bytes, bytes], None]) -> None: ...
    def lingering(self, fd: int, others: Sequence[int]) -> Callable[[], bool]: ...
