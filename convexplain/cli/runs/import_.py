"""`convexplain runs import`: a run that a cluster left as Parquet files."""

import click

from convexplain.explain.wording import counted

from ..options.store import db_option, open_workspace


@click.command("import")
@click.argument("folder")
@db_option
def command(folder: str, db: str | None) -> int:
    """Take a run into the store from the Parquet files of `analyze --ray-folder`.

    FOLDER is the run's folder (run-NUMBER-…), or its URL. Report, themes and the dashboard then show the run as any
    other. Nothing is judged again. Exit code 1: shards of it were not judged.

    \b
        convexplain runs import shards/run-3-5d1c0b9a7e44 --db march.db
        convexplain runs import s3://bucket/shards/run-3-5d1c0b9a7e44
        convexplain report --db march.db
    """
    imported = open_workspace(db).import_run(folder)
    size = f"{counted(imported.conversations, 'conversation')}, {counted(imported.judgements, 'judgement')}"
    click.echo(f"Run {imported.run}: {size}.")
    if imported.missing:
        shards = "1 shard was" if imported.missing == 1 else f"{imported.missing:,} shards were"
        click.echo(f"{shards} not judged: the conversations in it have no scores.", err=True)
    return 1 if imported.missing else 0
