"""Parts of a list of recordings."""

import pytest

from ecg_lightning.cli.annotate.shards import Shard
from ecg_lightning.errors import InputError


@pytest.mark.parametrize("n_shards", [1, 2, 4, 7, 12])
def test_each_item_is_in_one_shard(n_shards: int) -> None:
    items = list(range(10))
    shards = [Shard.of(f"{number}/{n_shards}").items(items) for number in range(1, n_shards + 1)]
    assert sorted(item for shard in shards for item in shard) == items
    assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_every_third() -> None:
    assert Shard.of("2/3").items("abcdefgh") == ["b", "e", "h"]
    assert str(Shard.of("2/3")) == "2/3"


@pytest.mark.parametrize(
    "text",
    ["", "3", "0/4", "5/4", "1/0", "-1/4", "1/4/2", "1.0/4", "a/b", "1/1000000", "1 / 4", "١/٤"],
)
def test_no_shard(text: str) -> None:
    with pytest.raises(InputError, match="shard: expected I/N, such as 2/4") as error:
        Shard.of(text)
    assert error.value.setting == "shard"
