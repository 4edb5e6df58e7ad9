"""The options of each provider, which is not loaded."""

from pathlib import Path

import pytest

from models.runtime import provider as room
from models.runtime.provider import CPU, CUDA, TENSORRT, first_provider, gpu_numbers, has_gpu, provider_chain


def test_tensorrt_is_used_on_request_only() -> None:
    assert [first_provider(name) for name in ("auto", "cuda", "cpu", "tensorrt")] == [CUDA, CUDA, CPU, TENSORRT]


def test_providers_fall_back_in_order() -> None:
    names = [
        [one if isinstance(one, str) else one[0] for one in provider_chain(first, 0, 0, None, False)]
        for first in room.DEFAULT_BATCH
    ]
    assert names == [[CPU], [CUDA, CPU], [TENSORRT, CUDA, CPU]]


def test_cuda_options_have_device_and_limit() -> None:
    name, told = provider_chain(CUDA, 1, 2048, None, True)[0]
    assert (name, told["device_id"], told["gpu_mem_limit"]) == (CUDA, "1", str(2 << 30))
    assert "gpu_mem_limit" not in provider_chain(CUDA, 0, 0, None, True)[0][1]


def test_tensorrt_options_have_cache_and_precision() -> None:
    (_, half), (_, cuda), _ = provider_chain(TENSORRT, 1, 1024, Path("/state/engines/0123"), True)
    assert half["device_id"] == cuda["device_id"] == "1"
    assert half["trt_engine_cache_path"] == half["trt_timing_cache_path"] == "/state/engines/0123"
    assert half["trt_fp16_enable"] == half["trt_engine_cache_enable"] == "True"
    assert half["trt_max_workspace_size"] == str(1 << 30)
    plain = provider_chain(TENSORRT, 0, 0, None, False)[0][1]
    assert plain["trt_fp16_enable"] == "False"
    assert not {"trt_engine_cache_enable", "trt_max_workspace_size"} & set(plain)


def test_gpus_are_listed_from_device_nodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "DEVICE_FOLDER", tmp_path)
    assert (gpu_numbers(), has_gpu()) == ([], False)
    (tmp_path / "nvidiactl").touch()
    assert (gpu_numbers(), has_gpu()) == ([], True)
    for name in ("nvidia10", "nvidia2", "nvidia-uvm", "nvidia-caps", "sda"):
        (tmp_path / name).touch()
    assert (gpu_numbers(), has_gpu()) == ([2, 10], True)
    monkeypatch.setattr(room, "DEVICE_FOLDER", tmp_path / "absent")
    assert has_gpu() is False
