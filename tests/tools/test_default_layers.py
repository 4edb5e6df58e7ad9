"""The parts of the model that need PyTorch: invariances, whitening, augmentation, export to ONNX."""

from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the tool that makes the default model needs torch")

from tools.default_model.augment import Augmenter  # noqa: E402
from tools.default_model.drawing.overlays import overlays  # noqa: E402
from tools.default_model.drawing.pictures import squashed_picture  # noqa: E402
from tools.default_model.embedder import Embedder, Features  # noqa: E402
from tools.default_model.fixed_statistics import Statistics  # noqa: E402
from tools.default_model.network import Trunk  # noqa: E402
from tools.default_model.train import Schedule, contrastive_loss, train  # noqa: E402
from tools.default_model.whitening import whitening  # noqa: E402


def test_statistics_do_not_see_mirroring() -> None:
    pictures = torch.rand(3, 3, 64, 64) * 2 - 1
    assert torch.allclose(Statistics()(pictures), Statistics()(pictures.flip(-1)), atol=1e-3)


def test_half_of_the_statistics_do_not_see_quarter_turns() -> None:
    smooth = torch.nn.functional.interpolate(torch.rand(3, 3, 9, 9), size=64, mode="bicubic").clamp(0, 1) * 2 - 1
    apart = (Statistics()(smooth) - Statistics()(torch.rot90(smooth, 1, (2, 3)))).abs().amax(0)
    assert 0.3 < float((apart < 1e-2).float().mean()) < 0.9


def test_whitening_keeps_stable_features_and_drops_unstable_ones() -> None:
    rng = np.random.default_rng(0)
    stable = rng.normal(0, 1, (400, 1, 3))
    unstable = rng.normal(0, 5, (400, 6, 3))
    found = np.concatenate([np.repeat(stable, 6, 1) + rng.normal(0, 0.1, (400, 6, 3)), unstable], 2).astype(np.float32)
    _, projection = whitening(found, 3, 1e-3, 0.3)
    assert projection[:3].norm() > 20 * projection[3:].norm()


def test_views_are_the_same_for_the_same_seed() -> None:
    pictures = torch.rand(8, 3, 80, 80)
    cover = overlays(1, 5, 64)
    first, second = (Augmenter(1, cover, 0.1)(pictures, 64) for _ in range(2))
    assert torch.equal(first, second) and not torch.equal(first, Augmenter(2, cover, 0.1)(pictures, 64))
    assert first.shape == (8, 3, 64, 64) and float(first.min()) >= 0 and float(first.max()) <= 1


def test_contrast_is_least_when_both_views_agree() -> None:
    vectors = torch.eye(16)
    agreed, found = contrastive_loss(torch.cat([vectors, vectors]), 0.1)
    mixed, lost = contrastive_loss(torch.cat([vectors, vectors.roll(1, 0)]), 0.1)
    assert agreed < 0.1 < mixed and found == 1 and lost == 0


def test_training_is_the_same_for_the_same_seed() -> None:
    pixels = np.stack([squashed_picture(5, 48, index) for index in range(8)])
    schedule = Schedule(steps=2, pictures=4, warm_up=1, sizes=((1.0, 32),))
    first, second = (train(pixels, Augmenter(3, overlays(3, 4, 32), 0.1), schedule, 3) for _ in range(2))
    assert all(
        torch.equal(a, b) for a, b in zip(first.state_dict().values(), second.state_dict().values(), strict=True)
    )


def test_the_graph_gives_what_torch_gives(tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    onnxruntime = pytest.importorskip("onnxruntime")
    from tools.default_model.export import export

    features = Features(Trunk()).eval()
    image = torch.randint(0, 256, (3, 128, 128, 3), dtype=torch.uint8)
    with torch.no_grad():
        mean = features(image).mean(0)
        model = Embedder(features, mean, torch.randn(len(mean), 16)).eval()
        expected = model(image).numpy()
    export(model, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx", providers=["CPUExecutionProvider"])
    assert np.abs(session.run(None, {"image": image.numpy()})[0] - expected).max() < 1e-3
