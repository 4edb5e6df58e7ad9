"""The text of a file name."""

import pytest

from models.learn.file_features import name_text


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ("/srv/Summer/Old Boat_02.jpg", "old boat"),
        ("IMG_1234.JPG", "img"),
        ("DSC01234.jpg", "dsc"),
        ("n02643566_lionfish.JPEG", "lionfish"),
        ("d41d8cd98f00b204e9800998ecf8427e.png", ""),
        ("dQw4w9WgXcQ.webp", ""),
        ("9f86d081-884c-4d63-a0ff-3b2e9f1c7a55.jpeg", ""),
        ("20240612_093011.jpg", ""),
        ("cafe\u0301 \u82b1\u706b.png", "caf\u00e9 \u82b1\u706b"),
        ("a \udcff b\udcfe wall.png", "wall"),
        (".hidden", "hidden"),
        ("v1.2 final (copy).tar.png", "final copy tar"),
        ("", ""),
    ],
)
def test_the_text_of_a_name_holds_its_words_only(path: str, text: str) -> None:
    assert name_text(path) == text
