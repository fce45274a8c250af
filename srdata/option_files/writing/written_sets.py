"""What a data set of a trainer is: its type, where its images lie, and how LR is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from srdata.degrade.chain import Chain, load_chain
from srdata.errors import UsageError
from srdata.option_files.degradation_options import IN_DATA_SET
from srdata.option_files.writing.chain_options import options_of
from srdata.option_files.writing.option_request import OptionRequest
from srdata.option_files.writing.pairs_of_source import WrittenPairs
from srdata.papers.schema import Folders, Setting

Tree = dict[str, Any]

_KAIR = {"bicubic-float": "sr", "bsrgan": "blindsr", "bsrgan-x2": "blindsr", "bsrgan-plus": "blindsr"}
_AS_FILES = "`srdata export SET --to kair --out FOLDER` writes folders for it"


def kind(wanted: OptionRequest) -> Tree:
    """The name and type of the training data set; UsageError where there is none."""
    named, stored = {"name": wanted.pairs[0].name}, wanted.setting.made == "stored"
    if wanted.form != "kair":
        types = ("paired", "otf") if wanted.form == "neosr" else ("PairedImageDataset", "RealESRGANDataset")
        return {**named, "type": types[0] if stored else types[1]}
    degradation = wanted.setting.degradation
    if not stored and not (isinstance(degradation, str) and degradation in _KAIR):
        raise UsageError("KAIR has no data set with this degradation: prepare pairs, and give their folder")
    return {**named, "dataset_type": "sr" if stored else _KAIR[str(degradation)]}


class WrittenDegradation(NamedTuple):
    """Options on degradations, in the data set and outside of it, and what has none."""

    within: Tree
    outside: Tree
    told: list[str]


def degraded(wanted: OptionRequest) -> WrittenDegradation:
    """How LR is made, where the trainer does it; UsageError where it cannot."""
    setting = wanted.setting
    if setting.made == "stored" or wanted.form == "kair":
        return WrittenDegradation({}, {}, [])
    chain = load_chain(setting.degradation)
    options, exact = options_of(chain, wanted.form)
    told = [] if exact else ["degradation: JPEG, areas, places and clipping are the trainer's own"]
    if wanted.form == "neosr":
        return WrittenDegradation({}, {"degradations": options}, told)
    within = {name: value for name, value in options.items() if any(word in name for word in IN_DATA_SET)}
    outside = {name: value for name, value in options.items() if name not in within}
    if wanted.form == "redux":
        return WrittenDegradation(within, {"high_order_degradation": True, **outside}, told)
    sizes = {"blur_kernel_size": 21, "blur_kernel_size2": 21}  # which are to be there, and do nothing
    around = {**_sharpened(chain, setting), **outside, "queue_size": 180, "gt_size": setting.hr_size}
    return WrittenDegradation({**sizes, **within}, around, told)


def _sharpened(chain: Chain, setting: Setting) -> Tree:
    """Which HR the losses compare with: as the GAN model of Real-ESRGAN has it, or as its other model."""
    if "hr_plain" in setting.outputs:
        return {"l1_gt_usm": True, "percep_gt_usm": True, "gan_gt_usm": False}
    return {"gt_usm": bool(chain.hr)}


def places(wanted: OptionRequest, sets: Sequence[WrittenPairs], *, paired: bool) -> Tree:
    """Where images lie; UsageError where the trainer cannot read them there."""
    trainer, folders = wanted.trainer, [one.folders for one in sets]
    _check_places(wanted, sets, paired)
    high = [str(one.hr) for one in folders]
    low = [one.lr for one in folders if one.lr is not None and paired]
    several = wanted.form == "redux"
    found: Tree = {trainer.hr: high if several else high[0]}
    if low or wanted.form == "kair":
        found[trainer.lr] = low if several else low[0] if low else None
    if wanted.form not in ("basicsr", "redux"):
        return found
    first = folders[0]
    if first.template != "{key}" and low:
        found["filename_tmpl"] = first.template.replace("{key}", "{}")
    if first.listed:
        found["meta_info_file" if wanted.form == "basicsr" and paired else "meta_info"] = first.listed
    backend = {"io_backend": {"type": "lmdb" if _is_lmdb(first) else "disk"}}
    return {**found, **backend} if wanted.form == "basicsr" else found


def _check_places(wanted: OptionRequest, sets: Sequence[WrittenPairs], paired: bool) -> None:
    """Raise UsageError where a trainer reads no such thing."""
    title, folders = wanted.trainer.title, [one.folders for one in sets]
    template = folders[0].template
    makes = wanted.form == "kair" and wanted.setting.made == "online"  # LR of HR alone
    if paired and not makes and (both := next((one.hr for one in folders if one.lr is None), None)):
        raise UsageError(f"{title} reads HR and LR images of two folders: give {both} instead of this recipe")
    if paired and template != "{key}" and wanted.form in ("neosr", "kair"):
        raise UsageError(f"{title} takes LR images of the names of HR, and here is {template}: {_AS_FILES}")
    if wanted.form in ("redux", "kair") and any(map(_is_lmdb, folders)):
        raise UsageError(f"{title} reads no LMDB: {_AS_FILES}")
    if wanted.form == "basicsr" and not paired and not (folders[0].listed or _is_lmdb(folders[0])):
        raise UsageError(
            "BasicSR degrades images of an LMDB, or of a list: `srdata export SET --to basicsr --out FOLDER` "
            "writes one"
        )
    if len(folders) > 1 and wanted.form != "redux":
        raise UsageError(f"{title} reads one folder, and here are {len(folders)}: put all images into one")


def _is_lmdb(folders: Folders) -> bool:
    return str(folders.hr).endswith(".lmdb")


def test_set(wanted: OptionRequest, pairs: WrittenPairs) -> Tree:
    """A data set to validate on."""
    kinds = {"neosr": {"type": "paired"}, "kair": {"dataset_type": "sr"}}
    named = {"name": pairs.name, **kinds.get(wanted.form, {"type": "PairedImageDataset"})}
    return {**named, **places(wanted, [pairs], paired=True)}
