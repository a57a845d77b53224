"""Convolution and its transpose."""

from __future__ import annotations

from tatamu.learn.entry import Entry, axes

__all__ = ["ENTRIES"]

ENTRIES = (
    Entry(
        layers=axes("Conv"),
        meaning=(
            "Slides a small window of weights (the kernel, or filter) over the picture. At each "
            "position it multiplies what lies under the window by the weights, number by number "
            "and "
            "through all input channels, adds everything up and adds the bias: one number of one "
            "feature map. Each output channel has a kernel of its own.",
            "小さな重みの窓（カーネル、フィルター）を画像の上で動かします。窓の下の値と重みを、入"
            "力の全"
            "チャンネルにわたって 1 つずつ掛けて足し合わせ、バイアスを加えたものが特徴マップの 1 "
            "点になります。"
            "カーネルは出力チャンネルごとに 1 つずつあります。",
        ),
        formula=(
            "y[n, o, h, w] = b[o] + Σ_{c, i, j} x[n, c, s·h + d·i − p, s·w + d·j − p] · W[o, c, "
            "i, j]",
            "H_out = ⌊(H + 2·padding − dilation·(kernel_size − 1) − 1) / stride⌋ + 1",
            "weights: out_channels × (in_channels / groups) × kernel_size²",
        ),
        parameters={
            "padding": (
                "rows and columns added on every side; (kernel_size − 1) / 2 keeps the size, and "
                "so "
                "does 'same' (stride 1); 'valid' is 0",
                "上下左右に足す行と列の数。(kernel_size − 1) / 2 なら大きさが変わらない。'same' も"
                "同じ"
                "（ストライド 1 のとき）。'valid' は 0",
            ),
        },
        pitfalls=(
            "floored",
            "padding_holds",
            "hwc",
            "no_batch",
            "numpy_float64",
            "picture_bytes",
            "correlation",
        ),
        example="""\
conv = nn.Conv2d(1, 1, kernel_size=2, bias=False)
conv.weight.data = torch.tensor([[[[1.0, 0.0], [0.0, 1.0]]]])
x = torch.arange(9.0).reshape(1, 1, 3, 3)
print(x[0, 0])
print(conv(x)[0, 0].detach())
""",
        see=("ConvTranspose2d", "MaxPool2d", "Linear"),
    ),
    Entry(
        layers=axes("ConvTranspose"),
        meaning=(
            "Makes pictures larger. Each input value is multiplied by the whole kernel and added "
            "into the output, stride apart; where kernels overlap, the products add up. It is "
            "what a "
            "convolution's gradient does, and is used in generators, autoencoders and U-Nets.",
            "画像を大きくする層です。入力の値 1 つ 1 つをカーネル全体に掛け、stride ずつ離して出力"
            "に足し込み"
            "ます。重なったところは和になります。畳み込みの勾配の計算と同じもので、生成器、オート"
            "エンコーダー、"
            "U-Net で使われます。",
        ),
        formula=(
            "y[n, o, s·h + d·i − p, s·w + d·j − p] += x[n, c, h, w] · W[c, o, i, j],  then + b[o]",
            "H_out = (H − 1)·stride − 2·padding + dilation·(kernel_size − 1) + output_padding + 1",
            "weights: in_channels × (out_channels / groups) × kernel_size²",
        ),
        parameters={
            "stride": (
                "distance in the output between neighbouring inputs; 2 doubles the picture",
                "隣り合う入力が出力の上で離れる距離。2 なら画像の縦横が 2 倍になる",
            ),
            "padding": (
                "rows and columns cut off the output on every side: the padding of the convolution "
                "that it undoes",
                "出力の上下左右から取り除く行と列の数。元に戻そうとする畳み込みのパディングにあた"
                "る",
            ),
            "padding_mode": ("only 'zeros' exists", "使えるのは 'zeros' だけ"),
        },
        pitfalls=("not_inverse", "checkerboard"),
        example="""\
up = nn.ConvTranspose2d(1, 1, kernel_size=2, stride=2, bias=False)
up.weight.data = torch.tensor([[[[1.0, 2.0], [3.0, 4.0]]]])
x = torch.tensor([[[[1.0, 10.0]]]])
print(up(x)[0, 0].detach())
""",
        see=("Conv2d", "Upsample", "PixelShuffle", "MaxUnpool2d"),
    ),
    Entry(
        layers=("Fold",),
        meaning=(
            "Adds columns of patches back into a picture; where patches overlap they add up.",
            "列に並んだ断片を画像に足し戻します。重なったところは和になります。",
        ),
        formula=("(N, C·k_h·k_w, L) → (N, C, H, W)",),
        example="""\
fold = nn.Fold(output_size=(2, 3), kernel_size=2)
print(fold(torch.ones(1, 4, 2))[0, 0])
""",
        see=("Unfold",),
    ),
    Entry(
        layers=("Unfold",),
        meaning=(
            "Cuts out every window of a picture and lays each in a column: a convolution then is "
            "one "
            "matrix product (im2col).",
            "画像の窓をすべて切り出し、1 つずつ列に並べます（im2col）。畳み込みはこの行列との積に"
            "なります。",
        ),
        formula=("(N, C, H, W) → (N, C·k_h·k_w, L),  L: number of windows",),
        example="""\
x = torch.arange(9.0).reshape(1, 1, 3, 3)
print(nn.Unfold(kernel_size=2)(x)[0])
""",
        see=("Fold", "Conv2d"),
    ),
)
