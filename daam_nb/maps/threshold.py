"""Masks by threshold (Tang et al. 2023, eq. 7), in one place for maps, figures and studies."""

from __future__ import annotations

from torch import Tensor


def mask_level(values: Tensor, threshold: float) -> Tensor:
    """Compute the lowest value inside the mask: `threshold` times the map's own maximum.

    Parameters
    ----------
    values
        (..., y, x), >= 0.
    threshold
        Share of each map's maximum, 0 to 1.

    Returns
    -------
    Tensor
        (..., 1, 1), of the values' dtype.
    """
    return threshold * values.amax((-2, -1), keepdim=True)


def mask_of(values: Tensor, threshold: float) -> Tensor:
    """Mask the locations where a map reaches a share of its own maximum.

    Parameters
    ----------
    values, threshold
        As for `mask_level`.

    Returns
    -------
    Tensor
        (..., y, x), bool: values >= threshold * maximum; empty for a map that is 0 everywhere.

    References
    ----------
    Tang et al. 2023, "What the DAAM", eq. 7, https://aclanthology.org/2023.acl-long.310

    Examples
    --------
    >>> import torch
    >>> mask_of(torch.tensor([[0.1, 0.4], [0.2, 1.0]]), 0.4).tolist()
    [[False, True], [False, True]]
    """
    level = mask_level(values, threshold)
    return (values >= level) & (values.amax((-2, -1), keepdim=True) > 0)
