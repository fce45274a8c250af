"""Another Python process that runs what a test gives it: HF_ENDPOINT and the like are read at import.

with elsewhere({"HF_ENDPOINT": hub.url}) as other:
    other("from srdata import PairedDataset")
    other.value("len(PairedDataset('hf://lab/x'))")
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Elsewhere:
    process: subprocess.Popen[str]

    def __call__(self, code: str) -> None:
        """Run statements; an error there is one here."""
        self._ask({"code": code})

    def value(self, expression: str) -> Any:
        """What an expression gives, as JSON keeps it."""
        return self._ask({"expression": expression})["value"]

    def error(self, code: str) -> str:
        """The type and message of the error of srdata that statements raise."""
        answer = self._ask({"code": code, "fails": True})
        assert "error" in answer, "nothing was raised"
        return str(answer["error"])

    def _ask(self, question: dict[str, Any]) -> dict[str, Any]:
        assert self.process.stdin
        assert self.process.stdout
        self.process.stdin.write(json.dumps(question) + "\n")
        self.process.stdin.flush()
        answer: dict[str, Any] = json.loads(self.process.stdout.readline())
        assert "traceback" not in answer, answer["traceback"]
        return answer


@contextlib.contextmanager
def elsewhere(environment: dict[str, str]) -> Iterator[Elsewhere]:
    """The process, until the block ends; of this one's settings it has all but those of the Hub."""
    plain = {name: value for name, value in os.environ.items() if not name.startswith("HF_")}
    quiet = {f"HF_HUB_DISABLE_{what}": "1" for what in ("TELEMETRY", "UPDATE_CHECK", "PROGRESS_BARS", "XET")}
    with subprocess.Popen(
        [sys.executable, __file__],
        env={**plain, **quiet, **environment},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield Elsewhere(process)
        finally:
            process.kill()


def answer_questions() -> None:
    from srdata.errors import SrdataError

    names: dict[str, Any] = {}
    for line in sys.stdin:
        question, answer = json.loads(line), {}
        try:
            with contextlib.redirect_stdout(sys.stderr):
                if "code" in question:
                    exec(question["code"], names)
                else:
                    answer["value"] = eval(question["expression"], names)  # noqa: S307  # of a test
        except SrdataError as error:
            answer["error"] = f"{type(error).__name__}: {error}"
            if not question.get("fails"):
                answer["traceback"] = traceback.format_exc()
        except Exception:  # noqa: BLE001  # told to the test
            answer["traceback"] = traceback.format_exc()
        print(json.dumps(answer), flush=True)


if __name__ == "__main__":
    answer_questions()
