"""Pillow, OpenCV, NumPy and tensors: who has which axes, which colours, which numbers.

Run it with:  python 11_arrays_and_pictures.py cat.jpg

It saves feature maps as PNG files into the current folder. OpenCV is used if it is installed;
otherwise its colour order (BGR) is made by slicing, which comes to the same.
"""

import sys

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image
from torch import nn
from torchvision import transforms
from torchvision.transforms.functional import to_pil_image
from torchvision.utils import make_grid, save_image

torch.manual_seed(0)
path = sys.argv[1] if len(sys.argv) > 1 else "cat.jpg"

# ---- 1. Pillow: size is (width, height), the array is (height, width, channels) ----------------
picture = Image.open(path).convert("RGB")
array = np.array(picture)
print("Pillow", picture.size, picture.mode)
print("NumPy ", array.shape, array.dtype, array.min(), array.max(), f"mean {array.mean():.2f}")

# ---- 2. OpenCV has blue first ------------------------------------------------------------------
try:
    import cv2

    bgr = cv2.cvtColor(array, cv2.COLOR_RGB2BGR)
except ImportError:
    bgr = array[:, :, ::-1]
print("one pixel: RGB", array[100, 200].tolist(), "BGR", bgr[100, 200].tolist())

# A slice with a step of -1 is a view with negative strides. torch does not take those:
try:
    torch.from_numpy(array[:, :, ::-1])
except ValueError as error:
    print("ValueError:", str(error).splitlines()[0])
back = torch.from_numpy(bgr[:, :, ::-1].copy())
print(back.shape, back.dtype, torch.equal(back, torch.from_numpy(array)))

# ---- 3. from_numpy shares memory, tensor() copies ----------------------------------------------
small = np.zeros((2, 2), dtype=np.float32)
shared, copied = torch.from_numpy(small), torch.tensor(small)
small[0, 0] = 5
print(shared, copied)
print("NumPy's floats arrive as", torch.from_numpy(np.ones(2)).dtype)
try:
    nn.Conv2d(1, 1, 1)(torch.from_numpy(np.ones((1, 1, 2, 2))))
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])

# ---- 4. ToTensor: axes, type and range in one step ---------------------------------------------
to_tensor = transforms.ToTensor()
x = to_tensor(picture)
print(to_tensor, x.shape, x.dtype, f"{x.min():.4f} {x.max():.4f}")
by_hand = torch.from_numpy(array).permute(2, 0, 1).contiguous().float().div(255)
print("by hand the same:", torch.equal(x, by_hand))
print(x.stride(), by_hand.stride(), torch.from_numpy(array).permute(2, 0, 1).stride())

pipeline = transforms.Compose(
    [
        transforms.Resize(64),
        transforms.CenterCrop(48),
        transforms.ToTensor(),
        transforms.Normalize(mean=[0.485, 0.456, 0.406], std=[0.229, 0.224, 0.225]),
    ]
)
print(pipeline)
normal = pipeline(picture)
print(normal.shape, normal.mean(dim=(1, 2)))

# ---- 5. Back to a picture ----------------------------------------------------------------------
again = to_pil_image(x)
print(again.size, again.mode, np.array_equal(np.array(again), array))
print(x.mul(255).byte().permute(1, 2, 0).numpy()[0, 0], "truncates;", array[0, 0], "was there")

# ---- 6. Feature maps as pictures ---------------------------------------------------------------
crop = x[:, 60:124, 160:224].unsqueeze(0)
edges = torch.tensor(
    [
        [[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]],
        [[-1.0, -2.0, -1.0], [0.0, 0.0, 0.0], [1.0, 2.0, 1.0]],
        [[0.0, 1.0, 0.0], [1.0, -4.0, 1.0], [0.0, 1.0, 0.0]],
        [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0], [1.0, 1.0, 1.0]],
    ]
)
gray = crop.mean(dim=1, keepdim=True)
maps = F.conv2d(gray, edges.unsqueeze(1), padding=1)
print("maps", tuple(maps.shape))
for name, plane in zip(("sobel-x", "sobel-y", "laplace", "box"), maps[0], strict=True):
    print(f"  {name:8s} {plane.min():+.4f} {plane.max():+.4f}")
    low, high = plane.min(), plane.max()
    # Values are negative and large: scale them, or to_pil_image would wrap them around.
    to_pil_image((plane - low) / (high - low)).save(f"map-{name}.png")

grid = make_grid(maps.transpose(0, 1), nrow=2, normalize=True, scale_each=True, padding=4)
print("grid", tuple(grid.shape))
save_image(grid, "grid.png")
save_image(crop, "crop.png")
print(Image.open("grid.png").size, Image.open("crop.png").getpixel((32, 32)))

# What happens to negative numbers in to_pil_image:
wrapped = to_pil_image(torch.tensor([[[-0.5, 0.0, 0.5, 1.0]]]))
print(np.array(wrapped))

# ---- 7. Batches --------------------------------------------------------------------------------
batch = torch.stack([x, x.flip(-1)])
print(batch.shape, F.interpolate(batch, scale_factor=0.25, mode="bilinear").shape)
pooled = F.avg_pool2d(batch, 100)
print(pooled[0, 0])
print(torch.utils.data.default_collate([np.float32(1), np.float32(2)]))
