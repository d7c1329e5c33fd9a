"""The networks of this project. assay calls the function that assay.toml names as `factory`."""

from torch import nn


def digits_network() -> nn.Module:
    """A small convolutional network for 28 x 28 digits; pixels in 0..1, scores of ten classes."""
    return nn.Sequential(
        nn.Conv2d(1, 16, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(16, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(32 * 7 * 7, 100),
        nn.ReLU(),
        nn.Linear(100, 10),
    )
