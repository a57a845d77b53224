"""Normalisation and dropout."""

from __future__ import annotations

from tatamu.learn.entry import Entry, axes

__all__ = ["ENTRIES"]

ENTRIES = (
    Entry(
        layers=axes("BatchNorm"),
        meaning=(
            "Gives each channel mean 0 and variance 1 over the batch and the picture, then scales "
            "and "
            "shifts it by a learnt weight and bias. Training gets faster and steadier. In eval() "
            "the "
            "running mean and variance of training are used, so that a picture's result does not "
            "depend on its neighbours.",
            "チャンネルごとに、バッチと画像の全体で平均 0、分散 1 にそろえ、学習された重みを掛けて"
            "バイアスを"
            "足します。学習が速く安定します。eval() では学習中に記録した移動平均と移動分散を使うの"
            "で、結果は"
            "同じバッチのほかの画像に左右されません。",
        ),
        formula=(
            "y = (x − mean) / √(var + eps) · weight + bias   (mean, var: per channel)",
            "running ← (1 − momentum)·running + momentum·batch   (var of the batch: divided by n "
            "− 1)",
        ),
        pitfalls=("eval_mode", "batch_of_one"),
        example="""\
norm = nn.BatchNorm1d(1)
x = torch.tensor([[1.0], [2.0], [3.0], [4.0]])
print(norm(x).flatten().tolist())
print(norm.running_mean, norm.running_var)
""",
        see=("LayerNorm", "GroupNorm", "InstanceNorm2d", "Conv2d"),
    ),
    Entry(
        layers=axes("InstanceNorm"),
        meaning=(
            "Gives each channel of each picture mean 0 and variance 1, by itself: contrast and "
            "brightness are taken out, as style transfer wants it.",
            "画像 1 枚ごと、チャンネルごとに平均 0、分散 1 にそろえます。コントラストと明るさの差"
            "が取り除かれる"
            "ので、スタイル変換などで使われます。",
        ),
        formula=("y = (x − mean) / √(var + eps)   (mean, var: per picture and channel)",),
        example="""\
x = torch.tensor([[[[1.0, 3.0]], [[10.0, 30.0]]]])
print(nn.InstanceNorm2d(2)(x).flatten())
""",
        see=("BatchNorm2d", "LayerNorm", "GroupNorm"),
    ),
    Entry(
        layers=("LayerNorm",),
        meaning=(
            "Gives all values of the last axes mean 0 and variance 1, sample by sample; batch size "
            "does not matter, and training and eval() are alike.",
            "最後の軸（いくつかの軸）の値全体を、サンプルごとに平均 0、分散 1 にそろえます。バッチ"
            "の大きさに"
            "よらず、学習時と eval() で動作も変わりません。",
        ),
        formula=("y = (x − mean) / √(var + eps) · weight + bias",),
        parameters={
            "normalized_shape": ("sizes of the last axes", "そろえる最後の軸の大きさ"),
            "elementwise_affine": (
                "whether a learnt weight and bias follow",
                "学習される重みとバイアスを使うかどうか",
            ),
            "bias": ("whether there is a bias as well", "バイアスも持つかどうか"),
        },
        example="""\
print(nn.LayerNorm(4)(torch.tensor([[1.0, 2.0, 3.0, 4.0]])).detach())
""",
        see=("BatchNorm2d", "GroupNorm", "RMSNorm"),
    ),
    Entry(
        layers=("RMSNorm",),
        meaning=(
            "Divides by the root of the mean square of the last axes: LayerNorm without taking the "
            "mean away.",
            "最後の軸の二乗平均の平方根で割ります。平均を引かない LayerNorm です。",
        ),
        formula=("y = x / √(mean(x²) + eps) · weight",),
        parameters={
            "normalized_shape": ("sizes of the last axes", "そろえる最後の軸の大きさ"),
            "elementwise_affine": (
                "whether a learnt weight follows",
                "学習される重みを使うかどうか",
            ),
        },
        see=("LayerNorm",),
    ),
    Entry(
        layers=("GroupNorm",),
        meaning=(
            "Splits the channels into groups and gives each group of each picture mean 0 and "
            "variance "
            "1. One group is LayerNorm over the whole picture, as many as channels InstanceNorm.",
            "チャンネルを組に分け、画像 1 枚ごと、組ごとに平均 0、分散 1 にそろえます。1 組なら画"
            "像全体の "
            "LayerNorm、チャンネルと同じ数なら InstanceNorm と同じです。",
        ),
        formula=("y = (x − mean) / √(var + eps) · weight + bias",),
        parameters={
            "num_groups": ("how many groups", "組の数"),
            "num_channels": ("channels of the input", "入力のチャンネル数"),
        },
        see=("BatchNorm2d", "LayerNorm"),
    ),
    Entry(
        layers=("LocalResponseNorm",),
        meaning=(
            "Divides each value by a sum of squares over neighbouring channels: AlexNet's "
            "normalisation, hardly used today.",
            "隣り合うチャンネルの二乗和で値を割ります。AlexNet の正規化で、今はほとんど使われませ"
            "ん。",
        ),
        formula=("y[c] = x[c] · (k + (alpha / size) · Σ_{c' near c} x[c']²)^(−beta)",),
        parameters={
            "size": ("how many channels are added up", "足し合わせるチャンネルの数"),
            "k": ("see the formula", "定数（式を参照）"),
            "beta": ("exponent", "べき指数"),
        },
        see=("BatchNorm2d",),
    ),
    Entry(
        layers=("Dropout",),
        meaning=(
            "Sets single values to zero at random while training and multiplies the others by "
            "1 / (1 − p), so that sums stay the same on average; does nothing in eval(). A net "
            "that "
            "cannot rely on any one value overfits less.",
            "学習中、値をランダムに 0 にし、残りを 1 / (1 − p) 倍して平均をそろえます。eval() では"
            "何もしません。"
            "特定の値に頼れなくなるので、過学習が抑えられます。",
        ),
        formula=("y = x · m / (1 − p),  m = 0 with probability p, else 1",),
        pitfalls=("eval_mode",),
        see=("Dropout2d", "AlphaDropout"),
    ),
    Entry(
        layers=axes("Dropout"),
        meaning=(
            "Sets whole channels to zero at random while training: neighbouring pixels are so "
            "alike "
            "that leaving out single ones would change little.",
            "学習中、チャンネルをまるごとランダムに 0 にします。隣り合う画素は似ているので、1 つず"
            "つ消しても"
            "効果が薄いためです。",
        ),
        formula=("y[n, c] = x[n, c] · m[n, c] / (1 − p)",),
        pitfalls=("eval_mode",),
        see=("Dropout",),
    ),
    Entry(
        layers=("AlphaDropout", "FeatureAlphaDropout"),
        meaning=(
            "Dropout for nets with SELU: it keeps mean 0 and variance 1 (FeatureAlphaDropout drops "
            "whole channels).",
            "SELU のための Dropout で、平均 0、分散 1 を保ちます（FeatureAlphaDropout はチャンネル"
            "ごと）。",
        ),
        pitfalls=("eval_mode",),
        see=("SELU", "Dropout"),
    ),
)
