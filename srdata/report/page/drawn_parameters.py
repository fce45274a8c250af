"""What was drawn for the images of a set: a histogram for every parameter of every scale."""

from __future__ import annotations

from srdata.common.wording.amounts import how_many
from srdata.prepared.set_images import PreparedImages
from srdata.report.draw_histograms import values_of, varying
from srdata.report.page.about import degradation_name, steps_on_hr
from srdata.report.page.charts import histogram
from srdata.report.page.html import Html, el, name
from srdata.scale import Scale


def distributions(images: PreparedImages) -> list[Html]:
    """For each scale the degradation by name, and histograms of all that differs between its images."""
    return [part for scale in images.scales for part in _of_scale(images, scale)]


def _of_scale(images: PreparedImages, scale: Scale) -> list[Html]:
    title = el("h3", f"{scale.label}: ", name(degradation_name(images.content, str(scale))))
    deltas = [params[scale.label] for params in images.index.all_params() if scale.label in params]
    if not deltas:
        return [title, el("p", "LR was published with the data set; nothing was drawn.")]
    values = values_of(deltas, steps_on_hr(images.content, str(scale)))
    places = varying(values)
    if not places:
        return [title, el("p", "Every image was degraded alike; nothing was drawn.")]
    charts = [_chart(*place, values[place], len(deltas)) for place in places]
    same = len(values) - len(places)
    alike = how_many(same, "parameter is", "parameters are")
    note = f"{how_many(len(deltas), 'image', form=',')}. " + (
        f"{alike} the same for all of them." if same else ""
    )
    return [title, el("p", note, class_="note"), el("div", *charts, class_="charts")]


def _chart(step: str, parameter: str, drawn: list[float | str], images: int) -> Html:
    often = "" if len(drawn) == images else how_many(len(drawn), "draw", form=",")
    return histogram(el("span", el("span", step, class_="step"), " ", parameter), drawn, often)
