"""畳み込みとチャネル数：グレースケール (1)、RGB (3)、RGBA (4) の画像を Conv2d に通してみる。

使い方： python 01_channels.py cat.jpg

「入力チャネル数は画像の色の数、出力チャネル数はカーネルの枚数」。言葉にすればこれだけですが、
最初は必ずどこかでエラーになります。この記事では、わざとエラーも出しながら確かめます。
"""

import sys

import numpy as np
import torch
from PIL import Image
from torch import nn

torch.manual_seed(0)
path = sys.argv[1] if len(sys.argv) > 1 else "cat.jpg"

# ---- 画像をテンソルにする ------------------------------------------------------------------
# Pillow の画像は (高さ, 幅, チャネル)。PyTorch は
# (チャネル, 高さ, 幅) なので、permute で並べ替えます。
# 0〜255 の整数のままでは畳み込めないので、255 で割って float にするのも忘れずに。


def load(mode):
    picture = Image.open(path).convert(mode).resize((48, 32))
    array = np.array(picture)
    print(mode, "の NumPy 配列:", array.shape, array.dtype)
    if array.ndim == 2:  # グレースケールにはチャネルの軸がない
        array = array[:, :, None]
    return torch.from_numpy(array).permute(2, 0, 1).float() / 255


gray, rgb, rgba = load("L"), load("RGB"), load("RGBA")
for name, image in (("gray", gray), ("rgb", rgb), ("rgba", rgba)):
    print(f"{name:5s} shape={tuple(image.shape)} min={image.min():.4f} max={image.max():.4f}")
print(rgb[:, 0, :4])

# ---- チャネル数ごとの Conv2d ---------------------------------------------------------------
# weight の形は (出力チャネル, 入力チャネル, 高さ, 幅)。入力チャネルの数だけ面がある、
# 厚みのあるカーネルが、出力チャネルの枚数だけ並んでいると考えるとわかりやすいです。
for image in (gray, rgb, rgba):
    channels = image.shape[0]
    conv = nn.Conv2d(in_channels=channels, out_channels=4, kernel_size=3)
    out = conv(image.unsqueeze(0))  # バッチの軸を足して 4 次元に
    print(conv)
    print("  weight", tuple(conv.weight.shape), "bias", tuple(conv.bias.shape))
    print("  パラメータ数", sum(p.numel() for p in conv.parameters()), "->", out.shape)
    print("  最初の画素", out[0, :, 0, 0])

# ---- 色を白黒にする 1x1 の畳み込み ---------------------------------------------------------
# 重みを手で決めれば、畳み込みは「色の重みつき平均」にもなります。ITU-R 601 の係数で白黒に。
to_gray = nn.Conv2d(3, 1, kernel_size=1, bias=False)
with torch.no_grad():
    to_gray.weight.copy_(torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1))
    made = to_gray(rgb.unsqueeze(0))[0]
print("Pillow の白黒との差は最大", f"{(made - gray).abs().max():.3f}")

# ---- 縦のエッジを色ごとに見る（groups=3） --------------------------------------------------
edge = nn.Conv2d(3, 3, 3, padding=1, groups=3, bias=False)
sobel = torch.tensor([[-1.0, 0.0, 1.0], [-2.0, 0.0, 2.0], [-1.0, 0.0, 1.0]])
edge.weight.data = sobel.expand(3, 1, 3, 3).clone()
edges = edge(rgb.unsqueeze(0))
print("groups=3 の weight", tuple(edge.weight.shape))
for name, plane in zip("RGB", edges[0], strict=True):
    print(f"  {name}: min={plane.min():+.4f} max={plane.max():+.4f} mean={plane.mean():+.5f}")

# ---- よくあるエラー ------------------------------------------------------------------------
# RGBA の PNG を 3 チャネルの層に入れると、チャネル数が違うと言われます。convert("RGB") で直ります。
conv = nn.Conv2d(3, 8, 3)
try:
    conv(rgba.unsqueeze(0))
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])

# permute を忘れて (高さ, 幅, チャネル) のまま渡した場合。
try:
    conv(rgb.permute(1, 2, 0).unsqueeze(0))
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])

# uint8 のまま渡した場合。
try:
    conv((rgb * 255).to(torch.uint8).unsqueeze(0))
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])

# 最近の PyTorch では、バッチの軸がない 3 次元のテンソルもそのまま通ります。
print(conv(rgb).shape)
