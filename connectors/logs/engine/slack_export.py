"""A whole Slack export: a zip archive with users.json, channels.json and a folder a channel with a file a day."""

import re
import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

from convexplain.connectors.logs.formats import slack
from convexplain.errors import LogError

from .archives import open_member, open_zip, safe_members
from .containers import Budget, LogFile
from .json_values import json_values
from .log_text import LogText
from .loss_audit import LossAudit
from .metadata import clean_text
from .parse_results import ParsedRecord, ProblemReporter

_DAY = re.compile(r"\d{4}-\d{2}-\d{2}\.json")
_LISTS = ("channels.json", "groups.json", "dms.json", "mpims.json")


def open_export(log_file: LogFile) -> "Export | None":
    """Return the Slack export in a file; None where it is none.

    Raises:
        LogError: it is a damaged zip archive.
    """
    if not log_file.head().startswith(b"PK\x03\x04"):
        return None
    archive = open_zip(log_file)
    names = [PurePosixPath(item.filename) for item in archive.infolist()]
    roots = {name.parent for name in names if name.name in (*_LISTS, "users.json")}
    days = any(_DAY.fullmatch(name.name) and name.parent.parent in roots for name in names)
    if not days:
        log_file.stream.seek(0)
        return None
    return Export(log_file, archive)


class Export:
    """A Slack export.

    Args:
        part: the file.
        archive: the zip archive in it.
    """

    def __init__(self, log_file: LogFile, archive: zipfile.ZipFile) -> None:
        self._log_file = log_file
        self._archive = archive
        self._budget = Budget(log_file.path)
        names = {PurePosixPath(item.filename) for item in archive.infolist() if not item.is_dir()}
        self.channels = sorted({name.parent for name in names if _DAY.fullmatch(name.name)})

    def entries(
        self, report_of: Callable[[Path], ProblemReporter]
    ) -> Iterator[tuple[Path, Iterator[ParsedRecord], LossAudit]]:
        """Yield the conversations channel by channel, each with the channel's path (`export.zip/channel`) and the audit
        that counts what is in the channel and in none of its conversations.

        The messages of a channel are held in memory while it is read.
        """
        with self._archive:
            items = safe_members(self._log_file.path, self._archive, report_of(self._log_file.path))
            users = self._users(items, report_of)
            days: dict[PurePosixPath, list[zipfile.ZipInfo]] = {}
            for item in sorted(items, key=lambda item: item.filename):
                if _DAY.fullmatch((name := PurePosixPath(item.filename)).name):
                    days.setdefault(name.parent, []).append(item)
            for channel in self.channels:
                path = self._log_file.path / clean_text(str(channel))
                messages = list(self._messages(days.get(channel, []), report_of))
                audit = LossAudit()
                yield path, _audited(audit, messages, clean_text(channel.name), users, report_of(path)), audit

    def _users(self, items: list[zipfile.ZipInfo], report_of: Callable[[Path], ProblemReporter]) -> slack.Users:
        users: dict[str, tuple[str, bool]] = {}
        for item in items:
            if PurePosixPath(item.filename).name == "users.json":
                users |= slack.users_in([value for _, value in self._values(item, report_of)])
        return users

    def _messages(
        self, days: list[zipfile.ZipInfo], report_of: Callable[[Path], ProblemReporter]
    ) -> Iterator[slack.SlackMessage]:
        number = 0
        for item in days:
            for position, value in self._values(item, report_of):
                number += 1
                if slack.is_message(value):
                    yield slack.SlackMessage(number, value)
                else:
                    report_of(self._path(item))(position, "no message of Slack")

    def _values(self, item: zipfile.ZipInfo, report_of: Callable[[Path], ProblemReporter]) -> Iterator[tuple[int, Any]]:
        """Yield the values in a member; one that cannot be read is reported."""
        path = self._path(item)
        report = report_of(path)
        try:
            with open_member(self._log_file, self._archive, item, self._budget) as stream:
                for value in json_values(LogText(path, stream, report)):
                    if value.error is None:
                        yield value.position, value.value
                    else:
                        report(value.position, value.error)
        except LogError as error:
            report(error.line, error.reason)

    def _path(self, item: zipfile.ZipInfo) -> Path:
        return self._log_file.path / clean_text(item.filename)


def _audited(
    audit: LossAudit, messages: Sequence[slack.SlackMessage], channel: str, users: slack.Users, report: ProblemReporter
) -> Iterator[ParsedRecord]:
    def read(_: Sequence[tuple[int, Any]], report: ProblemReporter) -> Iterator[ParsedRecord]:
        return slack.read_channel(messages, channel, users, report)

    return audit.check_all([(message.number, message.value) for message in messages], read, report)
