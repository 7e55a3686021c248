"""Signatures: what each method's own paper is known for, on small data, beside a baseline.

    python benchmarks/signatures                    # lists them
    python benchmarks/signatures vae --seed 0 -o vae-0.json

`pipelines/signatures` runs all of them with two seeds or more, and gathers them.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import aae
import age
import ali
import as_vae
import avb
import beta_tcvae
import beta_vae
import bigan
import control_vae
import factor_vae
import info_vae
import infogan
import infogan_cr
import intro_vae
import joint_vae
import mae
import msvi
import ncp_vae
import vae_gan
import veegan
import wgan
import wgan_gp
import wwae
from signature import Measure

SIGNATURES: dict[str, Measure] = {
    "aae": aae.measure,
    "age": age.measure,
    "ali": ali.measure,
    "as-vae": as_vae.measure,
    "avb": avb.measure,
    "beta-tcvae": beta_tcvae.measure,
    "beta-vae": beta_vae.measure,
    "bigan": bigan.measure,
    "control-vae": control_vae.measure,
    "factor-vae": factor_vae.measure,
    "info-vae": info_vae.measure,
    "infogan": infogan.measure,
    "infogan-cr": infogan_cr.measure,
    "intro-vae": intro_vae.measure,
    "joint-vae": joint_vae.measure,
    "mae": mae.measure,
    "msvi": msvi.measure,
    "ncp-vae": ncp_vae.measure,
    "vae-gan": vae_gan.measure,
    "veegan": veegan.measure,
    "wgan": wgan.measure,
    "wgan-gp": wgan_gp.measure,
    "wwae": wwae.measure,
}


def main() -> None:
    """Measure one, or list all."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("name", nargs="?", choices=[*SIGNATURES])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("-o", "--out", type=Path)
    given = parser.parse_args()
    if given.name is None:
        print("\n".join(SIGNATURES))
        return
    found = SIGNATURES[given.name](given.seed)
    if given.out is not None:
        found.write(given.out, given.seed)
    print(found)


if __name__ == "__main__":
    main()
