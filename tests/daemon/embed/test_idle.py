"""A model that nobody uses is unloaded, and loaded again on demand."""

from pathlib import Path

from tests.support.running_service import RunningService, picture
from tests.support.waiting import wait_until


def test_an_idle_model_is_unloaded_and_loaded_again(tmp_path: Path) -> None:
    service = RunningService(tmp_path)
    text = service.config_path.read_text().replace("[model]\n", "[model]\nidle_minutes = 0.01\n")
    service.config_path.write_text(text)
    root = service.path()
    try:
        service.start()
        for number in range(2):
            (root / f"{number}.png").write_bytes(picture(number))
            assert wait_until(lambda number=number: len(service.vectors()) == number + 1), service.tail()
            assert wait_until(lambda number=number: service.log.read_text().count("model_let_go") == number + 1), (
                service.tail()
            )
        assert service.log.read_text().count("model_ready") == 2
        assert service.stop() == 0
        assert service.findings() == []
    finally:
        service.close()
