"""What all end-to-end tests of one worker share: its browsers, and the files that every server serves."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from chromium import Chromium, chromium
from firefox import Firefox, firefox


@pytest.fixture(scope="session")
def served(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where servers keep what they have compressed."""
    return tmp_path_factory.mktemp("served")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def a_chromium(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Chromium]:
    async with chromium(tmp_path_factory.mktemp("chromium")) as browser:
        yield browser


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def a_firefox(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Firefox]:
    async with firefox(tmp_path_factory.mktemp("firefox")) as browser:
        yield browser
