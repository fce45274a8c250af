"""Choosing images: scores of source images, conditions over them, what is alike, and the best tiles.

best_tiles       which tiles of an image are cut
choice_versions  the version of all that a choice depends on, for its digest
choose_images    `choose`: which images are taken, and which tiles of them
jpeg_quality     the quality that a JPEG file was saved with
judge_images     why images are left out
likeness         images that show the same, and which of them is best
no_network       a piece of work that reaches no network
pixel_scores     scores of one image by its pixels
pyiqa_metrics    no-reference metrics of pyiqa
score_rows       rows of Parquet files, a few row groups at a time
score_store      tables of scores, beside the images
scored_files     `score_files`: the scores of files, computed once
source_scores    `SCORES`: the scores by name
survey           all scores of a source, and what a condition makes of them
unmet_parts      what images do not meet of a condition
wanted_scores    scores by name, with their functions and weights
"""

from typing import TYPE_CHECKING

from srdata.common.lazy_names import lazy_names

if TYPE_CHECKING:
    from srdata.curation.choice_versions import with_versions as with_versions
    from srdata.curation.choose_images import Chosen as Chosen
    from srdata.curation.choose_images import choose as choose
    from srdata.curation.judge_images import Scoring as Scoring
    from srdata.curation.score_store import SCORES_HOME as SCORES_HOME
    from srdata.curation.score_store import home_beside as home_beside
else:
    __all__, __getattr__, __dir__ = lazy_names(
        __name__,
        {
            "srdata.curation.choice_versions": "with_versions",
            "srdata.curation.choose_images": "Chosen choose",
            "srdata.curation.judge_images": "Scoring",
            "srdata.curation.score_store": "SCORES_HOME home_beside",
        },
    )
