"""From a chain of Real-ESRGAN's two degradations back to options; `degradation_options` has the other way."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from srdata.common.documents import Document
from srdata.degrade.chain import Chain, load_chain
from srdata.errors import UsageError
from srdata.option_files.degradation_options import MODES, REDUX, SHAPES, Options, second_order
from srdata.option_files.option_section import Said, Section

Tree = dict[str, Any]
_FROM_MODE = {ours: theirs for theirs, ours in MODES.items()}


def options_of(chain: Chain, form: str) -> tuple[Tree, bool]:
    """The options that give this chain to the trainer `form`, and whether its arithmetic is the chain's too.

    Raises UsageError where no options do.
    """
    plain = load_chain(chain).resolved()
    steps = _Steps(plain["steps"])
    found = {**_order(steps, "", form), **_order(steps, "2", form), **_end(steps, form)}
    told = Options([Section(Document(Path("options"), found))], form)
    sharp = Said(True, "") if chain.hr else None
    try:
        same = load_chain(bare(second_order(told, sharp))).resolved()
    except UsageError:
        same = {}
    if not same or _drawn(same) != _drawn(plain):
        raise UsageError(
            f"{chain.title or 'this degradation'} is none that {form} has options for: prepare pairs "
            "with it, and give their folder"
        )
    return found, same["steps"] == plain["steps"]


def _drawn(value: Any) -> Any:
    """What of a chain options speak of: not how JPEG, areas, places and clipping are computed."""
    if isinstance(value, dict):
        own = ("clip", "variant", "alignment", "scales", "rounds")
        return {_drawn(name): _drawn(one) for name, one in value.items() if name not in own}
    if isinstance(value, list):
        return [_drawn(one) for one in value]
    return "area" if value == "pixel_area" else value


def bare(value: Any) -> Any:
    """The same without what says where values came from."""
    if isinstance(value, Said):
        return bare(value.value)
    if isinstance(value, dict):
        return {key: bare(one) for key, one in value.items()}
    return [bare(one) for one in value] if isinstance(value, list) else value


class _Steps:
    """The steps of a chain that were not read yet."""

    def __init__(self, steps: Sequence[Tree]) -> None:
        self.left = list(steps)

    def next(self, op: str, **having: Any) -> tuple[float, Tree] | None:
        """The next step with its probability, if it is such an op."""
        if not self.left:
            return None
        step, chance = self.left[0], 1.0
        if step["op"] == "maybe" and len(step["steps"]) == 1:
            step, chance = step["steps"][0], step["p"]
        if step["op"] != op or any(step.get(name) != value for name, value in having.items()):
            return None
        self.left.pop(0)
        return chance, step


def _order(steps: _Steps, second: str, form: str) -> Tree:
    """The options of one of the two degradations."""
    blur = _blur(steps.next("blur"), second, form)
    found = {**blur, **_resize(steps, second, form), **_noise(steps, second)}
    return found if second else {**found, **_jpeg(steps.next("jpeg"), "", form)}


def _blur(found: tuple[float, Tree] | None, second: str, form: str) -> Tree:
    chance, step = found or (0.0, {})
    name = f"blur_prob{second}" if form == "redux" else "second_blur_prob"
    asked = {name: chance} if form == "redux" or second else {}
    shape = step.get("shape") or dict(zip(SHAPES, REDUX["kernel_prob"], strict=True))
    sinc, kinds = shape.get("sinc", 0), [kind for kind in shape if kind != "sinc"]
    part = {kind: round(shape[kind] / (1 - sinc), 12) if sinc < 1 else 1 for kind in kinds} or {"iso": 1}
    drawn = {
        f"kernel_list{second}": list(part),
        f"kernel_prob{second}": list(part.values()),
        f"sinc_prob{second}": sinc,
        f"blur_sigma{second}": step.get("sigma", [0.2, 2]),
        f"betag_range{second}": step.get("beta_generalized", [0.5, 4]),
        f"betap_range{second}": step.get("beta_plateau", [1, 2]),
    }
    size = {f"kernel_range{second}": step.get("size", [5, 17])} if form == "redux" else {}
    return {**asked, **drawn, **size}


def _resize(steps: _Steps, second: str, form: str) -> Tree:
    keep, step = None, None
    if second and steps.left and steps.left[0]["op"] == "one_of":
        branches = steps.left[0]["branches"]
        if len(branches) == 2 and not branches[1]["steps"] and branches[0]["steps"][0]["op"] == "resize":
            keep, step = branches[1]["weight"], branches[0]["steps"][0]
            steps.left.pop(0)
    elif found := steps.next("resize", to="lr" if second else "input"):
        step = found[1]
    odds = (step or {}).get("odds") or {}
    chances = [odds.get(way, 0) for way in ("up", "down", "keep")] if odds else [0, 0, 1]
    chances[2] = chances[2] if keep is None else keep
    named = {f"resize_prob{second}": chances, f"resize_range{second}": (step or {}).get("factor", [1, 1])}
    return {**named, **_modes(step, second, form)}


def _modes(step: Tree | None, which: str, form: str) -> Tree:
    if form != "redux":
        return {}
    given = step["method"] if step else {"bilinear": 1}
    method = given if isinstance(given, dict) else dict.fromkeys(given, 1)
    modes = [_FROM_MODE.get(mode, mode) for mode in method]
    return {f"resize_mode_list{which}": modes, f"resize_mode_prob{which}": list(method.values())}


def _noise(steps: _Steps, second: str) -> Tree:
    found = steps.next("one_of")
    branches = found[1]["branches"] if found else []
    ops = {step["op"]: (branch["weight"], step) for branch in branches for step in branch["steps"]}
    normal, photons = ops.get("gaussian_noise"), ops.get("poisson_noise")
    chance = normal[0] if normal else round(1 - photons[0], 12) if photons else 0
    gray = normal[1]["kind"].get("gray", 0) if normal else photons[1]["gray"] if photons else 0
    return {
        f"gaussian_noise_prob{second}": chance,
        f"noise_range{second}": normal[1]["sigma"] if normal else [0, 0],
        f"poisson_scale_range{second}": photons[1]["scale"] if photons else [0, 0],
        f"gray_noise_prob{second}": gray,
    }


def _jpeg(found: tuple[float, Tree] | None, second: str, form: str) -> Tree:
    chance, step = found or (0.0, {"quality": [75, 95]})
    asked = {f"jpeg_prob{second}": chance} if form == "redux" else {}
    return {**asked, f"jpeg_range{second}": step["quality"]}


def _end(steps: _Steps, form: str) -> Tree:
    """The last resize, ringing and JPEG."""
    items = steps.left[0]["items"] if steps.left and steps.left[0]["op"] == "shuffled" else [steps.left, []]
    back, last = _Steps(items[0]), _Steps(items[1])
    resize, ringing = back.next("resize", to="lr"), back.next("blur")
    chance, step = ringing or (0.0, {})
    size = {"final_kernel_range": step.get("size", [5, 17])} if form == "redux" else {}
    rung = {"final_sinc_prob": chance, **size, **_jpeg(last.next("jpeg"), "2", form)}
    return {**rung, **_modes(resize[1] if resize else None, "3", form)}
