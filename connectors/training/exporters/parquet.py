"""A table in Parquet."""

from collections.abc import Sequence
from pathlib import Path

from convexplain.errors import MissingExtraError

from ..exporter import PairExporter
from ..records import Record, table_row


def save_parquet(records: Sequence[Record], path: Path) -> None:
    """Write one table.

    Raises:
        MissingExtraError: PyArrow is not installed.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        raise MissingExtraError("Parquet", "export") from error
    pq.write_table(pa.Table.from_pylist(list(records)), path)


PARQUET = PairExporter("parquet", "The same as csv as Parquet.", table_row, ".parquet", save_parquet)
