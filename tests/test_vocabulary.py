"""Each name of the vocabulary has what it names, and each thing in those tables its name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

import pytest

from srdata.data.crops.padding import PADS
from srdata.difficulty.scorers import MEASURES
from srdata.exporting import export_set
from srdata.metrics import mos, result
from srdata.preparation.prepare_set import BUILDERS
from srdata.publishing import formats
from srdata.store.codecs import CODECS
from srdata.testsets.styles import STYLES
from srdata.vocabulary import CodecName, ExportForm, Layout, Pad, PublishForm, Score, StyleName, TableFormat


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (BUILDERS, Layout),
        (CODECS, CodecName),
        (MEASURES, Score),
        (export_set.FORMS, ExportForm),
        (formats.FORMS, PublishForm),
        (STYLES, StyleName),
        (result.FORMS, TableFormat),
        (mos.FORMS, TableFormat),
        ({**PADS, "enlarge": None, "flat": None}, Pad),
    ],
)
def test_every_name_has_what_it_names(table: Mapping[str, Any], names: Any) -> None:
    assert set(table) == set(get_args(names))
