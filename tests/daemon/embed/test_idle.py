"""A model that nobody uses is unloaded, and loaded again on demand."""

import os
from pathlib import Path

from tests.support.running_service import Household, picture, until


def test_an_idle_model_is_unloaded_and_loaded_again(tmp_path: Path) -> None:
    house = Household(tmp_path)
    text = house.config_path.read_text().replace("[model]\n", "[model]\nidle_minutes = 0.01\n")
    house.config_path.write_text(text)
    root = Path(os.fsdecode(house.root))
    try:
        house.start()
        for number in range(2):
            (root / f"{number}.png").write_bytes(picture(number))
            assert until(lambda number=number: len(house.vectors()) == number + 1), house.tail()
            assert until(lambda number=number: house.log.read_text().count("model_let_go") == number + 1), house.tail()
        assert house.log.read_text().count("model_ready") == 2
        assert house.stop() == 0
        assert house.findings() == []
    finally:
        house.close()
