"""The data sets that `prepare-data` knows, by name; :mod:`ssavl.datasets.readers` reads them."""

from __future__ import annotations

DATA_SETS = {
    "mnist-10k": "the first 10,000 training digits of MNIST, in the package",
    "mnist": "MNIST, from the four official IDX files",
    "fashion-mnist": "Fashion-MNIST, from the four official IDX files",
    "cifar10": "CIFAR-10, from cifar-10-batches-bin or cifar-10-batches-py",
    "celeba": "CelebA, aligned: img_align_celeba and its lists",
    "imagenet": "ILSVRC 2012: folders of JPEG files",
    "imagenet-64": "ImageNet at 64 pixels: the .npz batches",
    "dsprites": "dSprites: rendered, or the official .npz",
    "rooms": "a room with one object, in colour, of known factors: rendered",
    "shapes3d": "3D Shapes: the official 3dshapes.h5",
    "chairs": "3D Chairs: rendered_chairs",
    "faces-3d": "3D faces: basel_face_renders.pth",
    "folder": "any folder of images",
}
