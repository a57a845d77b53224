"""Linear layers, and layers that move numbers about: flattening, padding, resizing."""

from __future__ import annotations

from tatamu.learn.entry import Entry, axes

__all__ = ["ENTRIES"]

_SIDES = (
    "one number for all sides, or (left, right, top, bottom); negative ones cut off",
    "全辺に同じ数か、（左, 右, 上, 下）。負の数なら切り取る",
)

ENTRIES = (
    Entry(
        layers=("Linear",),
        meaning=(
            "Every output is a weighted sum of all inputs, plus a bias: the layer that decides, at "
            "the end of a net. On the last axis; the others are kept.",
            "出力の 1 つ 1 つが、全入力に重みを掛けた和とバイアスです。ネットワークの終わりで判断"
            "をする層です。"
            "最後の軸に働き、ほかの軸はそのままです。",
        ),
        formula=("y = x · Wᵀ + b", "weights: out_features × in_features"),
        pitfalls=("flatten_size",),
        example="""\
layer = nn.Linear(3, 2)
layer.weight.data = torch.tensor([[1.0, 0.0, 0.0], [1.0, 1.0, 1.0]])
layer.bias.data = torch.tensor([0.0, 10.0])
print(layer(torch.tensor([[1.0, 2.0, 3.0]])).detach())
""",
        see=("Flatten", "Conv2d", "LazyLinear"),
    ),
    Entry(
        layers=("Bilinear",),
        meaning=(
            "Every output is a weighted sum of all products of two inputs' numbers.",
            "出力の 1 つ 1 つが、2 つの入力の値どうしのすべての積に重みを掛けた和です。",
        ),
        formula=("y_k = x₁ᵀ · W_k · x₂ + b_k",),
        parameters={
            "in1_features": (
                "numbers in each row of the first input",
                "1 つ目の入力 1 行の数の個数",
            ),
            "in2_features": (
                "numbers in each row of the second input",
                "2 つ目の入力 1 行の数の個数",
            ),
        },
        see=("Linear",),
    ),
    Entry(
        layers=("Identity",),
        meaning=(
            "Gives back what it gets. In the place of a layer it takes that layer out: "
            "model.fc = nn.Identity() makes a classifier give its features.",
            "受け取ったものをそのまま返します。ほかの層と置き換えれば、その層を外せます。"
            "model.fc = nn.Identity() とすると、分類器から特徴量が得られます。",
        ),
        formula=("y = x",),
        parameters={
            "args": ("any, ignored", "何でもよい（無視される）"),
            "kwargs": ("any, ignored", "何でもよい（無視される）"),
        },
        see=("Sequential",),
    ),
    Entry(
        layers=("Flatten",),
        meaning=(
            "Lays channels, rows and columns of each picture in one row, for a Linear to read; the "
            "batch axis stays.",
            "画像ごとに、チャンネル、行、列を 1 列に並べて Linear に渡せるようにします。バッチの軸"
            "は残ります。",
        ),
        formula=("(N, C, H, W) → (N, C·H·W)",),
        parameters={
            "start_dim": ("first axis to be merged", "まとめる最初の軸"),
            "end_dim": ("last axis to be merged", "まとめる最後の軸"),
        },
        pitfalls=("flatten_size",),
        example="""\
print(nn.Flatten()(torch.zeros(8, 3, 4, 5)).shape)
""",
        see=("Linear", "Unflatten", "AdaptiveAvgPool2d"),
    ),
    Entry(
        layers=("Unflatten",),
        meaning=(
            "Splits one axis into several: what Flatten merged.",
            "1 つの軸をいくつかの軸に分けます（Flatten の逆）。",
        ),
        formula=("(N, C·H·W) → (N, C, H, W)",),
        parameters={
            "dim": ("the axis to be split", "分ける軸"),
            "unflattened_size": ("sizes of the new axes", "新しい軸の大きさ"),
        },
        example="""\
print(nn.Unflatten(1, (3, 4, 5))(torch.zeros(8, 60)).shape)
""",
        see=("Flatten",),
    ),
    Entry(
        layers=("Upsample", "UpsamplingNearest2d", "UpsamplingBilinear2d"),
        meaning=(
            "Enlarges (or shrinks) pictures by repeating or interpolating pixels; nothing is "
            "learnt.",
            "画素を繰り返すか補間して、画像を拡大（縮小）します。学習するものはありません。",
        ),
        formula=(
            "source = (o + 0.5) / scale − 0.5,  or o · (H − 1) / (H_out − 1) with align_corners",
        ),
        parameters={
            "size": ("height and width of the output", "出力の高さと幅"),
            "scale_factor": (
                "how many times as large, in place of size",
                "size の代わりに使う倍率",
            ),
            "mode": (
                "'nearest', 'bilinear', 'bicubic', 'area' …",
                "'nearest'（最近傍）、'bilinear'（双一次）、'bicubic'（双三次）、'area' など",
            ),
            "align_corners": (
                "whether the corner pixels' centres stay at the corners",
                "四隅の画素の中心を四隅に合わせるかどうか",
            ),
            "recompute_scale_factor": (
                "whether the factor is taken from the rounded sizes",
                "丸めた大きさから倍率を計算し直すかどうか",
            ),
        },
        example="""\
x = torch.tensor([[[[1.0, 3.0]]]])
print(nn.Upsample(scale_factor=2)(x)[0, 0])
print(nn.Upsample(scale_factor=2, mode="bilinear")(x)[0, 0])
""",
        see=("ConvTranspose2d", "PixelShuffle"),
    ),
    Entry(
        layers=("PixelShuffle",),
        meaning=(
            "Makes r × r pixels out of r² channels: pictures grow r times, channels shrink r² "
            "times.",
            "r² 個のチャンネルを r × r の画素に並べ替えます。縦横が r 倍、チャンネルは r² 分の 1 "
            "になります。",
        ),
        formula=("(N, C·r², H, W) → (N, C, H·r, W·r)",),
        parameters={"upscale_factor": ("the r", "式の r")},
        example="""\
print(nn.PixelShuffle(2)(torch.arange(4.0).reshape(1, 4, 1, 1))[0, 0])
""",
        see=("PixelUnshuffle", "ConvTranspose2d"),
    ),
    Entry(
        layers=("PixelUnshuffle",),
        meaning=(
            "Makes r² channels out of r × r pixels: PixelShuffle backwards.",
            "r × r の画素を r² 個のチャンネルに並べ替えます（PixelShuffle の逆）。",
        ),
        formula=("(N, C, H·r, W·r) → (N, C·r², H, W)",),
        parameters={"downscale_factor": ("the r", "式の r")},
        see=("PixelShuffle",),
    ),
    Entry(
        layers=("ChannelShuffle",),
        meaning=(
            "Deals the channels of several groups out in turn, so that the next grouped "
            "convolution "
            "sees something of each (ShuffleNet).",
            "組ごとに並んだチャンネルを順番に配り直します。次のグループ畳み込みが全部の組を見られ"
            "るようになります"
            "（ShuffleNet）。",
        ),
        formula=("(N, g·c, H, W) → (N, c·g, H, W)",),
        parameters={"groups": ("how many groups", "組の数")},
        see=("Conv2d",),
    ),
    Entry(
        layers=axes("ZeroPad"),
        meaning=("Puts a border of zeros around pictures.", "画像のまわりに 0 の縁を付けます。"),
        parameters={"padding": _SIDES},
        pitfalls=("padding_holds",),
        example="""\
print(nn.ZeroPad2d(1)(torch.ones(1, 1, 1, 2))[0, 0])
""",
        see=("ReflectionPad2d", "ConstantPad2d"),
    ),
    Entry(
        layers=axes("ConstantPad"),
        meaning=(
            "Puts a border of one value around pictures.",
            "画像のまわりに、決まった値の縁を付けます。",
        ),
        parameters={"padding": _SIDES, "value": ("what the border holds", "縁の値")},
        see=("ZeroPad2d",),
    ),
    Entry(
        layers=axes("ReflectionPad"),
        meaning=(
            "Continues pictures as in a mirror that stands on the edge pixels.",
            "端の画素に鏡を置いたように、画像の続きを作ります（端の画素は繰り返しません）。",
        ),
        formula=("[1 2 3] → [3 2 | 1 2 3 | 2 1]",),
        parameters={"padding": _SIDES},
        example="""\
print(nn.ReflectionPad1d(2)(torch.tensor([[[1.0, 2.0, 3.0]]])))
""",
        see=("ReplicationPad2d", "CircularPad2d"),
    ),
    Entry(
        layers=axes("ReplicationPad"),
        meaning=("Repeats the edge pixels.", "端の画素を繰り返して縁を付けます。"),
        formula=("[1 2 3] → [1 1 | 1 2 3 | 3 3]",),
        parameters={"padding": _SIDES},
        see=("ReflectionPad2d",),
    ),
    Entry(
        layers=axes("CircularPad"),
        meaning=(
            "Continues each side with the pixels of the opposite one.",
            "反対側の画素で続きを作ります。",
        ),
        formula=("[1 2 3] → [2 3 | 1 2 3 | 1 2]",),
        parameters={"padding": _SIDES},
        see=("ReflectionPad2d",),
    ),
    Entry(
        layers=("Embedding",),
        meaning=(
            "A table of learnt rows: each integer of the input is replaced by its row.",
            "学習される行の表です。入力の整数を、その番号の行に置き換えます。",
        ),
        formula=("y = weight[x]",),
        parameters={
            "num_embeddings": ("rows of the table", "表の行数"),
            "embedding_dim": ("numbers in each row", "1 行の数の個数"),
            "padding_idx": (
                "a row that stays zero and is not learnt",
                "0 のまま学習しない行の番号",
            ),
            "max_norm": ("rows longer than this are shortened", "行のノルムの上限"),
            "norm_type": ("which norm max_norm means", "max_norm に使うノルムの p"),
            "scale_grad_by_freq": (
                "whether gradients are divided by how often a row was used",
                "行が使われた回数で勾配を割るかどうか",
            ),
            "sparse": ("changes nothing here", "ここでは何も変わらない"),
        },
        example="""\
table = nn.Embedding.from_pretrained(torch.tensor([[0.0, 0.0], [1.0, 2.0]]))
print(table(torch.tensor([1, 0, 1])))
""",
        see=("Linear",),
    ),
    Entry(
        layers=("EmbeddingBag",),
        meaning=(
            "A table of learnt rows: each bag of integers is replaced by the sum, mean or maximum "
            "of its rows.",
            "学習される行の表です。整数の集まり（バッグ）ごとに、行の和・平均・最大値を出します。",
        ),
        formula=("y = mean(weight[bag])",),
        parameters={
            "num_embeddings": ("rows of the table", "表の行数"),
            "embedding_dim": ("numbers in each row", "1 行の数の個数"),
            "padding_idx": ("a row that counts for nothing", "数えない行の番号"),
            "max_norm": ("rows longer than this are shortened", "行のノルムの上限"),
            "norm_type": ("which norm max_norm means", "max_norm に使うノルムの p"),
            "scale_grad_by_freq": (
                "whether gradients are divided by how often a row was used",
                "行が使われた回数で勾配を割るかどうか",
            ),
            "mode": ("'sum', 'mean' or 'max'", "'sum'（和）、'mean'（平均）、'max'（最大値）"),
            "sparse": ("changes nothing here", "ここでは何も変わらない"),
            "include_last_offset": (
                "the last offset is the end, and begins no bag",
                "最後の offset を終わりの位置とし、バッグの始まりとしない",
            ),
        },
        see=("Embedding",),
    ),
    Entry(
        layers=("CosineSimilarity",),
        meaning=(
            "How alike two vectors point: 1 in the same direction, 0 at right angles, −1 opposite.",
            "2 つのベクトルの向きの近さ。同じ向きなら 1、直角なら 0、逆なら −1 です。",
        ),
        formula=("x₁·x₂ / max(‖x₁‖·‖x₂‖, eps)",),
        see=("PairwiseDistance",),
    ),
    Entry(
        layers=("PairwiseDistance",),
        meaning=(
            "The p-norm of the difference of two vectors.",
            "2 つのベクトルの差の p ノルムです。",
        ),
        formula=("‖x₁ − x₂ + eps‖_p",),
        parameters={
            "p": ("the p of the norm", "ノルムの p"),
            "keepdim": ("whether the axis stays, with size 1", "軸を大きさ 1 で残すかどうか"),
        },
        see=("CosineSimilarity",),
    ),
)
