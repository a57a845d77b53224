"""Animations: their steps against torch's functions by other means; frames; refusals."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tatamu.lens.animation import Animation, Scene
from tatamu.lens.animation_colours import LIGHT
from tatamu.lens.animation_pixels import frames, gif, webp
from tatamu.lens.animation_request import Wanted, animate, check_suffix
from tatamu.lens.animation_stage import lay_out
from tatamu.lens.animation_svg import animation_svg
from tatamu.lens.animation_write import animate_lines
from tatamu.lens.words import LookError, Words, explain_problem

GOLDEN = Path(__file__).parent / "fixtures" / "animation.svg"


def final(scene: Scene, name: str) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """What stands on a board at the end, without what is cut off."""
    at = scene.board(name)
    grid = np.array(scene.after(len(scene.steps) - 1)[at], dtype=float)
    ghost = scene.boards[at].ghost
    rows = sorted({r for r in range(len(grid)) for c in range(len(grid[0])) if (r, c) not in ghost})
    columns = sorted({c for r in rows for c in range(len(grid[0])) if (r, c) not in ghost})
    return grid[np.ix_(rows, columns)]


@settings(max_examples=40)
@given(st.data())
def test_both_readings_of_random_layers_end_in_one_result(data: st.DataObject) -> None:
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 2)))
    padding = data.draw(st.integers(0, 1))
    dilation = data.draw(st.integers(1, 2))
    text = f"ConvTranspose2d(1, 1, {kernel}, {stride}, {padding}, dilation={dilation})"
    size = data.draw(st.sampled_from(["2x2", "3x2", "4x4"]))
    try:
        made = animate(Wanted(text, size=size))
    except LookError as error:
        assert error.key in ("fit.refused", "fit.nothing", "animate.long")
        return
    stamped, inserted = made.scenes
    assert np.allclose(final(stamped, "output"), final(inserted, "output"))
    for step in inserted.steps[1:]:
        total = sum(p.value * (p.weight or 0.0) for p in step.products)
        assert total == pytest.approx(step.result, abs=1e-4)
        assert step.sums[-1] == pytest.approx(step.result, abs=1e-4)


@settings(max_examples=40)
@given(st.data())
def test_steps_of_random_windows_come_to_the_layers_output(data: st.DataObject) -> None:
    kernel = data.draw(st.tuples(st.integers(1, 3), st.integers(1, 3)))
    stride = data.draw(st.tuples(st.integers(1, 2), st.integers(1, 3)))
    mode = data.draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
    dilation = data.draw(st.integers(1, 2))
    text = f"Conv2d(1, 2, {kernel}, {stride}, padding=1, dilation={dilation}, padding_mode={mode})"
    made = animate(Wanted(text, size="5x4", bias="1 -2"))
    (scene,) = made.scenes
    padded = np.array(scene.boards[0].values, dtype=float)
    for step in scene.steps:
        total = sum(p.value * (p.weight or 0.0) for p in step.products) + (step.bias or 0.0)
        assert total == pytest.approx(step.result, abs=1e-4)
        cells = step.lit[0].cells
        assert [p.value for p in step.products] == [padded[cell] for cell in cells]
        assert cells[0] == (step.place[1] * stride[0], step.place[2] * stride[1])


def test_own_numbers_worked_by_hand() -> None:
    made = animate(Wanted("Conv2d(1, 1, 2)", input="1 2 3; 4 5 6; 7 8 9", weights=("1 0; 0 -1",)))
    (scene,) = made.scenes
    assert [step.result for step in scene.steps] == [-4, -4, -4, -4]
    assert scene.steps[0].sums == (1, 1, 1, -4)


def test_the_overlap_of_a_kernel_that_the_stride_does_not_divide() -> None:
    made = animate(Wanted("ConvTranspose2d(1, 1, 3, stride=2)", size="2x2", reading="scatter"))
    counts = final(made.scenes[0], "overlap")
    line = [1, 1, 2, 1, 1]
    assert counts.tolist() == np.outer(line, line).tolist()


def test_im2col_is_unfold_and_a_matrix_product() -> None:
    import tatamu
    from tatamu.nn import functional as F

    made = animate(Wanted("Conv2d(2, 2, 2, padding=1)", size="3x3", im2col=True))
    (scene,) = made.scenes
    planes = [np.array(b.values)[1:-1, 1:-1] for b in scene.boards if b.name == "input"]
    columns = F.unfold(tatamu.tensor(np.array([planes], dtype=np.float32)), 2, padding=1)
    assert final(scene, "columns").tolist() == columns[0].tolist()
    product = final(scene, "weights") @ final(scene, "columns")
    assert np.allclose(product, final(scene, "product"))


def example() -> Animation:
    return animate(Wanted("ConvTranspose2d(1, 1, 2, stride=2, padding=1)", size="2x2"))


def test_frames_are_counted_and_their_cells_have_the_colours_of_their_roles() -> None:
    made = animate(Wanted("Conv2d(1, 1, 2)", size="3x3"))
    sheet = lay_out(made, {})
    pictures = frames(sheet)
    assert len(pictures) == made.steps == 4
    for content, kind in ((gif(sheet), "GIF"), (webp(sheet), "WEBP")):
        with Image.open(io.BytesIO(content)) as opened:
            assert (opened.format, opened.n_frames) == (kind, 4)  # type: ignore[attr-defined]
            assert opened.size == (sheet.width, sheet.height)
    for index, picture in enumerate(pictures):
        lit = [m for m in sheet.frame(index) if getattr(m, "fill", "") in ("window", "kernel")]
        assert len(lit) == 8
        for box in lit:
            corner = picture.getpixel((round(box.x) + 6, round(box.y) + 6))
            assert "#{:02x}{:02x}{:02x}".format(*corner) == LIGHT[box.fill]  # type: ignore


def test_the_svg_stands_still_for_those_who_ask_and_is_the_stored_one(
    request: pytest.FixtureRequest,
) -> None:
    drawn = animation_svg(example(), Words("en"))
    assert "prefers-reduced-motion" in drawn and "<script" not in drawn
    if request.config.getoption("--update-golden"):
        GOLDEN.write_text(drawn, "utf-8")
    assert drawn == GOLDEN.read_text("utf-8")


@pytest.mark.parametrize(
    ("wanted", "key"),
    [
        (Wanted("ReLU"), "animate.layer"),
        (Wanted("Conv2d(1,1,2) > ReLU"), "animate.several"),
        (Wanted("Conv2d(1, 1, 2)", size="2x2", input="1 2; 3 4"), "animate.size_input"),
        (Wanted("Conv2d(1, 1, 2)", input="1 2; 3 4 | 1 2; 3 4"), "animate.channels"),
        (Wanted("Conv2d(1, 1, 2)", weights=("1 2 3",)), "animate.weights"),
        (Wanted("MaxPool2d(2)", weights=("1",)), "animate.unweighted"),
        (Wanted("Conv2d(1, 1, 2)", bias="1 2"), "matrix.bias"),
        (Wanted("Conv2d(1, 1, 2)", reading="insert"), "animate.reading_layer"),
        (Wanted("ConvTranspose2d(1, 1, 2)", reading="other"), "animate.reading"),
        (Wanted("MaxPool2d(2)", im2col=True), "animate.im2col"),
        (Wanted("Conv2d(1, 1, 2)", speed=0), "animate.speed"),
        (Wanted("Conv2d(64, 64, 2)"), "animate.many"),
        (Wanted("Conv2d(1, 1, 3)", size="500x500"), "animate.large"),
        (Wanted("Conv2d(1, 1, 9)", size="3x3"), "fit.window"),
    ],
)
def test_refusals_say_why_in_both_languages(wanted: Wanted, key: str) -> None:
    with pytest.raises(LookError) as caught:
        animate(wanted)
    assert caught.value.key == key
    english, japanese = (explain_problem(caught.value, lang) for lang in ("en", "ja"))
    assert english != japanese
    if key == "animate.large":
        assert "Try --size 8x8." in english
        animate(Wanted(wanted.layer, size="8x8"))


def test_files_are_named_by_what_they_hold(tmp_path: Path) -> None:
    with pytest.raises(LookError, match="must end with"):
        check_suffix(Path("t.mp4"))
    path = tmp_path / "t.gif"
    lines = animate_lines(Wanted("AvgPool2d(2)", size="4x4"), path, Words("ja"))
    assert path.read_bytes().startswith(b"GIF89a") and "4 コマ" in lines[-1]
    with pytest.raises(LookError, match="cannot be written"):
        animate_lines(Wanted("AvgPool2d(2)"), tmp_path / "none" / "t.gif", Words("en"))
