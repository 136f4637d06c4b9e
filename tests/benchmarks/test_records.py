"""A run of a commit never replaces an earlier one, of whatever kind it is."""

from datetime import UTC, datetime

from benchmarks import records

WHEN = datetime(2026, 1, 2, 23, 59, tzinfo=UTC)


def test_files_are_named_by_kind_day_and_commit_and_never_replaced(tmp_path):
    folder = tmp_path / "new"
    runs = [("", "abc1234"), ("scale", "abc1234"), ("scale", "abc1234"), ("scale", "abc1234+")] * 2
    written = [records.write(folder, kind, f"{at}\n", commit, WHEN) for at, (kind, commit) in enumerate(runs)]
    assert [path.name for path in written] == [
        "2026-01-02-abc1234.json",
        "scale-2026-01-02-abc1234.json",
        "scale-2026-01-02-abc1234-2.json",
        "scale-2026-01-02-abc1234-changed.json",
        "2026-01-02-abc1234-2.json",
        "scale-2026-01-02-abc1234-3.json",
        "scale-2026-01-02-abc1234-4.json",
        "scale-2026-01-02-abc1234-changed-2.json",
    ]
    assert [path.read_text() for path in written] == [f"{at}\n" for at in range(8)]
