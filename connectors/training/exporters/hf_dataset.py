"""A data set of Hugging Face `datasets`, in a folder for each split."""

from collections.abc import Sequence
from pathlib import Path

from convexplain.errors import MissingExtraError

from ..exporter import PairExporter
from ..records import Record, all_fields, json_line


def save_dataset(records: Sequence[Record], path: Path) -> None:
    """Write a data set into a folder; the provenance, whose fields differ from pair to pair, as JSON.

    Raises:
        MissingExtraError: `datasets` is not installed.
    """
    try:
        from datasets import Dataset
    except ImportError as error:
        raise MissingExtraError("A data set of Hugging Face", "export") from error
    rows = [{**record, "provenance": json_line(record["provenance"])} for record in records]
    Dataset.from_list(rows).save_to_disk(str(path))


HF_DATASET = PairExporter(
    "hf-dataset",
    "A data set of Hugging Face `datasets`, for `load_from_disk`.",
    all_fields,
    "",
    save_dataset,
)
