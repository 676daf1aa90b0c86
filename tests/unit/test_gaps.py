"""What a worker says it does not serve: written by one, read by another, never torn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from dnsd.image import gaps
from dnsd.image.gaps import Gap, Gaps
from dnsd.image.state import StateVector

cells = st.integers(0, 2**64 - 1)
some_gaps = st.lists(st.builds(Gap, cells, cells, st.integers(0, 200), st.booleans()), max_size=200)


@given(st.lists(some_gaps, max_size=3))
def test_what_is_written_is_read(writings: list[list[Gap]]) -> None:
    vector = StateVector.create(2)
    room = (len(vector.gaps(1)) - 2) // 4
    gaps.write(vector.gaps(0), [Gap(1, 1, 1, stale=True)])
    for written in writings:
        gaps.write(vector.gaps(1), written)
        assert gaps.read(vector.gaps(1)) == Gaps(len(written), tuple(written[:room]))
    assert gaps.read(vector.gaps(0)).total == 1, "a page is one worker's"
    assert not any(vector.selections[:64]), "and ends where the pools begin"


def test_a_page_is_read_as_it_was_at_one_moment() -> None:
    page = StateVector.create(1).gaps(0)
    old, new = Gap(1, 1, 1, stale=False), Gap(2, 2, 2, stale=True)
    gaps.write(page, [old])

    class Torn:
        """A page that is written anew while it is read for the first time."""

        reads = 0

        def __len__(self) -> int:
            return len(page)

        def __getitem__(self, at: int | slice) -> int | memoryview:
            if at == 1 and not self.reads:
                self.reads += 1
                gaps.write(page, [new, new])
                page[1] = 1  # what a reader may see of it a moment earlier
            return page[at]

    assert gaps.read(Torn()).listed[0] == new  # type: ignore[arg-type]


def test_a_page_that_its_writer_has_left_half_written_is_begun_anew() -> None:
    page = StateVector.create(1).gaps(0)
    gaps.write(page, [Gap(1, 1, 1, stale=False)])
    page[0] += 1
    gaps.clear(page)
    assert gaps.read(page) == Gaps(0, ())
    gaps.write(page, [Gap(2, 2, 2, stale=False)])
    assert gaps.read(page).total == 1
