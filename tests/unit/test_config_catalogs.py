"""Catalogs and templates in a configuration: what is wrong with them, and what holds for zones."""

from __future__ import annotations

from pathlib import Path

import pytest

from dnsd.config import Config, MemberZone, TransferTerms, catalogbook, origins
from dnsd.config.catalogbook import CatalogBook, CatalogMember
from dnsd.config.reader import read_text

PRIMARIES = 'primaries = [{ address = "192.0.2.3" }]\n'
TEMPLATE = f'[[template]]\nname = "t"\n{PRIMARIES}'
CATALOG = f'[[catalog]]\nname = "cat"\n{PRIMARIES}template = "t"\n'
GIVEN = 'allow_transfer = [{ network = ["192.0.2.2"] }]\n'
PRODUCED = f'[[catalog]]\nname = "ours"\nproduce = true\n{GIVEN}'


def read(text: str) -> Config:
    found, problems = read_text(text, Path("/etc/dnsd.toml"))
    assert problems == ()
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[[catalog]]\nname = "cat"\n', "needs either primaries"),
        (TEMPLATE + CATALOG + "produce = true\n", "needs either primaries"),
        (CATALOG.replace('template = "t"\n', ""), "needs template"),
        (CATALOG, "no [[template]] with the name t; there is none"),
        (TEMPLATE + CATALOG + 'groups = { x = "y" }\n', "x: there is no [[template]]"),
        (TEMPLATE + CATALOG + 'serial = "increment"\n', "change the serials of the primaries"),
        (TEMPLATE + CATALOG + 'group = "x"\n', "no effect without produce = true"),
        (TEMPLATE + CATALOG + CATALOG, "there is a zone cat. already"),
        (
            f'[[zone]]\nname = "cat"\nfile = "f"\n{TEMPLATE}{CATALOG}',
            "there is a zone cat. already",
        ),
        (PRODUCED.replace(GIVEN, ""), "no client may fetch the catalog"),
        (PRODUCED + 'serial = "file"\n', "has no file"),
        (TEMPLATE + PRODUCED + 'template = "t"\n', "brings no zones"),
        ('[[template]]\nname = "t"\n', "needs either primaries"),
        (TEMPLATE + 'directory = "d"\n', "needs either primaries"),
        (TEMPLATE + TEMPLATE, "there is a template t already"),
        (TEMPLATE + 'serial = "increment"\n', "change the serials of the primaries"),
        (TEMPLATE.replace(" }]", ', key = "k" }]'), "no [[key]] with the name k."),
        ('[[zone]]\nname = "z"\nfile = "f"\ncatalog_group = "g"\n', "no catalog that the zone"),
        (TEMPLATE + CATALOG + 'exclude = ["a..b"]\n', "empty label"),
        (TEMPLATE + CATALOG + "groups = { x = 1 }\n", "a table of groups and templates"),
    ],
)
def test_a_problem(text: str, problem: str) -> None:
    _, problems = read_text(text, Path("/etc/dnsd.toml"))
    assert any(problem in str(one) for one in problems), problems


def test_what_holds_for_zones() -> None:
    config = read(f'[transfers]\nserial = "increment"\n{GIVEN}{TEMPLATE}{CATALOG}{PRODUCED}')
    terms = TransferTerms(config)
    assert terms.of("cat.").is_catalog
    assert terms.of("cat.").serial == "file", "it is the primaries'"
    assert terms.of("ours.").is_catalog
    assert terms.of("ours.").serial == "unixtime", "not what holds for other zones"
    assert terms.of("member.", "t").primaries
    assert terms.of("member.", "t").serial == "file"
    assert not terms.of("other.").primaries
    assert terms.of("other.").serial == "increment"
    assert TransferTerms(read(PRODUCED)).of("ours.").serial == "unixtime"


def test_where_a_member_is() -> None:
    config = read(
        f'{TEMPLATE}[[template]]\nname = "files"\ndirectory = "members"\n'
        f'{CATALOG}groups = {{ here = "files" }}\n'
    )
    members = {
        "a.": CatalogMember("one"),
        "b.": CatalogMember("two", ("unknown", "here")),
        ".": CatalogMember("three", ("here",)),
        "/etc/own.": CatalogMember("four", ("here",)),
    }
    found = catalogbook.members(config, {"cat.": CatalogBook(1, members)})
    inside = Path("/etc/members")
    assert found["b."] == MemberZone("cat.", "files", inside / "b.zone")
    assert found["."].file == inside / "root.zone"
    assert found["/etc/own."].file.parent == inside, "a label does not lead out of the directory"
    for name in ("b.", ".", "/etc/own."):
        assert origins.from_file_name(found[name].file) == name
    assert found["a."].template == "t"
    again = CatalogBook(2, {"a.": CatalogMember("other")})
    elsewhere = catalogbook.members(config, {"cat.": again})["a."].file
    assert found["a."].file.parent == elsewhere.parent
    assert found["a."].file != elsewhere, "another label, another file"


def test_books_are_as_they_were_written(tmp_path: Path) -> None:
    books = {"cat.": CatalogBook(7, {"a.": CatalogMember("l", ("g",), "o.")}, {"a.": ""})}
    path, copy = tmp_path / catalogbook.BOOKS, tmp_path / catalogbook.COPY
    data = catalogbook.encode(books)
    assert catalogbook.read(tmp_path).books == {}
    path.write_bytes(data)
    assert catalogbook.read(tmp_path) == (books, False, ""), "an older dnsd left no copy"
    copy.write_bytes(data)
    assert catalogbook.read(tmp_path) == (books, True, "")
    for length in range(len(data)):
        path.write_bytes(data[:length])
        found = catalogbook.read(tmp_path)
        assert found.books == books
        assert found.fault.startswith(f"{path} is damaged")
    path.unlink()
    assert catalogbook.read(tmp_path) == (books, False, f"{path} is missing")
    copy.write_bytes(data[:-1])
    with pytest.raises(ValueError, match=r"state is missing, and .*copy is damaged"):
        catalogbook.read(tmp_path)
