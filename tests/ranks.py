"""Runs a script in two ranks with the settings of `torchrun`, forked from a process that has imported all.

python tests/ranks.py SCRIPT [ARGUMENT …]

`torchrun` imports torch in itself and in each rank, which does so with Lightning and accelerate again.
"""

from __future__ import annotations

import os
import runpy
import signal
import socket
import sys

RANKS = 2


def settings(rank: int, port: int) -> dict[str, str]:
    """The variables of the environment that `torchrun` sets for a rank on one machine."""
    here = dict.fromkeys(("RANK", "LOCAL_RANK", "ROLE_RANK"), rank)
    many = dict.fromkeys(("WORLD_SIZE", "LOCAL_WORLD_SIZE", "ROLE_WORLD_SIZE"), RANKS)
    group = {"GROUP_RANK": 0, "GROUP_WORLD_SIZE": 1, "ROLE_NAME": "default"}
    master = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
    run = {"RUN_ID": "none", "RESTART_COUNT": 0, "MAX_RESTARTS": 0, "USE_AGENT_STORE": False}
    elastic = {f"TORCHELASTIC_{name}": value for name, value in run.items()}
    return {name: str(value) for name, value in {**here, **many, **group, **master, **elastic}.items()}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def main() -> None:
    import accelerate  # noqa: F401  # each rank that is forked has it then
    import lightning  # noqa: F401  # likewise

    import srdata.data.loading.loader  # noqa: F401  # likewise

    port = free_port()
    children = set()
    for rank in range(RANKS):
        if not (child := os.fork()):
            os.environ |= settings(rank, port)
            del sys.argv[0]
            runpy.run_path(sys.argv[0], run_name="__main__")
            return
        children.add(child)
    while children:
        ended, status = os.wait()
        children.remove(ended)
        if status:
            for child in children:
                os.kill(child, signal.SIGKILL)
            sys.exit(1)


if __name__ == "__main__":
    main()
