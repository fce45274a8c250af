"""What the files of the benchmarks are called in the code that reads them.

edsr           benchmark/Set5/HR/baby.png, benchmark/Set5/LR_bicubic/X2/babyx2.png
basicsr        basicsr/Set5/GTmod2/baby.png, basicsr/Set5/LRbicx2/baby.png
basicsr-mod12  basicsr-mod12/Set5/GTmod12/baby.png, basicsr-mod12/Set5/LRbicx2/baby.png
rcan           rcan/HR/Set5/x2/baby_HR_x2.png, rcan/LR/LRBI/Set5/x2/baby_LRBI_x2.png
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from srdata.recipes.read_recipe import known_recipe
from srdata.recipes.set_recipe import Recipe, Store
from srdata.scale import Scale
from srdata.store.blocks import HR

BENCHMARKS = ("set5", "set14", "b100", "urban100", "manga109")
_GT_MULTIPLE = 12  # XPixelGroup/BasicSR: scripts/matlab_scripts/generate_bicubic_img.m


@dataclass(frozen=True, eq=False)
class Variant:
    """A kind of LR images. Those of a benchmark are a prepared set of their own."""

    name: str  # in the name of the set; none: the degradation's
    degradation: str | tuple[Mapping[str, Any], ...]
    only: tuple[Scale, ...] = ()  # the scales that it is defined at; none: any
    multiple: int | None = None  # of HR sides

    def at(self, scales: Sequence[Scale]) -> tuple[Scale, ...]:
        """Those of `scales` that it is made at: where HR is cut to a multiple, the scales that divide it."""
        fits = [scale for scale in scales if not self.only or scale in self.only]
        return tuple(scale for scale in fits if not (self.multiple or 0) % scale)

    def recipe(self, benchmark: str, scales: Sequence[Scale]) -> Recipe:
        """How the set of a benchmark is made."""
        given = self.degradation
        return known_recipe(benchmark).changed(
            scales=self.at(scales),
            degradation=given if isinstance(given, str) else [dict(step) for step in given],
            multiple=self.multiple,
            store=Store(layout="lmdb"),
        )

    def set_name(self, benchmark: str, scales: Sequence[Scale]) -> str:
        """The name of its folder: set5-x2x3x4, set5-blur-downsample-x3, set5-mod12-x2x3x4."""
        labels = "".join(scale.label for scale in sorted(self.at(scales)))
        return "-".join(filter(None, (benchmark, self.name, labels)))


BICUBIC = Variant("", "bicubic")  # as the authors of each set published it
# yulunzhang/RCAN: RCAN_TestCode/Prepare_TestData_HR_LR.m makes both at x3 alone
BLURRED = Variant("blur-downsample", "blur-downsample", only=(Scale(3),))
NOISY = Variant("bicubic-noise", "bicubic-noise", only=(Scale(3),))
# XPixelGroup/BasicSR: scripts/matlab_scripts/generate_bicubic_img.m: im2double, then modcrop, then imresize
MOD12 = Variant("mod12", ({"op": "imresize", "rounding": "once"},), multiple=_GT_MULTIPLE)


@dataclass(frozen=True)
class Style:
    """Paths of files below the root, with {set}, {scale}, {key} and, for LR, {kind}; the first kind has HR.

    HR is cut to what LR covers where its path has a scale. Images whose source file is grey are grey files,
    unless the style is `coloured`.
    """

    hr: str
    lr: str
    kinds: Mapping[str, Variant]
    sets: Mapping[str, str] = field(default_factory=dict)  # benchmarks that are called otherwise than here
    coloured: bool = False

    @property
    def folder(self) -> str:
        """The folder below the root that holds all of it."""
        return self.hr.partition("/")[0]


STYLES = {
    # sanghyun-son/EDSR-PyTorch: src/data/benchmark.py, src/data/srdata.py. It knows LR_bicubic alone: the
    # others are called after RCAN's kinds.
    "edsr": Style(
        hr="benchmark/{set}/HR/{key}.png",
        lr="benchmark/{set}/LR_{kind}/X{scale}/{key}x{scale}.png",
        kinds={"bicubic": BICUBIC, "BD": BLURRED, "DN": NOISY},
    ),
    # XPixelGroup/HAT: options/test/HAT_SRx2.yml, for the names of sets as well. It knows LRbic alone.
    "basicsr": Style(
        hr="basicsr/{set}/GTmod{scale}/{key}.png",
        lr="basicsr/{set}/LR{kind}x{scale}/{key}.png",
        kinds={"bic": BICUBIC, "BD": BLURRED, "DN": NOISY},
        sets={"b100": "BSDS100", "urban100": "urban100", "manga109": "manga109"},
    ),
    # XPixelGroup/BasicSR: options/test/EDSR/test_EDSR_Mx2.yml
    "basicsr-mod12": Style(
        hr="basicsr-mod12/{set}/GTmod12/{key}.png",
        lr="basicsr-mod12/{set}/LR{kind}x{scale}/{key}.png",
        kinds={"bic": MOD12},
        sets={"b100": "BSDS100", "urban100": "urban100", "manga109": "manga109"},
    ),
    # yulunzhang/RCAN: RCAN_TestCode/Prepare_TestData_HR_LR.m, which makes grey images RGB
    "rcan": Style(
        hr="rcan/HR/{set}/x{scale}/{key}_HR_x{scale}.png",
        lr="rcan/LR/LR{kind}/{set}/x{scale}/{key}_LR{kind}_x{scale}.png",
        kinds={"BI": BICUBIC, "BD": BLURRED, "DN": NOISY},
        coloured=True,
    ),
}
DEFAULT = ("edsr", "basicsr", "basicsr-mod12")


class Folder(NamedTuple):
    """A folder of a style: one layer of a prepared set, an image a file."""

    path: str  # below the root
    file: str  # with {key}
    variant: Variant
    layer: str
    coloured: bool  # no file is grey
    crop: Scale | None = None  # HR is cut to what LR at this scale covers


def folders(style: Style, benchmark: str, scales: Sequence[Scale]) -> Iterator[Folder]:
    """Every folder that a style has of a benchmark."""
    name = style.sets.get(benchmark, known_recipe(benchmark).prefix)
    first = next(iter(style.kinds.values()))
    for cut in _cuts(style, first.at(scales)):
        path = style.hr.format(set=name, scale=cut, key="{key}")
        yield Folder(*_split(path), first, HR, style.coloured, cut)
    for kind, variant in style.kinds.items():
        for scale in variant.at(scales):
            path = style.lr.format(set=name, kind=kind, scale=scale, key="{key}")
            yield Folder(*_split(path), variant, scale.label, style.coloured)


def _cuts(style: Style, scales: Sequence[Scale]) -> Sequence[Scale | None]:
    """What HR is cut to, in each folder of it."""
    return scales if "{scale}" in style.hr else [None for _ in scales[:1]]


def variants(styles: Sequence[Style], scales: Sequence[Scale]) -> list[Variant]:
    """What has to be prepared for some styles, MATLAB's bicubic first."""
    wanted = [BICUBIC, *(variant for style in styles for variant in style.kinds.values())]
    return [one for place, one in enumerate(wanted) if one not in wanted[:place] and one.at(scales)]


def _split(path: str) -> tuple[str, str]:
    folder, _, file = path.rpartition("/")
    return folder, file
