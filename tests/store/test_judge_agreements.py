from convexplain.store import judge_agreement, keep_judge_agreement


def test_an_agreement_is_that_of_one_judge_wording_and_source_and_the_last_one_stays(store):
    assert judge_agreement(store, "f", "w", "labels") is None
    keep_judge_agreement(store, "f", "w", "labels", {"auc": {"value": 0.7}})
    keep_judge_agreement(store, "f", "w", "labels", {"auc": {"value": 0.8}})
    keep_judge_agreement(store, "f", "w", "reporting", {"auc": {"value": 0.9}})
    assert judge_agreement(store, "f", "w", "labels") == {"auc": {"value": 0.8}}
    assert judge_agreement(store, "f", "w", "reporting") == {"auc": {"value": 0.9}}
    for different in (("g", "w", "labels"), ("f", "v", "labels"), ("f", "w", "choosing")):
        assert judge_agreement(store, *different) is None
