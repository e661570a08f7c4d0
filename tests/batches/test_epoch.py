import pickle

from sapnet.batches.epoch import SharedEpoch


def test_shared_epoch() -> None:
    epoch = SharedEpoch()
    assert int(epoch) == 0
    epoch.set(7)
    assert int(epoch) == 7
    assert int(pickle.loads(pickle.dumps(epoch))) == 7
