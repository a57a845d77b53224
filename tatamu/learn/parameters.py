"""What the parameters mean that many layers share."""

from __future__ import annotations

from tatamu.language import Pair

__all__ = ["PARAMETERS"]

PARAMETERS: dict[str, Pair] = {
    "in_channels": (
        "channels of the input: 3 for a colour picture, 1 for a grey one, and for every later "
        "layer "
        "the out_channels of the one before",
        "入力のチャンネル数。カラー画像なら 3、グレー画像なら 1、2 番目以降の層では手前の層の "
        "out_channels",
    ),
    "out_channels": (
        "channels of the output: one kernel, and one feature map, for each",
        "出力のチャンネル数。この数だけカーネルがあり、特徴マップが 1 枚ずつできる",
    ),
    "kernel_size": (
        "height and width of the window; one number for both",
        "窓の高さと幅。数を 1 つ書けば両方に使われる",
    ),
    "stride": (
        "how far the window moves from one output to the next; 2 halves the picture",
        "窓が 1 回に動く距離。2 なら画像の縦横が半分になる",
    ),
    "padding": (
        "rows and columns added on every side; (kernel_size − 1) / 2 keeps the size",
        "上下左右に足す行と列の数。(kernel_size − 1) / 2 なら大きさが変わらない",
    ),
    "dilation": (
        "distance between the values that a window reads; 2 leaves one out between any two",
        "窓が読む値どうしの間隔（膨張）。2 なら 1 つ飛ばしに読む",
    ),
    "groups": (
        "parts into which the channels are split, each with kernels of its own; as many as there "
        "are channels makes a depthwise convolution",
        "チャンネルを分ける組の数。組ごとに別のカーネルを持つ。チャンネル数と同じなら depthwise 畳"
        "み込み",
    ),
    "bias": (
        "whether one number per output channel is added; superfluous before batch normalisation",
        "出力チャンネルごとに 1 つの数を足すかどうか。直後がバッチ正規化なら要らない",
    ),
    "padding_mode": (
        "what the padding holds: 'zeros', 'reflect' (mirrored without the edge), 'replicate' (the "
        "edge again) or 'circular' (the opposite side)",
        "パディングの中身。'zeros'（0）、'reflect'（端を除いて鏡写し）、'replicate'（端の値の繰り"
        "返し）、"
        "'circular'（反対側の続き）",
    ),
    "output_padding": (
        "rows and columns more at the bottom and right: a convolution with stride makes the same "
        "size of several, and this says which one is wanted back",
        "下端と右端に加える行と列の数。ストライド付きの畳み込みでは異なる大きさが同じ大きさになる"
        "ので、"
        "どれに戻すかを決める",
    ),
    "device": (
        "accepted as in torch; only 'cpu' exists",
        "torch と同じ引数。使えるのは 'cpu' だけ",
    ),
    "dtype": (
        "number format of the weights: torch.float32 unless given",
        "重みの数値形式。省くと torch.float32",
    ),
    "ceil_mode": (
        "rounds the output size up: a last window may hang over the edge",
        "出力の大きさを切り上げる。最後の窓が端からはみ出してもよい",
    ),
    "return_indices": (
        "gives the positions of the maxima, too, as MaxUnpool needs them",
        "最大値の位置も返す。MaxUnpool に渡すためのもの",
    ),
    "output_size": (
        "height and width of the output, whatever the input's; None keeps the input's",
        "出力の高さと幅。入力の大きさによらない。None なら入力のまま",
    ),
    "eps": (
        "a small number added before the division, so that it is never by zero",
        "0 で割らないよう、割る前に足す小さな数",
    ),
    "momentum": (
        "share of the newest batch in the running statistics; None gives all batches the same",
        "移動統計量に占める最新のバッチの割合。None ならすべてのバッチを平等に平均する",
    ),
    "affine": (
        "whether a learnt weight and bias per channel follow",
        "学習される重みとバイアスをチャンネルごとに掛け、足すかどうか",
    ),
    "track_running_stats": (
        "whether mean and variance are kept for eval(); without, each batch is measured anew",
        "eval() で使う平均と分散を記録するかどうか。しなければバッチごとに測る",
    ),
    "num_features": ("channels of the input", "入力のチャンネル数"),
    "inplace": ("overwrites the input", "入力を上書きする"),
    "dim": (
        "the axis along which it works; 1 is the channels",
        "計算する軸。1 ならチャンネル",
    ),
    "in_features": ("numbers in each row of the input", "入力 1 行の数の個数"),
    "out_features": ("numbers in each row of the output", "出力 1 行の数の個数"),
    "reduction": (
        "'mean' of all values, their 'sum', or 'none': one value for each",
        "'mean' は平均、'sum' は合計、'none' は要素ごとの値のまま",
    ),
    "size_average": ("old form of reduction", "reduction の古い書き方"),
    "reduce": ("old form of reduction", "reduction の古い書き方"),
    "weight": ("weight of each class in the sum", "クラスごとの重み"),
    "margin": ("distance that is to be kept", "確保したい差"),
    "p": ("probability of being set to zero", "0 にする確率"),
    "beta": ("steepness; see the formula", "傾きを決める係数（式を参照）"),
    "alpha": ("see the formula", "係数（式を参照）"),
    "threshold": ("see the formula", "しきい値（式を参照）"),
    "lambd": ("half the width of the zone that becomes zero", "0 になる範囲の半分の幅"),
}
