"""1x1 の畳み込みとは何か（PyTorch 編）。

1x1 のカーネルは隣の画素をまったく見ません。それでも GoogLeNet や ResNet、MobileNet では主役です。
なぜなら「画素ごとの全結合層」だから。Keras 編 (07_conv1x1_keras.py) と同じ数字が出ます。
"""

import numpy as np
import torch
from torch import nn

# ---- 2x2 の画像、3 チャネル ----------------------------------------------------------------
# Keras 編と比べられるように、(高さ, 幅, チャネル) で書いてから並べ替えます。
image = np.array(
    [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]],
    dtype=np.float32,
)
x = torch.from_numpy(image).permute(2, 0, 1).unsqueeze(0)
print("入力", tuple(x.shape))
print(x)

# ---- 手で重みを決める ----------------------------------------------------------------------
conv = nn.Conv2d(3, 2, kernel_size=1)
with torch.no_grad():
    conv.weight[:] = torch.tensor([[1.0, 0.0, -1.0], [0.5, 0.5, 0.5]])[:, :, None, None]
    conv.bias[:] = torch.tensor([10.0, 0.0])
y = conv(x)
print(conv)
print(y)
print("左上の画素", y[0, :, 0, 0].tolist())

# ---- 全結合層と同じ ------------------------------------------------------------------------
linear = nn.Linear(3, 2)
linear.load_state_dict({"weight": conv.weight[:, :, 0, 0].detach(), "bias": conv.bias.detach()})
z = linear(x.permute(0, 2, 3, 1))
print("Linear の出力", tuple(z.shape), torch.equal(z.permute(0, 3, 1, 2), y))

# ---- 行列の積と同じ ------------------------------------------------------------------------
matrix = conv.weight.reshape(2, 3) @ x.reshape(3, 4) + conv.bias[:, None]
print(matrix)
print(torch.einsum("oc,nchw->nohw", conv.weight[:, :, 0, 0], x)[0, 1])

# ---- ボトルネック：パラメータを減らす ------------------------------------------------------
plain = nn.Conv2d(256, 256, 3, padding=1, bias=False)
bottleneck = nn.Sequential(
    nn.Conv2d(256, 64, 1, bias=False),
    nn.ReLU(),
    nn.Conv2d(64, 64, 3, padding=1, bias=False),
    nn.ReLU(),
    nn.Conv2d(64, 256, 1, bias=False),
)
for name, net in (("3x3 だけ", plain), ("ボトルネック", bottleneck)):
    print(name, f"{sum(p.numel() for p in net.parameters()):,}")

# ---- stride と組み合わせると、ただの間引き -------------------------------------------------
skip = nn.Conv2d(3, 2, 1, stride=2)
skip.load_state_dict(conv.state_dict())
print(torch.equal(skip(x), y[:, :, ::2, ::2]))

# ---- 深さ方向と点方向に分ける（MobileNet） -------------------------------------------------
separable = nn.Sequential(nn.Conv2d(32, 32, 3, groups=32, bias=False), nn.Conv2d(32, 64, 1))
full = nn.Conv2d(32, 64, 3)
counts = [sum(p.numel() for p in net.parameters()) for net in (separable, full)]
print("分けた場合", counts[0], "分けない場合", counts[1], f"比 {counts[0] / counts[1]:.3f}")
print(separable(torch.zeros(1, 32, 10, 10)).shape == full(torch.zeros(1, 32, 10, 10)).shape)

# ---- 勾配 ----------------------------------------------------------------------------------
y.sum().backward()
print(conv.weight.grad.squeeze(), conv.bias.grad)
