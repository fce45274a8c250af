"""Fixtures that several test files share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[1]
# Of torch, before it is imported: threads that wait for each other make small tensors slow beside other work.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def photographs() -> Path:
    """The folder of the five packaged photographs."""
    return REPOSITORY / "manifests" / "sample"


@pytest.fixture(scope="session")
def golden() -> Path:
    """The folder of real MATLAB results, which may not be redistributed and so is not in the repository."""
    folder = REPOSITORY.parent / "shared" / "golden"
    if not folder.is_dir():
        pytest.skip(f"the MATLAB results are not at {folder}")
    return folder


@pytest.fixture(scope="session")
def peers() -> Path:
    """The folder of the peers' checkouts, which SRDATA_PEERS names."""
    folder = Path(os.environ.get("SRDATA_PEERS", "/nowhere"))
    if not folder.is_dir():
        pytest.skip("SRDATA_PEERS names no folder of checkouts")
    return folder


@pytest.fixture(scope="session")
def basicsr(peers: Path) -> Path:
    """A checkout of BasicSR."""
    if not (peers / "BasicSR").is_dir():
        pytest.skip(f"{peers} holds no checkout BasicSR")
    return peers / "BasicSR"
