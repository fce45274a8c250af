"""The script of docs/clusters.md on a real Slurm, whose jobs are killed in the middle."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from slurm import slurm, told_by, wait_until

from srdata.images import read_image, write_png
from srdata.preparation import finish_plan, prepare, write_plan
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from tests.storing import PHOTOGRAPHS, files_in

pytestmark = [pytest.mark.slow, pytest.mark.linux]
REPOSITORY = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def cluster() -> Iterator[dict[str, str]]:
    folder = Path(tempfile.mkdtemp(prefix="slurm-"))  # in whose path a socket has room
    try:
        with slurm(folder) as environment:
            yield environment
    finally:
        shutil.rmtree(folder)


def script() -> str:
    page = (REPOSITORY / "docs/clusters.md").read_text()
    return page.partition("```bash\n")[2].partition("```")[0]


def test_an_array_whose_jobs_are_killed_in_the_middle(cluster: dict[str, str], tmp_path: Path) -> None:
    """As printed, but for the number of jobs: each starts a Python of its own."""
    image = read_image(PHOTOGRAPHS / "chelsea.png")
    for number in range(24):
        write_png(tmp_path / f"photos/{number:04d}.png", image[:, number : number + 400].copy())
    store = Store(layout="lmdb", shard_bytes=800_000)
    settings = {"scales": (Scale(4),), "degradation": "realesrgan-x4", "seed": 7, "store": store}
    recipe = Recipe(name="set", folder=str(tmp_path / "photos"), **settings)
    alone = prepare(recipe, root=tmp_path / "alone", name="set", jobs=1).path
    write_plan(recipe, tmp_path / "plan.parquet", root=tmp_path, name="set", jobs=1)

    activate = tmp_path / "home/venv/bin/activate"
    activate.parent.mkdir(parents=True)
    found = os.pathsep.join([str(REPOSITORY), os.environ.get("PYTHONPATH", "")])
    activate.write_text(f'export PYTHONPATH="{found}"\nsrdata() {{ "{sys.executable}" -m srdata "$@"; }}\n')
    (tmp_path / "parts.sh").write_text(script())
    environment = {**cluster, "HOME": str(tmp_path / "home")}
    line = ["sbatch", "--parsable", "--array=1-3", "parts.sh"]
    said = subprocess.run(line, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60)
    job = said.stdout.strip()
    assert job, said.stderr

    shards = tmp_path / "set/shards"
    wait_until(lambda: list(shards.glob("*.lmdb")), 120)
    begun = told_by(cluster, "squeue", "-h", "-r", "-t", "R", "-j", job, "-o", "%i").split()
    subprocess.run(["scancel", "--signal=KILL", *begun], env=cluster, check=True, timeout=60)
    killed = [one for one in begun if "CANCELLED" in state_when_ended(cluster, one)]
    assert killed, "a job was in the middle"
    for _ in range(5):  # what was sent to kill a job may still reach it when it has begun again
        left = [one for one in killed if "JobState=COMPLETED" not in state_when_ended(cluster, one)]
        for one in left:
            subprocess.run(["scontrol", "requeue", one], env=cluster, check=True, timeout=60)
            now = ["scontrol", "update", f"JobId={one}", "StartTime=now"]  # not in two minutes
            subprocess.run(now, env=cluster, check=True, timeout=60)
        wait_until(lambda: not told_by(cluster, "squeue", "-h", "-j", job), 180)
    logs = "".join(one.read_text() for one in tmp_path.glob("parts-*.log"))
    states = [told_by(cluster, "scontrol", "show", "job", one) for one in killed]
    assert all("JobState=COMPLETED" in state and "Restarts=0" not in state for state in states), logs
    finish_plan(tmp_path / "plan.parquet")
    assert files_in(tmp_path / "set") == files_in(Path(alone))


def state_when_ended(cluster: dict[str, str], job: str) -> str:
    running = ("RUNNING", "COMPLETING")
    wait_until(
        lambda: not any(one in told_by(cluster, "scontrol", "show", "job", job) for one in running), 60
    )
    return told_by(cluster, "scontrol", "show", "job", job)
