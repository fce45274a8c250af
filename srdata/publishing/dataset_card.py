"""The dataset card: README.md with the YAML that the Hub and `datasets` read, and a page for people."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from textwrap import dedent
from typing import Any

import yaml
from huggingface_hub import DatasetCard, DatasetCardData

from srdata.fetch.manifest import Manifest
from srdata.prepared.licence_names import HUB_LICENCES, OwnLicence
from srdata.prepared.licences import Terms
from srdata.publishing.formats import FORMS, Config
from srdata.publishing.published_file import PublishedConfig
from srdata.store.set_json import SetFile
from srdata.vocabulary import PublishForm

SHEET = "sheet.png"
LICENCE = "LICENSE.md"
RECIPE = "recipe.yaml"
HASHES = "hashes.jsonl"
_SIZES = {1_000: "n<1K", 10_000: "1K<n<10K", 100_000: "10K<n<100K", 1_000_000: "100K<n<1M"}


@dataclass(frozen=True)
class Story:
    """All that a card tells."""

    repository: str  # ORG/NAME
    content: SetFile
    terms: Terms
    versions: dict[str, str]
    form: PublishForm | None  # None: the recipe only, no pixels
    configs: Sequence[Config]
    published: Sequence[PublishedConfig]
    downloads: dict[str, int]  # config → bytes of its files

    @property
    def images(self) -> int:
        """How many pairs there are in all."""
        if self.form is None:
            return sum(self.content.counts.values())
        return sum(split.images for one in self.published for split in one.splits.values())


def card_text(story: Story) -> str:
    """The whole README.md."""
    data = DatasetCardData(**_metadata(story))
    return str(DatasetCard(f"---\n{data.to_yaml()}\n---\n\n{_body(story)}"))


def licence_page(story: Story) -> str:
    """LICENSE.md: the terms of every data set that images come from, or those that their owner gives."""
    own = _terms_of_owner(story.content.name, story.terms.own) if story.terms.own else ""
    return "# Terms\n\n" + own + "".join(_terms_of(one) for one in story.terms.manifests)


def _terms_of_owner(name: str, licence: OwnLicence) -> str:
    link = f"\n<{licence.link}>\n" if licence.link else ""
    return f"## {name}\n\nThe owner of the images gives them the licence {licence.name}.\n{link}"


def _terms_of(one: Manifest) -> str:
    links = [link for link in (one.licence.url, one.homepage) if link]
    return f"## {one.title}\n\n{one.licence.name}: {one.licence.text}\n" + "".join(
        f"\n<{link}>\n" for link in links
    )


def _metadata(story: Story) -> dict[str, Any]:
    return {
        "pretty_name": _title(story),
        **_licence(story.terms),
        "task_categories": ["image-to-image"],
        "tags": ["super-resolution", "image", "srdata"],
        "size_categories": [_size_category(story.images)],
        "source_datasets": ["extended" if story.terms.manifests else "original"],
        "configs": list(_data_files(story)),
        **({"dataset_info": list(_dataset_info(story))} if story.form else {}),
    }


def _title(story: Story) -> str:
    source = story.terms.manifests[0].title if story.terms.manifests else story.content.name
    return f"{source}: {', '.join(one.name for one in story.configs)}"


def _licence(terms: Terms) -> dict[str, str]:
    """The licence in the words of the Hub; nothing where nothing is known."""
    if terms.own is not None and terms.own.hub is not None and not terms.manifests:
        return {"license": terms.own.hub}
    names = [one.licence.name.lower() for one in terms.manifests]
    names += [terms.own.name.lower()] if terms.own else []
    if not names:
        return {}
    if len(set(names)) == 1 and names[0] in HUB_LICENCES:
        return {"license": names[0]}
    slug = re.sub(r"[^a-z0-9.]+", "-", names[0]).strip("-")
    return {"license": "other", "license_name": slug, "license_link": LICENCE}


def _size_category(images: int) -> str:
    return next((name for limit, name in _SIZES.items() if images < limit), "1M<n<10M")


def _data_files(story: Story) -> Iterator[dict[str, Any]]:
    if story.form is None:
        yield {"config_name": "hashes", "data_files": HASHES}
        return
    kind = FORMS[story.form]
    for one in story.published:
        files = [
            {"split": split, "path": f"{one.folder}/{kind.files.format(split=split)}"} for split in one.splits
        ]
        yield {"config_name": one.name, "data_files": files, **kind.settings}


def _dataset_info(story: Story) -> Iterator[dict[str, Any]]:
    for config, one in zip(story.configs, story.published, strict=True):
        splits = [
            {"name": name, "num_bytes": split.bytes, "num_examples": split.images}
            for name, split in one.splits.items()
        ]
        features = [
            {"name": name, **({"list": "string"} if kind == "list" else {"dtype": kind})}
            for name, kind in config.features.items()
        ]
        yield {
            "config_name": one.name,
            # a tar file names its columns itself
            **({} if story.form == "webdataset" else {"features": features}),
            "splits": splits,
            "download_size": story.downloads[one.name],
            "dataset_size": sum(split["num_bytes"] for split in splits),
        }


def _body(story: Story) -> str:
    parts = [_opening(story), _loading(story) if story.form else _rebuilding(story), *_details(story)]
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _opening(story: Story) -> str:
    counts = ", ".join(f"{count} {split}" for split, count in story.content.counts.items())
    what = (
        "Pairs of low-resolution (`lr`) and high-resolution (`hr`) images for super-resolution"
        if story.form
        else "A recipe for pairs of images for super-resolution, and the hashes of what it makes: no pixels"
    )
    sheet = f"\n\n![Some of the pairs]({SHEET})" if story.form else ""
    return f"# {_title(story)}\n\n{what}, prepared by srdata. Images: {counts}.{sheet}"


def _loading(story: Story) -> str:
    name = story.configs[0].name
    split = next(iter(story.published[0].splits))
    where = story.repository
    columns = (
        "Columns `lr.png` and `hr.png`, and `json` with `key`, `scale`, `degradation` and `params`"
        if story.form == "webdataset"
        else "Columns: `lr`, `hr`, `key`, `scale`, `degradation`, `params`"
    )
    return dedent(f"""\
        ## How to load it

        ```python
        from datasets import load_dataset

        data = load_dataset("{where}", "{name}", split="{split}")  # streaming=True to download nothing first
        ```

        ```python
        from srdata import PairedDataset

        data = PairedDataset("hf://{where}", config="{name}", split="{split}", patch_size=192)
        ```

        {columns} (JSON: what was drawn to make `lr` of `hr`). The images are PNG files, unchanged.""")


def _rebuilding(story: Story) -> str:
    if "from" in story.content.recipe:
        names = " and ".join(one["name"] for one in story.content.recipe["from"])
        return f"## How to make it\n\nIt was made of {names}, whose recipes stand in {RECIPE}."
    own = f"Add `folder: NAME` to {RECIPE}, a folder beside it that holds the source images. Then\n\n"
    return f"## How to make it\n\n{'' if story.terms.manifests else own}" + dedent(f"""\
        ```sh
        srdata prepare {RECIPE} --name {story.content.name} --root data
        ```

        makes the same images from their sources, sample for sample: `{HASHES}` has the SHA-256 of each
        source file and the xxh3-128 of the pixels of each image, as `index.parquet` of the set has them.""")


def _details(story: Story) -> Iterator[str]:
    if story.published:
        yield f"## Content\n\n{_table(story)}"
    if story.terms.manifests or story.terms.own:
        terms = "\n".join(f"- {line}" for line in story.terms.lines)
        yield f"## Terms\n\n{terms}\n\nSee [{LICENCE}]({LICENCE})."
    if story.terms.manifests:
        yield "## Citation\n\n" + "\n".join(f"- {text}" for text in story.terms.citations)
    yield f"## Recipe\n\nDigest `{story.content.digest}`.\n\n```yaml\n{recipe_text(story.content)}```"
    made = "\n".join(f"- {name} {version}" for name, version in story.versions.items())
    yield f"## Made with\n\n{made}"


def _table(story: Story) -> str:
    head = "| config | split | pairs | SHA-256 of the pixel hashes |\n|---|---|---|---|\n"
    return head + "\n".join(
        f"| {one.name} | {name} | {split.images} | `{split.pixels}` |"
        for one in story.published
        for name, split in one.splits.items()
    )


def recipe_text(content: SetFile) -> str:
    """The resolved recipe as YAML, which `srdata prepare` takes."""
    spelled = {**content.recipe, "windows": content.recipe.get("windows")}
    return yaml.safe_dump(spelled, sort_keys=False, allow_unicode=True, width=110)
