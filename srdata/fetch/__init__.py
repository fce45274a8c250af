"""From a name and an address to verified files."""

from srdata.fetch.http import Patience as Patience
from srdata.fetch.match_files import SourceImage as SourceImage
from srdata.fetch.obtain import Planned as Planned
from srdata.fetch.obtain import have as have
from srdata.fetch.obtain import obtain as obtain
from srdata.fetch.obtain import plan as plan

__all__ = ["Patience", "Planned", "SourceImage", "have", "obtain", "plan"]
