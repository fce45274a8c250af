"""Pages for a person: what a degradation does, what it draws, and what a prepared set holds.

bars             the bars of a histogram
canvas           pages of labelled pictures
choice_page      a page to choose images by: histograms, and images beside each threshold
curate_source    `curate`: from a source to the condition that chooses among its images
delta_steps      the steps of a δ, and what was applied
draw_histograms  `histograms` of what a degradation draws
lettering        text in pictures, in any script
page             `write_report`: one HTML file on a prepared set
preview_files    `write_preview`: the pages below as PNG files
sheets           `contact_sheet` of a set or folder
steps            `preview`: an image on its way through a degradation
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.report.draw_histograms import histograms as histograms
    from srdata.report.page import report_page as report_page
    from srdata.report.page import write_report as write_report
    from srdata.report.preview_files import write_preview as write_preview
    from srdata.report.sheets import contact_sheet as contact_sheet
    from srdata.report.steps import preview as preview
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.report.draw_histograms": "histograms",
            "srdata.report.page": "report_page write_report",
            "srdata.report.preview_files": "write_preview",
            "srdata.report.sheets": "contact_sheet",
            "srdata.report.steps": "preview",
        },
    )
