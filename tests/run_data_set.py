"""Builds the training data set of an option file by a trainer's own parser and data set, and reads an item.

python tests/run_data_set.py CHECKOUT OPTIONS

It prints the shapes of what the item holds, as JSON. A package that is missing ends it with exit status 77.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import MagicMock

import run_trainer
import torch


def of_basicsr(options: str) -> Any:
    from basicsr.data import build_dataset
    from basicsr.utils.options import parse_options

    return build_dataset(parse_options(str(Path(options).parent))[0]["datasets"]["train"])


def of_neosr(options: str) -> Any:
    from neosr.data import build_dataset
    from neosr.utils.options import parse_options

    found, _ = parse_options(str(Path(options).parent), is_train=True)
    return build_dataset(found["datasets"]["train"] | found.get("degradations", {}))  # as its train.py does


def of_redux(options: str) -> Any:
    from traiNNer.data import build_dataset
    from traiNNer.utils.config import Config

    found, _ = Config.load_config_from_file(str(Path(options).parent), is_train=True)
    train = found.datasets["train"]
    train.phase, train.scale, train.gt_size = "train", found.scale, train.lq_size * found.scale
    return build_dataset(train)


def of_kair(options: str) -> Any:
    for name in ("matplotlib", "matplotlib.pyplot", "mpl_toolkits", "mpl_toolkits.mplot3d"):
        sys.modules.setdefault(name, MagicMock())
    from data.select_dataset import define_Dataset
    from utils import utils_option

    found = utils_option.dict_to_nonedict(utils_option.parse(options, is_train=True))
    return define_Dataset(found["datasets"]["train"])


BUILD: dict[str, Callable[[str], Any]] = {
    "BasicSR": of_basicsr,
    "neosr": of_neosr,
    "traiNNer-redux": of_redux,
    "KAIR": of_kair,
}


def main() -> None:
    checkout, options = sys.argv[1:]
    sys.argv = ["train.py", "-opt", options]  # which they read when they are imported
    if importlib.util.find_spec("torchvision") is None:
        sys.meta_path.append(run_trainer.StandIn("torchvision"))
    if not torch.cuda.is_available() and Path(checkout).name not in ("BasicSR", "KAIR"):
        run_trainer.pretend_cuda()
    sys.path.insert(0, checkout)
    try:
        item = BUILD[Path(checkout).name](options)[0]
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        sys.exit(run_trainer.LACKING)
    print(json.dumps({name: list(getattr(value, "shape", ())) for name, value in item.items()}))


if __name__ == "__main__":
    main()
