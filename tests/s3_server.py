"""An S3 server of another project on this machine, told by the environment as to any program."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.request import Request, urlopen

import fsspec
import pytest

SECRETS = ("keyOfTests", "secretOfTests")


@contextmanager
def s3_server(bucket: str = "lab") -> Iterator[Any]:
    """The file system of a server with an empty bucket."""
    pytest.importorskip("s3fs")
    server = pytest.importorskip("moto.server").ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    # what an earlier server of this process held is held still
    urlopen(Request(f"http://{host}:{port}/moto-api/reset", method="POST"), timeout=60).close()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
            patch.setenv("AWS_ACCESS_KEY_ID", SECRETS[0])
            patch.setenv("AWS_SECRET_ACCESS_KEY", SECRETS[1])
            patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
            system = fsspec.filesystem("s3")
            system.mkdir(bucket)
            yield system
    finally:
        server.stop()
        fsspec.get_filesystem_class("s3").clear_instance_cache()
