"""How papers compare an SR image with HR: a protocol each, as a literal table.

The numbers of two papers can be compared only if both used one protocol: on the same images PSNR differs by
more than most papers gain. SSIM is the same in all of them (`srdata.metrics.measures.ssim`), on other planes.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from srdata.errors import UnknownNameError, UsageError
from srdata.scale import Scale

# What is compared: all samples of RGB; Y of BT.601 in 16–235, exact, in single precision as in BasicSR, or
# rounded to 8 bits; or the difference of RGB weighted as EDSR does it, or as CAR does, divided by 255.
Colour = Literal["rgb", "y", "y_single", "y_uint8", "y_difference", "y_difference_255"]
Rounding = Literal["round", "truncate", "none"]
DEFAULT = "basicsr_y"
PUBLISHED = "published"  # stands for the protocol of the bicubic rows in published tables
PUBLISHED_BICUBIC = "drcn_y"


@dataclass(frozen=True)
class Border:
    """What is cut off each side before comparing: `scales` times the scale, rounded up, and `pixels`."""

    scales: int = 0
    pixels: int = 0
    end: int = 0  # pixels more at the bottom and right

    def width(self, scale: Scale | None) -> int:
        """The border at the top and left in HR pixels.

        Raises UsageError where it follows the scale and none is given.
        """
        if not self.scales:
            return self.pixels
        if scale is None:
            raise UsageError("the border of this protocol depends on the scale: give scale=, such as scale=4")
        return self.scales * math.ceil(scale) + self.pixels

    def __str__(self) -> str:
        parts = ["s"] * bool(self.scales) + [str(self.pixels)] * bool(self.pixels)
        more = f", at the end {self.pixels + self.end}" if self.end else ""
        return (" + ".join(parts) or "0") + more


@dataclass(frozen=True)
class PatchGrid:
    """Patches that an image is cut into, in LR pixels; what they do not cover is left out."""

    size: int
    step: int

    def covered(self, length: int) -> int:
        """The LR pixels of `length` that whole patches cover."""
        return length if length < self.size else (length - self.size) // self.step * self.step + self.size


@dataclass(frozen=True)
class Protocol:
    """How SR and HR are compared."""

    name: str
    colour: Colour
    border: Border
    what: str  # one sentence that stands beside its numbers
    source: str  # repository: file, or paper
    rounding: Rounding = "round"  # of float SR in 0–1 to 8 bits; images in files have them already
    ssim: bool = True  # whether its source states SSIM
    blocking: bool = False  # PSNR-B: the block effect counts as an error
    tiles: PatchGrid | None = None
    place: Literal["corner", "centre"] = "corner"  # where in a larger HR the SR image lies
    spare: int = 0  # HR may be larger by fewer pixels than this; 0 is the scale
    grey_as_is: bool = False  # a grey file is taken for Y, not for RGB with equal channels
    # What --baseline bicubic resizes: 8-bit RGB, or Y without rounding LR, clipped to 0–255 or 16–235.
    bicubic: Literal["rgb", "y", "y_studio"] = "rgb"


_SCALE = Border(scales=1)
_SCALE_AND_SIX = Border(scales=1, pixels=6)
_NOTHING = Border()

PROTOCOLS: dict[str, Protocol] = {
    one.name: one
    for one in (
        Protocol(
            name="basicsr_y",
            colour="y_single",
            border=_SCALE,
            what="8-bit RGB, border of the scale cut, Y of BT.601 (16–235) in single precision, not rounded.",
            source="XPixelGroup/BasicSR: basicsr/metrics/psnr_ssim.py (HAT, SwinIR, SwinFIR, SRFormer)",
        ),
        Protocol(
            name="basicsr_rgb",
            colour="rgb",
            border=_SCALE,
            what="8-bit RGB, border of the scale cut, all three channels.",
            source="XPixelGroup/BasicSR: test_y_channel false (DIV2K of SAFMN, ShuffleMixer, CRAFT)",
        ),
        Protocol(
            name="edsr_y_diff",
            colour="y_difference",
            border=_SCALE,
            ssim=False,
            what="8-bit RGB, border of the scale cut, the RGB error weighted (65.738, 129.057, 25.064)/256.",
            source="sanghyun-son/EDSR-PyTorch: src/utility.py (EDSR, SMSR, FIWHN, IPT, ADSRNet, Meta-SR)",
        ),
        Protocol(
            name="div2k_rgb",
            colour="rgb",
            border=_SCALE_AND_SIX,
            ssim=False,
            what="8-bit RGB, border of the scale and 6 more cut, all three channels.",
            source="sanghyun-son/EDSR-PyTorch: src/utility.py, sets other than benchmarks",
        ),
        Protocol(
            name="rcan_matlab",
            colour="y",
            border=_SCALE,
            what="8-bit RGB, border of the scale cut, Y of MATLAB's rgb2ycbcr (16–235) in double precision.",
            source="yulunzhang/RCAN: RCAN_TestCode/Evaluate_PSNR_SSIM.m (RCAN, AWSRN, Omni-SR)",
        ),
        Protocol(
            name="srcnn_y",
            colour="y_uint8",
            border=_SCALE,
            grey_as_is=True,
            bicubic="y",
            what="Y of BT.601 rounded to 8 bits, border of the scale cut; bicubic is of Y, LR not rounded.",
            source="Dong et al., Image super-resolution using deep convolutional networks, 2016 (SRCNN)",
        ),
        Protocol(
            name="drcn_y",
            colour="y_uint8",
            border=_SCALE,
            grey_as_is=True,
            bicubic="y_studio",
            what="8-bit Y of BT.601, border of the scale cut; bicubic of Y, LR unrounded, clipped to 16–235.",
            source="kjw0612/rcn, branch eval: methods/Bicubic.m, utils/compute_diff.m (DRCN, VDSR)",
        ),
        Protocol(
            name="imdn_uint8y",
            colour="y_uint8",
            border=_SCALE,
            what="8-bit RGB, border of the scale cut, Y of BT.601 rounded to 8 bits.",
            source="Zheng222/IMDN: test_IMDN.py, utils.py (IMDN, ESRT)",
        ),
        Protocol(
            name="carn_uint8y",
            colour="y_uint8",
            border=_SCALE,
            rounding="truncate",
            what="SR truncated to 8 bits, border of the scale cut, Y of BT.601 rounded to 8 bits.",
            source="nmhkahn/CARN-pytorch: carn/sample.py, issue 46; jbhuang0604/SelfExSR: quant_eval",
        ),
        Protocol(
            name="float_y",
            colour="y",
            border=_SCALE,
            rounding="none",
            what="RGB clipped but not rounded, border of the scale cut, Y of BT.601 (16–235) not rounded.",
            source="xindongzhang/ELAN: utils.py (ELAN, ECBSR)",
        ),
        Protocol(
            name="prosr_y",
            colour="y",
            border=_SCALE_AND_SIX,
            ssim=False,
            what="8-bit RGB, border of the scale and 6 more cut, Y of BT.601 (16–235) in double precision.",
            source="fperazzi/proSR: lib/prosr/metrics.py",
        ),
        Protocol(
            name="crop4_y",
            colour="y_single",
            border=Border(pixels=4),
            what="8-bit RGB, border of 4 cut at every scale, Y of BT.601 (16–235) not rounded.",
            source="zononhzy/LAMNet, NeonLeexiang/DLGSANet: options, crop_border 4 (also printed by Swin2SR)",
        ),
        Protocol(
            name="ramit_y",
            colour="y_single",
            border=_SCALE,
            what="8-bit RGB, HR cut at the bottom and right to whole LR pixels, then as basicsr_y.",
            source="rami0205/RAMiT: ddp_engine_test.py",
        ),
        Protocol(
            name="rgb_border0",
            colour="rgb",
            border=_NOTHING,
            what="8-bit RGB, nothing cut, all three channels.",
            source="JingyunLiang/SwinIR: main_test_swinir.py, denoising (also NTIRE 2023 RTSR, AIM 2022)",
        ),
        Protocol(
            name="y_border0",
            colour="y_single",
            border=_NOTHING,
            what="8-bit RGB, nothing cut, Y of BT.601 (16–235) not rounded.",
            source="rami0205/RAMiT: ddp_engine_test.py, rain removal (also NTIRE 2023 RTSR)",
        ),
        Protocol(
            name="ipt_derain",
            colour="y_difference",
            border=_NOTHING,
            ssim=False,
            what="8-bit RGB, nothing cut, the RGB error weighted (65.738, 129.057, 25.064)/256.",
            source="huawei-noah/Pretrained-IPT: utility.py, rain removal",
        ),
        Protocol(
            name="patchwise_rgb",
            colour="rgb",
            border=_SCALE,
            ssim=False,
            tiles=PatchGrid(size=32, step=28),
            what="8-bit RGB, cropped to whole patches of 32 LR pixels every 28, border of the scale cut.",
            source="3587jjh/PCSR: test_pcsr.py; XPixelGroup/ClassSR: codes/test_ClassSR.py (also ARM)",
        ),
        Protocol(
            name="psnrb",
            colour="rgb",
            border=_NOTHING,
            blocking=True,
            what="8-bit RGB, nothing cut; PSNR-B: blocks of 8 that show count as error, mean over channels.",
            source="JingyunLiang/SwinIR: utils/util_calculate_psnr_ssim.py (JPEG artefacts; Swin2SR)",
        ),
        Protocol(
            name="psnrb_y",
            colour="y",
            border=_NOTHING,
            blocking=True,
            what="8-bit RGB, nothing cut, Y of BT.601; PSNR-B: blocks of 8 that show count as error.",
            source="JingyunLiang/SwinIR: utils/util_calculate_psnr_ssim.py (JPEG artefacts in colour)",
        ),
        Protocol(
            name="truncate",
            colour="y",
            border=_NOTHING,
            rounding="truncate",
            ssim=False,
            place="centre",
            what="SR truncated to 8 bits, HR cropped in its centre, nothing cut, Y of BT.601 not rounded.",
            source="quic/aimet-model-zoo: aimet_zoo_torch/quicksrnet (QuickSRNet)",
        ),
        Protocol(
            name="car_y_diff",
            colour="y_difference_255",
            border=_SCALE,
            rounding="truncate",
            ssim=False,
            spare=8,
            what="Truncated to 8 bits, border of the scale cut, error times (65.738, 129.057, 25.064)/255.",
            source="sunwj/CAR: run.py, utils.py (HR is cut to multiples of 8)",
        ),
        Protocol(
            name="liif_y",
            colour="y_difference",
            border=_SCALE,
            rounding="none",
            ssim=False,
            what="SR clipped but not rounded, border of the scale cut, RGB error weighted as in edsr_y_diff.",
            source="yinboc/liif: utils.py, eval_type benchmark-s (x2 to x8)",
        ),
        Protocol(
            name="liif_div2k",
            colour="rgb",
            border=_SCALE_AND_SIX,
            rounding="none",
            ssim=False,
            what="SR clipped but not rounded, border of the scale and 6 more cut, all three channels.",
            source="yinboc/liif: utils.py, eval_type div2k-s (x2 to x30)",
        ),
        Protocol(
            name="dip",
            colour="rgb",
            border=_NOTHING,
            rounding="none",
            ssim=False,
            place="centre",
            spare=32,
            what="SR clipped but not rounded, HR cropped in its centre to multiples of 32, all channels.",
            source="DmitryUlyanov/deep-image-prior: super-resolution.ipynb, utils/sr_utils.py",
        ),
        Protocol(
            name="dip_y",
            colour="y_single",
            border=Border(pixels=4, end=1),
            rounding="truncate",
            ssim=False,
            place="centre",
            spare=32,
            what="SR truncated to 8 bits, HR cropped in its centre, 4 pixels cut (5 at the end), BT.601 Y.",
            source="DmitryUlyanov/deep-image-prior: super-resolution_eval_script.py, utils/common_utils.py",
        ),
        Protocol(
            name="zssr",
            colour="rgb",
            border=_NOTHING,
            rounding="none",
            ssim=False,
            what="SR clipped but not rounded, nothing cut, all channels, as the MSE that its code logs.",
            source="assafshocher/ZSSR: ZSSR.py (how the paper's tables were made is not in the code)",
        ),
    )
}


def find_protocol(name: str) -> Protocol:
    """The protocol of that name, or that of published bicubic rows; UnknownNameError names the nearest."""
    name = PUBLISHED_BICUBIC if name == PUBLISHED else name
    if name not in PROTOCOLS:
        raise UnknownNameError.among("protocol", name, [*PROTOCOLS, PUBLISHED])
    return PROTOCOLS[name]
