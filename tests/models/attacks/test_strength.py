"""Attacks are as strong as they should be, where the truth is known."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

from assay.models.attacks._linf import ball
from assay.models.attacks.fgsm import FGSM
from assay.models.attacks.pgd import PGD
from assay.models.attacks.square import Square
from assay.models.interface import Attack, AttackResult
from tests.models.conftest import UNIT_IMAGES, Case, small_cnn, torch_model


def run(attack: Attack, case: Case, seed: int = 1) -> AttackResult:
    return attack.run(
        case.model,
        case.data.x,
        case.data.y,
        rng=np.random.default_rng(seed),
        progress=lambda _: None,
    )


def test_pgd_breaks_an_undefended_network_completely(mnist: Case) -> None:
    clean = (mnist.model.predict(mnist.data.x).argmax(axis=1) == mnist.data.y).mean()

    assert clean > 0.85
    assert run(PGD(0.3), mnist).broken.all()


def test_pgd_is_no_weaker_than_fgsm(mnist: Case) -> None:
    for epsilon in (0.05, 0.1, 0.2):
        fgsm, pgd = run(FGSM(epsilon), mnist), run(PGD(epsilon), mnist)
        assert fgsm.broken.sum() <= pgd.broken.sum()


def test_active_set_saves_gradients_on_an_undefended_network(mnist: Case) -> None:
    result = run(PGD(0.3), mnist)

    assert result.gradients.mean() < 15  # of 40


def test_restarts_break_no_less(mnist: Case) -> None:
    once, thrice = run(PGD(0.06, steps=10), mnist), run(PGD(0.06, 10, restarts=3), mnist)

    assert once.broken.sum() <= thrice.broken.sum()


def test_square_reaches_the_exact_worst_case_of_a_linear_model(rows: Case) -> None:
    """For two classes and a linear score, the worst corner of the ball is known."""
    epsilon = 0.05
    scaler, regression = rows.model.classifier.steps[0][1], rows.model.classifier.steps[1][1]  # type: ignore[attr-defined]
    slope = regression.coef_[0] / scaler.scale_
    towards = np.where(rows.data.y == 1, -1, 1)[:, None] * slope
    around = ball(rows.model.domain, rows.data.x, epsilon)
    worst = np.where(towards > 0, around.high, around.low)
    exact = (rows.model.predict(worst).argmax(axis=1) == rows.data.y).sum()

    found = (~run(Square(epsilon, queries=300), rows).broken).sum()

    assert exact <= found <= exact + 1


def test_square_comes_near_pgd_on_images(images: Case) -> None:
    square = run(Square(0.2, queries=500), images).broken.mean()
    pgd = run(PGD(0.2), images).broken.mean()

    assert pgd - 0.1 <= square


def test_pgd_is_not_stopped_by_a_network_that_is_sure_of_itself(images: Case) -> None:
    """Logits a thousand times as large: cross-entropy's gradient would be exactly zero."""

    class Sure(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return images.model.network(x) * 1000  # type: ignore[attr-defined,no-any-return]

    sure = Case(torch_model(Sure(), UNIT_IMAGES), images.data)

    assert run(PGD(0.2), images).broken.mean() - 0.03 <= run(PGD(0.2), sure).broken.mean()


def test_pgd_passes_over_gradients_that_are_not_numbers(images: Case) -> None:
    """The root's slope at zero is infinite, and times zero it is no number."""

    class Rooted(nn.Module):
        def forward(self, x: torch.Tensor) -> torch.Tensor:
            return images.model.network(x) + 0 * (x - x).sqrt().sum()  # type: ignore[attr-defined,no-any-return]

    rooted = Case(torch_model(Rooted(), UNIT_IMAGES), images.data)
    result = run(PGD(0.1, steps=3), rooted)

    assert np.isfinite(result.adversarial).all()
    assert (np.abs(result.adversarial - images.data.x) <= 0.1).all()


def test_withstanding_examples_keep_the_most_harmful_iterate(images: Case) -> None:
    few, many = (run(PGD(0.02, steps=steps), images) for steps in (2, 40))
    standing = ~few.broken & ~many.broken

    def margin(result: AttackResult) -> float:
        scores = images.model.predict(result.adversarial[standing]).astype(np.float64)
        rows = np.arange(len(scores))
        own = scores[rows, images.data.y[standing]].copy()
        scores[rows, images.data.y[standing]] = -np.inf
        return float((own - scores.max(axis=1)).mean())

    assert margin(many) < margin(few)


def test_network_is_in_evaluation_mode_during_the_attack_and_as_before_after(images: Case) -> None:
    seen: list[bool] = []
    dropout = nn.Dropout(0.5)
    dropout.register_forward_hook(lambda module, *_: seen.append(module.training))
    model = torch_model(nn.Sequential(small_cnn(8), dropout), UNIT_IMAGES)
    weights = list(model.network.parameters())
    weights[0].requires_grad_(False)
    model.network.train()

    run(PGD(0.1, steps=2), Case(model, images.data))

    assert seen
    assert not any(seen)
    assert all(module.training for module in model.network.modules())
    assert [weight.requires_grad for weight in weights] == [False, *[True] * (len(weights) - 1)]
    assert all(weight.grad is None for weight in weights)
