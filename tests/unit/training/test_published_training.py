"""Ids, losses, gradients and weights are those of the published training code."""

import numpy as np
import pytest
import torch
from torch import nn

from training.tune.samples import IGNORED
from training.tune.tuned_model import collate


def errors(one, other):
    assert one.keys() == other.keys()
    return {name: (one[name] - other[name]).abs() for name in one}


def gradients(model):
    return {name: each.grad for name, each in model.encoder.named_parameters()}


def test_ids_and_labels(published):
    for place, sample in enumerate(published.samples()):
        ids = published.tensors["samples.input_ids"][place].tolist()
        labels = published.tensors["samples.labels"][place].tolist()
        length = len(sample.input_ids)
        assert ids[:length] == sample.input_ids
        assert labels[:length] == sample.labels
        assert set(labels[length:]) == {IGNORED}


@pytest.mark.parametrize("checkpoints", [False, True])
def test_first_loss_logits_and_gradient(published, checkpoints):
    model = published.model(checkpoints=checkpoints)
    samples = published.samples()
    batch = collate(samples)
    logits, _ = model.answer_logits(**collate(samples[:1]))
    torch.testing.assert_close(
        logits.detach(), published.tensors["steps.first_logits"], atol=2e-5, rtol=1e-5
    )
    loss = model(**batch)["loss"]
    assert loss.item() == pytest.approx(published.said["steps"]["losses"][0], abs=1e-6)
    loss.backward()
    wrong = errors(gradients(model), published.tensor_group("steps.first_gradient."))
    assert max(float(each.max()) for each in wrong.values()) < 1e-6


def test_every_sample_alone(published):
    model = published.model()
    losses = [model(**collate([each]))["loss"].item() for each in published.samples()]
    assert losses == pytest.approx(published.said["first_loss_of_each_sample"], abs=5e-6)


class GivenMask(nn.Module):
    """Drops what the published code dropped."""

    def __init__(self, kept, probability):
        super().__init__()
        self.kept, self.probability = kept, probability

    def forward(self, values):
        return values * self.kept.to(values.dtype) / (1 - self.probability)


def test_the_step_with_the_given_dropout_mask(published):
    said = published.said["dropout"]
    count = int(np.prod(said["kept_shape"]))
    bits = np.unpackbits(published.tensors["dropout.kept"].numpy())[:count]
    model = published.model()
    kept = torch.from_numpy(bits).view(*said["kept_shape"])
    model.encoder.dropout = GivenMask(kept, said["probability"])
    loss = model(**collate(published.samples()))["loss"]
    assert loss.item() == pytest.approx(said["loss"], abs=2e-6)
    loss.backward()
    wrong = errors(gradients(model), published.tensor_group("dropout.gradient."))
    assert max(float(each.max()) for each in wrong.values()) < 1e-6


def test_dropout_is_apart_for_each_sample_and_off_in_evaluation(published):
    encoder = published.model().encoder
    encoder.dropout = nn.Dropout(0.5)
    torch.manual_seed(1)
    one, other = encoder(2, torch.float32).unbind(1)
    assert not torch.equal(one, other)
    encoder.eval()
    one, other = encoder(2, torch.float32).unbind(1)
    assert torch.equal(one, other)
