"""The factories of docs/your-own-gan.md work as they stand there."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
import torch
from torch import nn

from tests.conftest import invoke, tiny_overrides

TEXT = (Path(__file__).parents[1] / "docs/your-own-gan.md").read_text()
CODE = {
    name: code
    for code in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    for name in re.findall(r"\A# (\w+)\.py:", code)
}
FLAGS = {"map": ["--latent-shape", "8,4,4"]}
BIGGAN = """latents:
  - {role: noise, prior: truncated-normal, dim: 20}
  - {role: category, prior: categorical, dim: 10}
separate: true
"""


def network(name: str) -> nn.Module:
    """What a factory makes, with weights as of a training."""
    module: dict[str, object] = {}
    exec(compile(Path(f"{name}.py").read_text(), f"{name}.py", "exec"), module)
    torch.manual_seed(0)
    made: nn.Module = module["make"]()  # type: ignore[operator]
    return made.eval()


@pytest.mark.parametrize("name", CODE)
def test_a_factory_of_the_documents_is_fit(name: str) -> None:
    Path(f"{name}.py").write_text(CODE[name])
    torch.save(network(name).state_dict(), "weights.pth")
    if name == "biggan":
        Path("weights.gan.yaml").write_text(BIGGAN)
    gan = ["--gan", f"{name}.py:make", "--weights", "weights.pth", *FLAGS.get(name, [])]
    result = invoke("inspect", *gan)
    assert result.exit_code == 0, result.output
    assert "FAIL" not in result.stdout
    few = ["--set", "fit-encoders.iterations=2", "--objective", "latent-nll"]
    result = invoke("fit-encoders", *gan, *tiny_overrides(), *few, "--out", "e")
    assert result.exit_code == 0, result.output
    forgotten = invoke("inspect", "--gan", f"{name}.py:make", *FLAGS.get(name, []))
    assert forgotten.exit_code == 1
    assert "--weights" in forgotten.stderr
    sys.modules.pop(name, None)


def test_every_shape_that_is_promised_is_there() -> None:
    assert set(CODE) == {"mlp", "stylegan", "biggan", "wgan", "vae", "map"}


CAUSES = {
    "return x, z": "number 0?",
    "return {'images': x}": "dict with images",
    "return x[:, 0]": "without a channel",
    "return x.flatten(1)": "signals of one dimension",
    "return x.permute(0, 2, 3, 1)": "channels last",
    "return x[:, :, :16]": "rectangles of 16 x 32",
    "return 20 * x": "logits?",
    "return 127.5 * (x + 1)": "--output-range 0 255",
    "return x[:2]": "one image for each",
    "return torch.fft.fft2(x)": "spectrum",
    "return self.embed(z)": "class indices",
    "return self.two(z)": "conditional?",
    "return self.body(torch.cat([z, z], 1))": "first layer",
}
BROKEN = """
import torch
from torch import nn

class Broken(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.body = nn.Linear(6, 3 * 32 * 32)
        self.embed = nn.Embedding(6, 4)
    def two(self, z):
        return (lambda z, y: z)(z)
    def forward(self, z):
        x = torch.tanh(self.body(z)).view(-1, 3, 32, 32)
        {what}

def make():
    return Broken()
"""


@pytest.mark.parametrize("what", CAUSES)
def test_what_is_wrong_names_its_likely_cause(what: str) -> None:
    Path("broken.py").write_text(BROKEN.format(what=what))
    flags = ["--latent-dim", "3"] if "cat" in what else ["--latent-dim", "6"]
    for command in (["inspect"], ["fit-encoders", "--out", "e", *tiny_overrides()]):
        result = invoke(*command, "--gan", "broken.py:make", *flags)
        assert result.exit_code == 1, result.output
        assert CAUSES[what] in result.stderr
        assert result.stderr.count("\n") == 1
