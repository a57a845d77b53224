"""プーリングとアンプーリング：最大値の「場所」を覚えておくと、何ができるか。"""

import torch
import torch.nn.functional as F
from torch import nn

x = torch.tensor(
    [
        [1.0, 3.0, 2.0, 0.0],
        [5.0, 4.0, 1.0, 1.0],
        [0.0, 2.0, 9.0, 7.0],
        [6.0, 6.0, 8.0, 3.0],
    ]
).reshape(1, 1, 4, 4)

# ---- 最大値プーリング ----------------------------------------------------------------------
pool = nn.MaxPool2d(kernel_size=2, return_indices=True)
pooled, indices = pool(x)
print(pool)
print(pooled)
# indices は、平らに並べた画像の何番目が選ばれたか。同じ値 (6, 6) なら先に現れた方です。
print(indices)
print("元の値を取り出すと", x.flatten()[indices].flatten().tolist())

# ---- アンプーリング ------------------------------------------------------------------------
# 最大値は元の場所に戻りますが、それ以外の場所は 0 になります。元には戻りません。
unpool = nn.MaxUnpool2d(kernel_size=2)
print(unpool(pooled, indices))

# 奇数の画像は切り捨てで小さくなるので、戻すときは output_size を渡します。
odd = torch.arange(25.0).reshape(1, 1, 5, 5)
small, where = F.max_pool2d(odd, 2, return_indices=True)
try:
    F.max_unpool2d(small, where, 2)
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0].split(":")[0])
print(F.max_unpool2d(small, where, 2, output_size=(5, 5)))

# ---- 切り捨てと ceil_mode ------------------------------------------------------------------
for ceil in (False, True):
    out = F.max_pool2d(odd, 2, ceil_mode=ceil)
    print("ceil_mode", ceil, tuple(out.shape[2:]), out.flatten().tolist())

# ---- 窓を重ねる、間引く --------------------------------------------------------------------
print(F.max_pool2d(x, 3, stride=1))
print(F.max_pool2d(x, 2, stride=1, dilation=2))
print(F.max_pool2d(-x, 3, stride=2, padding=1))  # 余白は 0 ではなく −∞ として扱われる

# ---- 平均プーリング ------------------------------------------------------------------------
print(F.avg_pool2d(x, 2))
# padding した 0 も個数に数えるかどうかは count_include_pad で選びます（初期値は True）。
print(F.avg_pool2d(torch.ones(1, 1, 2, 2), 2, stride=1, padding=1))
print(F.avg_pool2d(torch.ones(1, 1, 2, 2), 2, stride=1, padding=1, count_include_pad=False))

# ---- LPPool：平均と最大のあいだ ------------------------------------------------------------
# 窓の中の値を p 乗して足し、p 乗根をとります。p=1 なら合計、p が大きいほど最大値に近づきます。
for norm_type in (1, 2, 4, 16):
    out = nn.LPPool2d(norm_type, kernel_size=2)(x)
    print(f"p={norm_type:2d}", out.flatten())
print(nn.LPPool2d(2, 3, stride=2))
print(nn.LPPool1d(2, 3)(torch.tensor([[[3.0, 4.0, 0.0, 1.0, 2.0, 2.0]]])))

# ---- 大きさを決めて縮める：Adaptive --------------------------------------------------------
feature = torch.arange(2 * 5 * 7.0).reshape(1, 2, 5, 7)
print(nn.AdaptiveAvgPool2d(1)(feature).flatten())
print(nn.AdaptiveAvgPool2d((2, 3))(feature))
print(nn.AdaptiveMaxPool2d((None, 2))(feature).shape)

# ---- 勾配はどこへ流れるか ------------------------------------------------------------------
for function in (F.max_pool2d, F.avg_pool2d):
    leaf = x.clone().requires_grad_()
    function(leaf, 2).sum().backward()
    print(function.__name__)
    print(leaf.grad[0, 0])

# ---- エンコーダーとデコーダー --------------------------------------------------------------
# SegNet のように、縮めたときの場所を使って広げます。


class Tiny(nn.Module):
    def __init__(self):
        super().__init__()
        self.pool = nn.MaxPool2d(2, return_indices=True)
        self.unpool = nn.MaxUnpool2d(2)

    def forward(self, x):
        size = x.shape
        x, first = self.pool(x)
        middle = x.shape
        x, second = self.pool(x)
        x = self.unpool(x, second, output_size=middle)
        return self.unpool(x, first, output_size=size)


net = Tiny()
print(net)
kept = net(torch.arange(81.0).reshape(1, 1, 9, 9))
print(tuple(kept.shape), "残った値", kept[kept > 0].tolist())

# ---- よくあるエラー ------------------------------------------------------------------------
for call in (
    lambda: F.max_pool2d(x, 5),
    lambda: F.max_pool2d(x, 2, padding=2),
    lambda: F.max_unpool2d(pooled, indices.float(), 2),
):
    try:
        call()
    except RuntimeError as error:
        print("RuntimeError:", str(error).splitlines()[0])
