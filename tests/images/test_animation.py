"""Trajectories hold the pictures they were made of, in formats that a browser plays."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from studio.engine.preview import encode_frame
from studio.images.animation import FRAMES_A_SECOND, LAST_SECONDS, MOST_IN_STRIP, animated, decoded, shown, strip, video
from tests.animations import frames_of

GREYS = [np.full((64, 96, 3), level, np.uint8) for level in range(0, 240, 40)]


def test_an_animated_webp_holds_every_frame() -> None:
    film = animated(GREYS)
    assert film[:4] == b"RIFF"
    assert film[8:12] == b"WEBP"
    frames = frames_of(film)
    assert len(frames) == len(GREYS)
    for frame, grey in zip(frames, GREYS, strict=True):
        assert np.abs(frame.astype(int) - grey).max() <= 4


def test_frames_come_back_out_of_their_jpegs() -> None:
    for frame, grey in zip(decoded([encode_frame(grey) for grey in GREYS]), GREYS, strict=True):
        assert np.abs(frame.astype(int) - grey).max() <= 2


def test_a_webm_holds_every_frame_and_the_last_one_for_a_while(tmp_path: Path) -> None:
    path = tmp_path / "animation.webm"
    path.write_bytes(video(GREYS))
    assert path.read_bytes()[:4] == b"\x1a\x45\xdf\xa3"  # of Matroska
    assert b"V_VP9" in path.read_bytes()
    reader, levels = cv2.VideoCapture(str(path)), []
    while (read := reader.read())[0]:
        levels.append(float(read[1].mean()))
    expected = [float(grey.mean()) for grey in GREYS] + [200.0] * round(FRAMES_A_SECOND * LAST_SECONDS)
    assert levels == pytest.approx(expected, abs=4)


def test_frames_are_small_and_even_and_keep_their_shape() -> None:
    assert shown(np.zeros((1001, 2003, 3), np.uint8)).shape == (256, 512, 3)
    assert shown(np.zeros((65, 97, 3), np.uint8)).shape == (64, 96, 3)
    assert shown(GREYS[0]).shape == GREYS[0].shape


def test_a_strip_shows_the_first_the_last_and_not_too_many() -> None:
    few, many = strip(GREYS), strip([GREYS[min(5, at // 4)] for at in range(24)])
    assert few.shape == (64, 6 * 96 + 5 * 4, 3)
    assert [int(few[0, at * 100, 0]) for at in range(6)] == [0, 40, 80, 120, 160, 200]
    assert many.shape[1] == MOST_IN_STRIP * 96 + (MOST_IN_STRIP - 1) * 4
    assert many[0, 0, 0] == 0
    assert many[0, -1, 0] == 200
