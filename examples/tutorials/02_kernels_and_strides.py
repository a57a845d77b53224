"""What do kernel_size and stride do to my picture?

Run it with:  python 02_kernels_and_strides.py cat.jpg

Every course gives you the formula floor((n + 2p - k) / s) + 1 and moves on. Here we turn the two
knobs until something breaks, all the way to a kernel of 256 on a picture of 300 pixels.
"""

import math
import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn

torch.manual_seed(42)
path = sys.argv[1] if len(sys.argv) > 1 else "cat.jpg"
photo = Image.open(path).convert("RGB").resize((300, 280))
x = torch.from_numpy(np.asarray(photo).copy()).permute(2, 0, 1).unsqueeze(0) / 255.0
print(x.shape, x.dtype)


def formula(n, k, s=1, p=0, d=1):
    return math.floor((n + 2 * p - d * (k - 1) - 1) / s) + 1


# ---- 1. The kernel grows, the output shrinks ---------------------------------------------------
print(" k  formula   layer          parameters")
for k in (1, 2, 3, 5, 7, 11, 31, 64, 128, 256):
    conv = nn.Conv2d(3, 2, kernel_size=k)
    y = conv(x)
    expected = (formula(280, k), formula(300, k))
    assert tuple(y.shape[2:]) == expected
    count = sum(p.numel() for p in conv.parameters())
    print(f"{k:3d} {expected!s:12s} {tuple(y.shape)!s:20s} {count:8,d}  std {y.std():.4f}")

# A kernel larger than the picture is an error; the sentence tells both sizes.
try:
    nn.Conv2d(3, 2, kernel_size=301)(x)
except RuntimeError as error:
    print(str(error).splitlines()[0])

# ---- 2. The stride throws positions away -------------------------------------------------------
# With stride=2 the layer computes every second output, in both directions. So this must hold:
conv = nn.Conv2d(3, 4, 3)
strided = F.conv2d(x, conv.weight, conv.bias, stride=2)
print(
    "stride 2 picks every second one:", torch.allclose(conv(x)[:, :, ::2, ::2], strided, atol=1e-6)
)
for s in (1, 2, 3, 4, 5, 7, 16):
    y = F.conv2d(x, conv.weight, conv.bias, stride=s)
    rest = (280 - 3) % s, (300 - 3) % s
    print(f"stride {s:2d} -> {tuple(y.shape[2:])}, pixels never read at the end: {rest}")

# Strides may differ by axis: (vertical, horizontal).
print(nn.Conv2d(3, 4, (3, 5), stride=(2, 1))(x).shape)

# ---- 3. Dilation: a 3x3 kernel with holes ------------------------------------------------------
for d in (1, 2, 3, 10):
    y = nn.Conv2d(3, 1, 3, dilation=d)(x)
    print(f"dilation {d:2d}: window {d * 2 + 1:2d}, output {tuple(y.shape[2:])}")

# ---- 4. A box blur by hand, so that there are numbers to check ---------------------------------
small = torch.arange(36.0).view(1, 1, 6, 6)
blur = torch.ones(1, 1, 3, 3) / 9
print(F.conv2d(small, blur))
print(F.conv2d(small, blur, stride=3))

# ---- 5. Why two 3x3 are preferred to one 5x5 ---------------------------------------------------
one = nn.Conv2d(16, 16, 5, padding=2)
two = nn.Sequential(nn.Conv2d(16, 16, 3, padding=1), nn.ReLU(), nn.Conv2d(16, 16, 3, padding=1))
for name, net in (("one 5x5", one), ("two 3x3", two)):
    print(
        name,
        sum(p.numel() for p in net.parameters()),
        "parameters,",
        net(torch.rand(1, 16, 9, 9)).shape,
    )
print(two)
