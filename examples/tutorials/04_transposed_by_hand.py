"""ConvTranspose2d by hand: set the weights, print the numbers, believe the formula.

A transposed convolution is not a "deconvolution": it undoes nothing. Each input pixel stamps the
kernel, multiplied by the pixel's value, onto the output; where stamps overlap they are added.
"""

import torch
import torch.nn.functional as F
from torch import nn

# ---- 1. One pixel, one stamp -------------------------------------------------------------------
kernel = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
x = torch.tensor([[0.0, 1.0], [2.0, 3.0]]).view(1, 1, 2, 2)

up = nn.ConvTranspose2d(1, 1, kernel_size=2, stride=1, bias=False)
up.weight.data = kernel
y = up(x)
print(up)
print(y)

# The same with two loops.
by_hand = torch.zeros(3, 3)
for i in range(2):
    for j in range(2):
        by_hand[i : i + 2, j : j + 2] += x[0, 0, i, j] * kernel[0, 0]
print(by_hand)
print("equal:", torch.equal(y[0, 0], by_hand))

# ---- 2. stride moves the stamps apart ----------------------------------------------------------
for stride in (1, 2, 3):
    print("stride", stride)
    print(F.conv_transpose2d(x, kernel, stride=stride)[0, 0])

# ---- 3. padding cuts the border off (yes, it makes the output smaller) -------------------------
big = torch.ones(1, 1, 3, 3)
print(F.conv_transpose2d(x, big, stride=2)[0, 0])
print(F.conv_transpose2d(x, big, stride=2, padding=1)[0, 0])

# ---- 4. output_padding: which size did we come from? -------------------------------------------
# A strided convolution maps sizes 7 and 8 both to 4. Going back, output_padding says which.
down = nn.Conv2d(1, 1, 3, stride=2, padding=1)
for n in (7, 8):
    small = down(torch.zeros(1, 1, n, n))
    for extra in (0, 1):
        back = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1, output_padding=extra)
        print(f"{n} -> {small.shape[-1]} -> {back(small).shape[-1]} with output_padding={extra}")

# Or say the size itself when calling:
back = nn.ConvTranspose2d(1, 1, 3, stride=2, padding=1)
print(back(torch.zeros(1, 1, 4, 4), output_size=(8, 7)).shape)
for wrong in ((9, 9), (8, 8, 8)):
    try:
        back(torch.zeros(1, 1, 4, 4), output_size=wrong)
    except ValueError as error:
        print("ValueError:", str(error).splitlines()[0])
try:
    nn.ConvTranspose2d(1, 1, 3, stride=2, output_padding=2)(torch.zeros(1, 1, 4, 4))
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])


# ---- 5. The formula ----------------------------------------------------------------------------
def size(n, k, s=1, p=0, op=0, d=1):
    return (n - 1) * s - 2 * p + d * (k - 1) + op + 1


checked = 0
for k in (1, 2, 3, 4):
    for s in (1, 2, 3):
        for p in (0, 1):
            for d in (1, 2):
                for op in range(max(s, d)):
                    n = 5
                    expected = size(n, k, s, p, op, d)
                    if expected < 1:
                        continue
                    layer = nn.ConvTranspose2d(1, 1, k, s, p, op, dilation=d)
                    got = layer(torch.zeros(1, 1, n, n)).shape[-1]
                    assert got == expected, (k, s, p, op, d, got, expected)
                    checked += 1
print("sizes that follow the formula:", checked)

# ---- 6. "Transposed": it is the gradient of a convolution --------------------------------------
# Write a convolution as a matrix C; then y = C x, and the transposed layer computes C^T y.
a = torch.arange(16.0).view(1, 1, 4, 4).requires_grad_()
w = torch.tensor([[1.0, -1.0, 0.0], [2.0, 0.0, -2.0], [0.0, 1.0, 1.0]]).view(1, 1, 3, 3)
out = F.conv2d(a, w)
g = torch.tensor([[1.0, 2.0], [3.0, 4.0]]).view(1, 1, 2, 2)
out.backward(g)
print(a.grad[0, 0])
print("same as conv_transpose2d:", torch.equal(a.grad, F.conv_transpose2d(g, w)))

# ---- 7. Channels: weight is (in, out, kH, kW), the other way round from Conv2d -----------------
torch.manual_seed(0)
layer = nn.ConvTranspose2d(3, 2, kernel_size=4, stride=2, padding=1)
print(layer.weight.shape, layer.bias.shape)
print(layer(torch.ones(1, 3, 2, 2)))

# ---- 8. Checkerboards: count how often each output pixel is stamped ----------------------------
ones = torch.ones(1, 1, 4, 4)
print(F.conv_transpose2d(ones, torch.ones(1, 1, 3, 3), stride=2)[0, 0].int())
print(F.conv_transpose2d(ones, torch.ones(1, 1, 4, 4), stride=2, padding=1)[0, 0].int())

# A bilinear kernel: upsampling as a layer that can be trained further.
b = torch.tensor([0.25, 0.75, 0.75, 0.25])
print(F.conv_transpose2d(ones * 4, (b[:, None] * b)[None, None], stride=2, padding=1)[0, 0])
