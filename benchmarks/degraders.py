"""The degradations of Real-ESRGAN (in BasicSR) and of KAIR out of checkouts, without installing them.

What they import and do not need here is stood in for by empty modules, as in `benchmarks.basicsr`. KAIR also
needs functions that SciPy 1.14 dropped; what stands in for them does the same.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import scipy
import scipy.ndimage
import torch
import yaml
from scipy.interpolate import RectBivariateSpline

LUMA = (0.2989, 0.587, 0.114)  # torchvision.transforms.functional.rgb_to_grayscale


@cache
def real_esrgan(peers: Path) -> dict[str, Any]:
    """Real-ESRGAN's model class, data set class and options; it needs BasicSR beside Real-ESRGAN."""
    _stand_in("torchvision")
    _stand_in("torchvision.utils", make_grid=None)
    _stand_in("torchvision.transforms")
    _stand_in("torchvision.transforms.functional", normalize=None, rgb_to_grayscale=_grayscale)
    for name in ("basicsr", "basicsr.data", "basicsr.models", "basicsr.losses"):
        _stand_in(name).__path__ = [str(peers.joinpath("BasicSR", *name.split(".")))]
    _stand_in("basicsr.models.srgan_model", SRGANModel=object)
    options = yaml.safe_load((peers / "Real-ESRGAN/options/train_realesrgan_x4plus.yml").read_text())
    model = importlib.import_module("basicsr.models.realesrgan_model")
    theirs = model.filter2D
    model.filter2D = lambda image, kernel: theirs(image.contiguous(), kernel)  # its `view` fails without
    return {
        "model": model,
        "data": importlib.import_module("basicsr.data.realesrgan_dataset"),
        "degradations": importlib.import_module("basicsr.data.degradations"),
        "options": options,
    }


def synthesizer(parts: dict[str, Any], device: str = "cpu") -> Any:
    """A model of Real-ESRGAN with what `feed_data` needs and no networks; its pool of pairs is off."""
    from basicsr.utils import DiffJPEG, USMSharp  # the checkout's

    kind = parts["model"].RealESRGANModel
    model = kind.__new__(kind)
    model.opt = {**parts["options"], "gt_size": 256}
    model.device, model.is_train = device, True
    model.jpeger = DiffJPEG(differentiable=False).to(device)
    model.usm_sharpener = USMSharp().to(device)
    model._dequeue_and_enqueue = lambda: None
    return model


def kernels_of(parts: dict[str, Any], image: np.ndarray, count: int) -> dict[str, torch.Tensor]:
    """A batch as Real-ESRGAN's data set gives it: `count` times the image (HWC, RGB, 0–1), drawn kernels."""
    kind = parts["data"].RealESRGANDataset
    data = kind.__new__(kind)
    options = parts["options"]["datasets"]["train"]
    for name in _KERNEL_OPTIONS:
        setattr(data, name, options[name])
    data.opt, data.paths, data.file_client = options, ["image"], _OneImage(image)
    data.kernel_range = [2 * half + 1 for half in range(3, 11)]
    data.pulse_tensor = torch.zeros(21, 21)
    data.pulse_tensor[10, 10] = 1
    parts["data"].imfrombytes = lambda content, float32: content
    items = [data[0] for _ in range(count)]
    return {
        name: torch.stack([item[name] for item in items])
        for name in ("gt", "kernel1", "kernel2", "sinc_kernel")
    }


_KERNEL_OPTIONS = [
    f"{name}{stage}"
    for name in ("kernel_list", "kernel_prob", "blur_sigma", "betag_range", "betap_range", "sinc_prob")
    for stage in ("", "2")
] + ["blur_kernel_size", "blur_kernel_size2", "final_sinc_prob"]


class _OneImage:
    def __init__(self, image: np.ndarray) -> None:
        self.image = image

    def get(self, path: str, client: str) -> np.ndarray:
        return self.image[:, :, ::-1].copy()


@cache
def redux(peers: Path) -> Any:
    """A model of traiNNer-redux with what `feed_data` needs, by its options for SPAN; its pool is off."""
    _stand_in("torchvision")
    _stand_in("torchvision.utils", make_grid=None)
    _stand_in("torchvision.transforms")
    _stand_in("torchvision.transforms.functional", rgb_to_grayscale=_grayscale)
    for name in ("traiNNer", "traiNNer.data", "traiNNer.models", "traiNNer.utils"):
        _stand_in(name).__path__ = [str(peers.joinpath("traiNNer-redux", *name.split(".")))]
    utils, rng = sys.modules["traiNNer.utils"], np.random.default_rng(1)
    jpeg = importlib.import_module("traiNNer.utils.diffjpeg").DiffJPEG
    vars(utils).update(RNG=SimpleNamespace(get_rng=lambda: rng), DiffJPEG=jpeg, get_root_logger=None)
    _stand_in("traiNNer.data.transforms", paired_random_crop=lambda gt, lq, *_: (gt, lq))
    _stand_in("traiNNer.models.sr_model", SRModel=object)
    _stand_in("traiNNer.utils.types", DataFeed=dict)
    _stand_in("traiNNer.utils.redux_options", ReduxOptions=object)
    _stand_in(
        "traiNNer.utils.registry", MODEL_REGISTRY=SimpleNamespace(register=lambda **_: lambda kind: kind)
    )
    kind = importlib.import_module("traiNNer.models.realesrgan_model").RealESRGANModel
    text = (peers / "traiNNer-redux/options/_templates/train/SPAN/SPAN_OTF_fidelity.yml").read_text()
    options = yaml.safe_load(text)
    options["datasets"] = {"train": SimpleNamespace(gt_size=256)}
    model = kind.__new__(kind)
    model.opt, model.device, model.is_train = SimpleNamespace(**options), "cpu", True
    model.memory_format, model.otf_debug, model.batch_augment = torch.preserve_format, False, None
    model.jpeger = jpeg(differentiable=False)
    model._dequeue_and_enqueue = model._apply_eco = lambda: None
    return model


@cache
def kair(peers: Path) -> ModuleType:
    """KAIR's `utils_blindsr`."""
    _stand_in("torchvision")
    _stand_in("torchvision.utils", make_grid=None)
    for name in ("matplotlib", "matplotlib.pyplot", "mpl_toolkits"):
        _stand_in(name)
    _stand_in("mpl_toolkits.mplot3d", Axes3D=None)
    scipy.finfo = np.finfo
    scipy.ndimage.filters = SimpleNamespace(convolve=scipy.ndimage.convolve)  # a name that warns
    scipy.interpolate.interp2d = _Interpolated
    _stand_in("utils").__path__ = [str(peers / "KAIR" / "utils")]
    return importlib.import_module("utils.utils_blindsr")


class _Interpolated:
    """`interp2d` of old SciPy on a grid: bilinear, and the nearest value outside."""

    def __init__(self, x: np.ndarray, y: np.ndarray, z: np.ndarray) -> None:
        self.spline = RectBivariateSpline(y, x, z, kx=1, ky=1)

    def __call__(self, x: np.ndarray, y: np.ndarray) -> np.ndarray:
        return self.spline(y, x)


def _grayscale(image: torch.Tensor, num_output_channels: int = 1) -> torch.Tensor:
    weights = torch.tensor(LUMA, dtype=image.dtype).reshape(3, 1, 1).to(image.device)
    return (image * weights).sum(dim=-3, keepdim=True)


def _stand_in(name: str, **members: Any) -> Any:
    module = ModuleType(name)
    for member, value in members.items():
        setattr(module, member, value)
    sys.modules[name] = module
    return module
