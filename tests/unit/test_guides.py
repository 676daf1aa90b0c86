"""What deploy/*.md and README.md tell to type can be typed: commands, configurations, links."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from dnsd import config
from dnsd.cli import main
from dnsd.config import policyfile

ROOT = Path(__file__).parents[2]
GUIDES = sorted([*(ROOT / "deploy").glob("*.md"), *(ROOT / "deploy").glob("*/README.md")])


NAMING = (click.exceptions.MissingParameter, click.exceptions.NoArgsIsHelpError)
"""What a sentence that only names a command lacks."""

KEY = '[[key]]\nname = "xfr.example"\nsecret_file = "secret"\n'
"""The key that blocks have from the block before."""


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", path.read_text(), re.MULTILINE | re.DOTALL)


def commands(path: Path) -> list[list[str]]:
    """Return the words of each call of dnsd: in blocks, and in sentences."""
    text = path.read_text()
    lines = [line for block in blocks(path, "sh") for line in block.splitlines()]
    lines += re.findall(
        r"`((?:sudo )?dnsd (?!is )[^`]*)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    )
    found = []
    for line in lines:
        start = re.search(r"(?:^|[|;&(] *)(?:sudo )?(dnsd .*)", " ".join(line.split()))
        if start:
            words = shlex.split(re.split(r" [|>;&]", start[1])[0])[1:]
            found.append([word for word in words if not word.endswith("…")])
    return found


def parse(command: click.Command, arguments: list[str]) -> None:
    """Parse a command line as click does, down to the last command, and run nothing."""
    context = command.make_context(command.name, [*arguments])
    if isinstance(command, click.Group):
        left = [*context._protected_args, *context.args]
        if left:
            _, inner, rest = command.resolve_command(context, left)
            assert inner is not None
            parse(inner, rest)


@pytest.mark.parametrize("path", GUIDES, ids=named)
def test_each_call_of_dnsd_is_one_that_it_takes(path: Path) -> None:
    wrong = {}
    for words in commands(path):
        try:
            parse(main, words)
        except (click.exceptions.Exit, *NAMING):
            pass
        except click.UsageError as error:
            wrong[shlex.join(words)] = error.format_message()
    assert wrong == {}


def test_the_guides_have_calls_of_dnsd() -> None:
    assert sum(len(commands(path)) for path in GUIDES) > 100


CONFIGURATIONS = [(path, number) for path in GUIDES for number in range(len(blocks(path, "toml")))]


@pytest.mark.parametrize(
    ("path", "number"), CONFIGURATIONS, ids=[f"{named(path)}-{one}" for path, one in CONFIGURATIONS]
)
def test_each_configuration_can_be_used(path: Path, number: int, tmp_path: Path) -> None:
    text = blocks(path, "toml")[number]
    file = tmp_path / "example.com.toml"
    borrowed = KEY if 'key = "xfr.example"' in text and "[[key]]" not in text else ""
    file.write_text(text + borrowed)
    if "[[pool]]" in text or "[[alias]]" in text or "[signing]" in text:
        policy, problems = policyfile.read_policy(text, file, "example.com.")
        assert problems == ()
        assert policy
    else:
        config.load(file)


ANNOUNCING = [one for one in CONFIGURATIONS if "[anycast.bgp]" in blocks(one[0], "toml")[one[1]]]


@pytest.mark.parametrize(("path", "number"), ANNOUNCING, ids=str)
@pytest.mark.parametrize("what", [["node"], ["router"], ["router", "--frr"]], ids=" ".join)
def test_routers_can_be_configured_from_it(
    path: Path, number: int, what: list[str], tmp_path: Path
) -> None:
    file = tmp_path / "fra1.toml"
    text = blocks(path, "toml")[number]
    if "--frr" in what:  # which cannot have it together with BFD
        text = text.replace("local =", "ttl_security = false\nlocal =")
    file.write_text(text)
    done = CliRunner().invoke(main, ["bird-config", *what, "--config", str(file)])
    assert done.exit_code == 0, done.output
    assert "198.51.100." in done.output


@pytest.mark.parametrize("path", [*GUIDES, ROOT / "README.md"], ids=named)
def test_each_link_leads_to_a_file(path: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", path.read_text())
    inner = [link for link in links if "://" not in link]
    assert [link for link in inner if not (path.parent / link).exists()] == []


@pytest.mark.parametrize("path", GUIDES, ids=named)
def test_each_file_of_the_checkout_that_is_named_is_there(path: Path) -> None:
    files = re.findall(r"\bdeploy/[\w./-]+\w", path.read_text())
    assert [file for file in files if not (ROOT / file).exists()] == []
