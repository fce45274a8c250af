"""Files that are made in a folder here for a set at an address, and sent there when they are whole."""

from __future__ import annotations

from dataclasses import dataclass

from srdata.common.files import storage_errors
from srdata.common.processes.run_claims import Claim
from srdata.prepared.remote_claims import RemoteClaim


@dataclass(frozen=True)
class SentClaim(Claim):
    """A claim of a set at an address and of the folder here in which its files are made, by one token.

    The latter is claimed anew on each machine, by all that have the token.
    """

    address: str

    def check_here(self) -> None:
        """Make the folder on this machine; raises StoreError."""
        with storage_errors(self.file):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            Claim.take(self.file, self.token)

    def send(self, *names: str) -> None:
        """Send files in this order and delete them here; the last says that the others are whole."""
        there = RemoteClaim(self.address, self.token)
        for name in names:
            there.check()
            there.folder.put(self.file.parent / name, name)
        for name in names:
            (self.file.parent / name).unlink()
