"""The accounts that a configuration names must be there."""

from __future__ import annotations

import pytest

from dnsd.config import Config, Server
from dnsd.daemon import account
from dnsd.errors import AccountError


def test_a_group_that_is_not_there_is_no_group_of_administrators() -> None:
    with pytest.raises(AccountError, match=r"no group 'nobodys-own'.*addgroup.*admin_group"):
        account.enter(Config(server=Server(admin_group="nobodys-own")))
    account.enter(Config(server=Server(admin_group="root")))
