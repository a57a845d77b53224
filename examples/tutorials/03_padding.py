"""パディングの種類を数字で見る：zeros, reflect, replicate, circular。

画像の端では、カーネルが外にはみ出します。その「外側」に何があることにするのかを決めるのが
パディングです。小さな行列で、実際に何が詰められるのかを見てみましょう。
"""

import torch
import torch.nn.functional as F
from torch import nn

x = torch.arange(1.0, 10.0).reshape(1, 1, 3, 3)
print("元の行列")
print(x[0, 0])

# ---- F.pad で中身を見る --------------------------------------------------------------------
# 引数の順序は (左, 右, 上, 下)。後ろの軸から数えるので、慣れるまで間違えやすいところです。
for mode in ("constant", "reflect", "replicate", "circular"):
    print(mode)
    print(F.pad(x, (2, 2, 1, 1), mode=mode)[0, 0])
print("constant は値も選べます")
print(F.pad(x, (1, 0, 0, 1), value=-1.0)[0, 0])

# 負の値を渡すと、逆に切り取られます。
print(F.pad(x, (-1, 0, 0, -1))[0, 0])

# ---- Conv2d の padding_mode ----------------------------------------------------------------
# 重みを全部 1 にして、周囲 9 マスの合計を出すと、端だけ値が変わるのがわかります。
for mode in ("zeros", "reflect", "replicate", "circular"):
    conv = nn.Conv2d(1, 1, 3, padding=1, padding_mode=mode, bias=False)
    nn.init.ones_(conv.weight)
    print(conv)
    print(conv(x)[0, 0])

# padding_mode は「F.pad してから padding なしで畳み込む」のと同じ。
conv = nn.Conv2d(1, 1, 3, padding=1, padding_mode="reflect", bias=False)
nn.init.ones_(conv.weight)
by_hand = F.conv2d(F.pad(x, (1, 1, 1, 1), mode="reflect"), conv.weight)
print("同じ結果:", torch.equal(conv(x), by_hand))

# ---- padding='same' と 'valid' -------------------------------------------------------------
image = torch.ones(1, 1, 7, 10)
for kernel in (1, 2, 3, 4, 5, (2, 3)):
    same = nn.Conv2d(1, 1, kernel, padding="same")
    valid = nn.Conv2d(1, 1, kernel, padding="valid")
    print(kernel, "same", tuple(same(image).shape[2:]), "valid", tuple(valid(image).shape[2:]))

# 偶数のカーネルでは左右に同じだけ詰められません。余りは右と下に入ります。
counts = F.conv2d(torch.ones(1, 1, 1, 5), torch.ones(1, 1, 1, 4), padding="same")
print("same, カーネル幅 4 が覆う画素の数", counts.flatten().tolist())

# ---- 層としてのパディング ------------------------------------------------------------------
for layer in (
    nn.ZeroPad2d(1),
    nn.ConstantPad2d((1, 2, 0, 0), 9.0),
    nn.ReflectionPad2d((2, 0, 0, 1)),
    nn.ReplicationPad2d(1),
    nn.CircularPad2d((0, 1, 1, 0)),
):
    out = layer(x)
    print(layer, tuple(out.shape), "合計", out.sum().item())

# ---- エラーになる組み合わせ ----------------------------------------------------------------
try:
    nn.Conv2d(1, 1, 3, stride=2, padding="same")
except ValueError as error:
    print("ValueError:", str(error).splitlines()[0])
try:
    F.pad(x, (3, 3, 3, 3), mode="reflect")  # 折り返すには、画像が小さすぎる
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])
# ---- 勾配も詰めた分だけ戻ってくる ----------------------------------------------------------
# replicate では端の画素が何度も使われるので、その分、勾配が大きくなります。
y = x.clone().requires_grad_()
F.pad(y, (1, 1, 1, 1), mode="replicate").sum().backward()
print(y.grad[0, 0])
