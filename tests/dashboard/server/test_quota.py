"""The quota of uploads of one account."""

from convexplain.dashboard.server.quota import DAY, UploadQuota

from .test_throttle import Clock


def test_an_account_uploads_so_many_bytes_in_24_hours():
    clock = Clock()
    quota = UploadQuota(100, clock)
    assert [quota.take("anna", 60), quota.take("anna", 41), quota.take("anna", 40)] == [True, False, True]
    assert quota.take("ben", 100)
    clock.now += DAY + 1
    assert quota.take("anna", 100)
    assert not quota.take("anna", 1)
