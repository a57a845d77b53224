"""Pictures changed before they reach a network, by torchvision's names and numbers.

Every transform takes Pillow's pictures and tensors (..., C, H, W), and draws from torch's generator
what torchvision draws, so that one seed gives the same pictures.

>>> from PIL import Image
>>> steps = Compose([Resize(8), CenterCrop(6), ToTensor()])
>>> steps(Image.new("RGB", (20, 16))).shape
tatamu.Size([3, 6, 6])
"""

from tatamu.vision.transforms import functional
from tatamu.vision.transforms.autoaugment import (
    AugMix,
    AutoAugment,
    AutoAugmentPolicy,
    RandAugment,
    TrivialAugmentWide,
)
from tatamu.vision.transforms.colours import (
    ColorJitter,
    Grayscale,
    RandomAdjustSharpness,
    RandomAutocontrast,
    RandomEqualize,
    RandomGrayscale,
    RandomInvert,
    RandomPosterize,
    RandomSolarize,
)
from tatamu.vision.transforms.containers import (
    Compose,
    Lambda,
    RandomApply,
    RandomChoice,
    RandomOrder,
)
from tatamu.vision.transforms.conversion import (
    ConvertImageDtype,
    PILToTensor,
    ToPILImage,
    ToTensor,
)
from tatamu.vision.transforms.filters import (
    GaussianBlur,
    LinearTransformation,
    Normalize,
    RandomErasing,
)
from tatamu.vision.transforms.interpolation import InterpolationMode
from tatamu.vision.transforms.sizes import (
    CenterCrop,
    FiveCrop,
    Pad,
    RandomCrop,
    RandomHorizontalFlip,
    RandomResizedCrop,
    RandomVerticalFlip,
    Resize,
    TenCrop,
)
from tatamu.vision.transforms.warps import (
    ElasticTransform,
    RandomAffine,
    RandomPerspective,
    RandomRotation,
)

__all__ = [
    "AugMix",
    "AutoAugment",
    "AutoAugmentPolicy",
    "CenterCrop",
    "ColorJitter",
    "Compose",
    "ConvertImageDtype",
    "ElasticTransform",
    "FiveCrop",
    "GaussianBlur",
    "Grayscale",
    "InterpolationMode",
    "Lambda",
    "LinearTransformation",
    "Normalize",
    "PILToTensor",
    "Pad",
    "RandAugment",
    "RandomAdjustSharpness",
    "RandomAffine",
    "RandomApply",
    "RandomAutocontrast",
    "RandomChoice",
    "RandomCrop",
    "RandomEqualize",
    "RandomErasing",
    "RandomGrayscale",
    "RandomHorizontalFlip",
    "RandomInvert",
    "RandomOrder",
    "RandomPerspective",
    "RandomPosterize",
    "RandomResizedCrop",
    "RandomRotation",
    "RandomSolarize",
    "RandomVerticalFlip",
    "Resize",
    "TenCrop",
    "ToPILImage",
    "ToTensor",
    "TrivialAugmentWide",
    "functional",
]
