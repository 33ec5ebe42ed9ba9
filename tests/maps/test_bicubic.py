import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from daam_nb.maps.bicubic import bicubic_matrix, upsample
from tests.maps.naive import bicubic, bicubic_line

sides = st.integers(1, 24)


@settings(deadline=None)
@given(source=sides, target=st.integers(1, 70))
def test_the_matrix_is_keys_cubic_convolution(source: int, target: int) -> None:
    expected = torch.from_numpy(bicubic_line(source, target))
    # float32 pixel centers of torch's own: a few 1e-6 of a pixel at these sizes
    assert (bicubic_matrix(source, target) - expected).abs().max() < 1e-5


@settings(deadline=None)
@given(size=st.tuples(sides, sides), grid=st.tuples(st.integers(1, 64), st.integers(1, 64)))
def test_two_products_equal_torchs_interpolation(
    size: tuple[int, int], grid: tuple[int, int]
) -> None:
    maps = torch.rand(3, *size, generator=torch.Generator().manual_seed(0))
    expected = functional.interpolate(
        maps[:, None], size=grid, mode="bicubic", align_corners=False, antialias=False
    )[:, 0]
    made = upsample(maps.flatten(1), size, grid).view(3, *grid)
    assert (made - expected).abs().max() < 1e-6


def test_a_map_of_the_grids_size_stays_as_it_is() -> None:
    maps = torch.rand(2, 12)
    assert upsample(maps, (3, 4), (3, 4)) is maps


def test_one_pixel_by_hand() -> None:
    # From 2 to 4, the first pixel's center lies at -0.25: weights of pixels -2 to 1 are
    # keys(1.75), keys(0.75), keys(0.25), keys(1.25), and the border repeats pixel 0.
    weights = [-0.03515625, 0.26171875, 0.87890625, -0.10546875]
    assert bicubic_matrix(2, 4)[0].tolist() == [sum(weights[:3]), weights[3]]


def test_non_square_maps_are_not_transposed() -> None:
    image = torch.zeros(2, 3)
    image[0, 2] = 1.0
    made = upsample(image.view(1, 6), (2, 3), (4, 6)).view(4, 6)
    assert made[0, 5] == made.max()
    assert abs(made[1, 4].item() - bicubic(image.double().numpy(), (4, 6))[1, 4]) < 1e-6
