"""Files of models in both formats, and models that can do less than all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

import ssavl
from ssavl.errors import UserError
from ssavl.generators.load import load_bundle, load_generator
from ssavl.generators.source import WeightsFile
from ssavl.latents.point import Point
from ssavl.latents.posterior import Scored, scored_part
from ssavl.latents.priors import Block
from ssavl.latents.space import Factorised, LatentSpace
from ssavl.models.extractor import load_extractor
from ssavl.models.files import FILES, Part, Saved, load_encoders, load_model, save_model
from ssavl.models.inference import InferenceModel
from ssavl.models.protocol import Clusterer, Observed
from ssavl.networks.classifier import Classifier
from ssavl.networks.embedding import Embedding
from ssavl.networks.encoder import Encoder
from ssavl.networks.generator import ConvGenerator
from ssavl.networks.registry import NETWORKS, entry, name_of, rebuild, rebuild_as
from ssavl.networks.trunk import Trunk
from ssavl.storage.checkpoint import load_checkpoint, save_checkpoint
from ssavl.storage.weights import weights_hash

FORMAT1 = Path(__file__).parent / "format1"
SHAPE = (1, 16, 16)
SPACE = LatentSpace(
    [
        Block("noise", "noise", "normal", 2),
        Block("code", "code", "uniform", 1),
        Block("category", "category", "categorical", 3),
    ]
)


def generator() -> ConvGenerator:
    torch.manual_seed(0)
    return ConvGenerator(SPACE, SHAPE, 2, 4, {}).eval()


def encoder(*blocks: str) -> Encoder:
    space = LatentSpace(block for block in SPACE.blocks if block.name in blocks)
    return Encoder(Trunk(SHAPE, 2, 4), space)


def whole(name: str = "both") -> Saved:
    """A model with every part."""
    torch.manual_seed(1)
    left = (encoder("code", "category"),)
    model = InferenceModel([encoder("code", "category"), encoder("noise")], name, 0.25)
    clusterer = Classifier(Trunk(SHAPE, 2, 4), 3)
    sorter = Embedding(Trunk(SHAPE, 2, 4), 4, 7, 3)
    sorter.means.normal_()
    params = {"gamma": 6.4, "list": [1]}
    return Saved("method", params, generator(), model, clusterer, left, sorter)


def expected() -> dict[str, Tensor]:
    with np.load(FORMAT1 / "expected.npz") as arrays:
        return {name: torch.from_numpy(array) for name, array in arrays.items()}


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_files_of_the_first_format_give_the_numbers_that_they_gave(suffix: str) -> None:
    known = expected()
    loaded = load_bundle(WeightsFile(FORMAT1 / f"generator{suffix}"))
    model = load_encoders(FORMAT1 / f"encoders{suffix}")
    with torch.no_grad():
        made = loaded.generator(known["latents"])
        parameters = torch.cat([encoder(known["images"]) for encoder in model], -1)
    assert torch.allclose(made, known["generated"], atol=1e-5)
    assert torch.allclose(parameters, known["parameters"], atol=1e-5)
    assert (model.name, model.image_noise) == ("ssavl", 0.25)
    assert model.origin is not None
    assert model.origin.weights == weights_hash(loaded.generator)
    if suffix == ".pt":  # what export wrote had none
        (left,) = (rebuild_as(Encoder, one) for one in loaded.training_encoders)
        assert torch.allclose(left(known["images"]), known["left"], atol=1e-5)
        (again,) = load_model(FORMAT1 / "generator.pt").training_encoders
        assert weights_hash(again) == weights_hash(left)


def test_an_extractor_of_the_first_format_judges_as_it_did() -> None:
    extractor = load_extractor(FORMAT1)
    known = expected()
    with torch.no_grad():
        assert torch.allclose(extractor.logits(known["images"]), known["logits"], atol=1e-5)
    assert extractor.classes == ("a", "b", "c")


def test_a_folder_of_the_first_format_is_a_model() -> None:
    model = ssavl.load(FORMAT1, device="cpu", precision="float32")
    assert model.decode(model.encode(torch.rand(3, *SHAPE))).shape == (3, *SHAPE)


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
def test_every_part_comes_back(suffix: str) -> None:
    saved, path = whole(), Path(f"model{suffix}")
    save_model(path, saved)
    again = load_model(path)
    assert (again.method, again.params, again.name) == (
        "method",
        {"gamma": 6.4, "list": [1]},
        "both",
    )
    assert saved.generator is not None
    assert saved.inference is not None
    assert again.generator is not None
    assert again.inference is not None
    assert isinstance(again.clusterer, Classifier)
    assert isinstance(saved.clusterer, Classifier)
    assert again.sorter is not None
    assert saved.sorter is not None
    pairs = [
        (saved.generator, again.generator),
        (saved.inference, again.inference),
        (saved.clusterer, again.clusterer),
        (saved.sorter, again.sorter),
        (saved.training_encoders[0], again.training_encoders[0]),
    ]
    assert all(weights_hash(a) == weights_hash(b) for a, b in pairs)
    assert not any(p.requires_grad for p in again.generator.parameters())
    assert not any(p.requires_grad for p in again.inference.parameters())
    bundle = load_bundle(WeightsFile(path))
    assert weights_hash(bundle.generator) == weights_hash(saved.generator)
    assert len(bundle.training_encoders) == 1


def test_equal_models_are_equal_bytes() -> None:
    for name in ("a.pt", "b.pt"):
        save_model(Path(name), whole())
    assert Path("a.pt").read_bytes() == Path("b.pt").read_bytes()


def test_a_folder_is_searched_for_what_is_needed() -> None:
    one = whole()
    save_model(Path("run/generator.pt"), Saved("gan", generator=one.generator))
    save_model(Path("run/encoders.pt"), Saved("fit", inference=one.inference))
    assert load_model(Path("run")).method == "fit"
    assert load_model(Path("run"), "generator").method == "gan"
    Path("run/encoders.pt").unlink()
    save_model(Path("run/model.pt"), one)
    assert load_model(Path("run")).method == "method"
    assert load_encoders(Path("run")).name == "both"
    with pytest.raises(UserError, match=r"nowhere/model.pt|nowhere does not exist"):
        load_model(Path("nowhere"), "clusterer")


@pytest.mark.parametrize("needed", [part for part in FILES if part is not None])
def test_a_part_that_is_absent_is_named(needed: Part) -> None:
    save_model(Path("x.pt"), Saved("nothing"))
    with pytest.raises(UserError, match=f"x.pt holds no {needed}, only nothing"):
        load_model(Path("x.pt"), needed)
    with pytest.raises(UserError, match="holds no generator, only nothing"):
        load_generator(WeightsFile(Path("x.pt")))


def test_one_file_with_both_is_a_model_by_itself() -> None:
    save_model(Path("run/model.pt"), whole())
    model = ssavl.load("run", device="cpu", precision="float32")
    assert model.decode(model.encode(torch.rand(3, *SHAPE))).shape == (3, *SHAPE)
    assert model.bundle.origin.path == "model.pt"
    assert model.bundle.origin.weights == weights_hash(model.generator)


def damaged(**changes: object) -> Path:
    """A file of a model with some of its content replaced."""
    save_model(Path("x.pt"), whole())
    content = load_checkpoint(Path("x.pt"), "model") | changes
    save_checkpoint(Path("x.pt"), "model", {k: v for k, v in content.items() if k != "kind"})
    return Path("x.pt")


def test_a_network_of_another_name_is_one_line_with_the_nearest() -> None:
    part = entry(generator()) | {"network": "conv-genrator"}
    message = (
        r"^x.pt: no network is called 'conv-genrator', the nearest is 'conv-generator': "
        r"a newer ssavl may have it$"
    )
    with pytest.raises(UserError, match=message):
        load_model(damaged(parts={"generator": part}))
    with pytest.raises(UserError, match=message):
        load_generator(WeightsFile(Path("x.pt")))


@pytest.mark.parametrize(
    "changes",
    [
        {"method": "../up"},
        {"method": 7},
        {"params": [1]},
        {"space": []},
        {"parts": []},
        {"parts": {"generator": 3}},
        {"parts": {"generator": {"network": ["encoder"], "config": {}, "state": {}}}},
        {"parts": {"generator": {"network": "conv-generator", "config": {}, "state": {}}}},
        {"parts": {"encoders": {"name": "a/b", "networks": [], "origin": {}, "image_noise": 0}}},
        {"parts": {"encoders": {"name": "a", "networks": [], "origin": 5, "image_noise": 0}}},
        {"parts": {"clusterer": entry(generator())}},
        {"parts": {"generator": entry(Classifier(Trunk(SHAPE, 2, 4), 2))}},
        {"parts": {"generator": entry(generator()), "training_encoders": [entry(generator())]}},
        {"ssavl": "2"},
        {"ssavl": 3},
    ],
)
def test_what_does_not_fit_is_one_line(changes: dict[str, object]) -> None:
    with pytest.raises(UserError) as caught:
        load_model(damaged(**changes))
    message = str(caught.value)
    assert message.startswith("x.pt")
    assert message.count("x.pt") == 1
    assert "\n" not in message


def test_names_and_networks_go_both_ways() -> None:
    for network in (generator(), encoder("noise"), Classifier(Trunk(SHAPE, 2, 4), 2)):
        name = name_of(network)
        assert name is not None
        assert type(rebuild(entry(network))).__name__ == NETWORKS[name].__name__
    assert name_of(torch.nn.Linear(1, 1)) is None
    with pytest.raises(ValueError, match="Linear has no name"):
        entry(torch.nn.Linear(1, 1))


def test_what_a_posterior_can_do_is_asked() -> None:
    factorised = encoder("noise", "code").posterior(torch.rand(2, *SHAPE))
    points = Point(factorised.space, factorised.mode)
    assert isinstance(factorised, Scored)
    assert not isinstance(points, Scored)
    assert scored_part(points, ["noise"]) is None
    assert scored_part(factorised, ["category"]) is None
    assert scored_part(factorised, []) is None
    part = scored_part(factorised, ["code"])
    assert isinstance(part, Factorised)
    assert part.kl().keys() == {"code"}
    assert isinstance(whole().clusterer, Clusterer)
    assert not isinstance(generator(), Clusterer)


def test_an_observed_density_is_the_likelihood_of_the_image() -> None:
    from ssavl.objectives.likelihood import Likelihood

    made = generator()
    density = Observed(made, Likelihood("gaussian", 0.3))
    latents = density.draw(4, torch.Generator().manual_seed(3))
    assert torch.equal(latents, SPACE.sample(4, torch.Generator().manual_seed(3)))
    x = torch.rand(4, *SHAPE)
    assert torch.equal(density.log_prob(x, latents), density.likelihood(x, made(latents)))
    assert density.latent_space == SPACE
