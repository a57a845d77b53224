"""Pooling and unpooling."""

from __future__ import annotations

from tatamu.learn.entry import Entry, axes

__all__ = ["ENTRIES"]

_STRIDE = (
    "how far the window moves; if not given, kernel_size: windows side by side",
    "窓が 1 回に動く距離。省くと kernel_size と同じ（窓が隙間なく並ぶ）",
)

ENTRIES = (
    Entry(
        layers=axes("MaxPool"),
        meaning=(
            "Keeps the largest value of each window, channel by channel. The picture shrinks, and "
            "that something was found counts for more than where exactly.",
            "窓ごとに最大の値だけを残します（チャンネルごと）。画像は小さくなり、特徴が「どこに」"
            "より「あるか」が"
            "重視されます。",
        ),
        formula=(
            "y[n, c, h, w] = max_{i, j} x[n, c, s·h + d·i − p, s·w + d·j − p]",
            "H_out = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1",
        ),
        parameters={
            "stride": _STRIDE,
            "padding": (
                "rows and columns of minus infinity on every side; at most half of kernel_size",
                "上下左右に足す −∞ の行と列の数。kernel_size の半分まで",
            ),
        },
        pitfalls=("floored",),
        example="""\
x = torch.tensor([[[[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 1.0, 6.0]]]])
print(nn.MaxPool2d(2)(x)[0, 0])
""",
        see=("MaxUnpool2d", "AvgPool2d", "AdaptiveMaxPool2d", "LPPool2d"),
    ),
    Entry(
        layers=axes("MaxUnpool"),
        meaning=(
            "Undoes the sizes of a max pooling: each value goes back to the position that the "
            "pooling "
            "returned with return_indices=True.",
            "最大値プーリングの大きさを元に戻します。return_indices=True で受け取った位置に、値を "
            "1 つずつ"
            "書き戻します。",
        ),
        formula=(
            "y = 0;  y[n, c, indices[n, c, h, w]] = x[n, c, h, w]",
            "H_out = (H − 1)·stride − 2·padding + kernel_size",
        ),
        parameters={
            "stride": _STRIDE,
            "padding": ("that of the pooling", "プーリングのときと同じ値"),
        },
        pitfalls=("unpool_zeros", "floored"),
        example="""\
pool = nn.MaxPool2d(2, return_indices=True)
x = torch.tensor([[[[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 1.0, 6.0]]]])
y, indices = pool(x)
print(nn.MaxUnpool2d(2)(y, indices)[0, 0])
""",
        see=("MaxPool2d", "ConvTranspose2d", "Upsample"),
    ),
    Entry(
        layers=axes("AvgPool"),
        meaning=(
            "Averages each window, channel by channel: the picture shrinks and is smoothed.",
            "窓ごとに値を平均します（チャンネルごと）。画像は小さく、なめらかになります。",
        ),
        formula=(
            "y[n, c, h, w] = (1 / k²) · Σ_{i, j} x[n, c, s·h + i − p, s·w + j − p]",
            "H_out = ⌊(H + 2·padding − kernel_size) / stride⌋ + 1",
        ),
        parameters={
            "stride": _STRIDE,
            "count_include_pad": (
                "whether the zeros of the padding count as values: then edges get darker",
                "パディングの 0 も個数に数えるかどうか。数えると端が暗くなる",
            ),
            "divisor_override": (
                "the number to divide by, in place of the count",
                "個数の代わりに割る数",
            ),
        },
        pitfalls=("floored", "padding_holds"),
        example="""\
x = torch.tensor([[[[1.0, 2.0, 5.0, 0.0], [4.0, 3.0, 1.0, 6.0]]]])
print(nn.AvgPool2d(2)(x)[0, 0])
""",
        see=("MaxPool2d", "AdaptiveAvgPool2d", "LPPool2d"),
    ),
    Entry(
        layers=axes("LPPool"),
        meaning=(
            "Takes the p-norm of each window, channel by channel: something between a sum and the "
            "maximum.",
            "窓ごとに p ノルムを計算します（チャンネルごと）。和と最大値の中間にあたります。",
        ),
        formula=("y = (Σ xᵖ)^(1/p),  p = norm_type",),
        parameters={
            "norm_type": (
                "the p of the norm: 1 adds up, 2 is the root of the sum of squares",
                "ノルムの p。1 なら和、2 なら二乗和の平方根",
            ),
            "stride": _STRIDE,
        },
        pitfalls=("norm_type", "floored"),
        example="""\
x = torch.tensor([[[[1.0, 2.0], [4.0, 3.0]]]])
for p in (1, 2, 10):
    print(p, nn.LPPool2d(norm_type=p, kernel_size=2)(x).item())
""",
        see=("AvgPool2d", "MaxPool2d"),
    ),
    Entry(
        layers=axes("AdaptiveAvgPool"),
        meaning=(
            "Averages so many windows that the output has the size asked for, whatever the "
            "input's: "
            "a net then takes pictures of any size. Windows may overlap by a row. "
            "AdaptiveAvgPool2d(1) "
            "is the global average.",
            "出力が指定した大きさになるように窓を決めて平均します。入力の大きさは問わないので、ど"
            "んな大きさの"
            "画像も扱えるようになります。窓は 1 行重なることがあります。AdaptiveAvgPool2d(1) は全"
            "体の平均です。",
        ),
        formula=("window o: from ⌊o·H / H_out⌋ to ⌈(o + 1)·H / H_out⌉",),
        example="""\
x = torch.arange(10.0).reshape(1, 1, 2, 5)
print(nn.AdaptiveAvgPool2d((1, 2))(x))
""",
        see=("AvgPool2d", "AdaptiveMaxPool2d", "Flatten"),
    ),
    Entry(
        layers=axes("AdaptiveMaxPool"),
        meaning=(
            "Keeps the maximum of so many windows that the output has the size asked for.",
            "出力が指定した大きさになるように窓を決めて、最大の値を残します。",
        ),
        formula=("window o: from ⌊o·H / H_out⌋ to ⌈(o + 1)·H / H_out⌉",),
        example="""\
x = torch.arange(10.0).reshape(1, 1, 2, 5)
print(nn.AdaptiveMaxPool2d((1, 2))(x))
""",
        see=("MaxPool2d", "AdaptiveAvgPool2d"),
    ),
)
