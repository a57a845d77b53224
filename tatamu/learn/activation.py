"""Activation functions."""

from __future__ import annotations

from tatamu.language import Pair
from tatamu.learn.entry import Entry

__all__ = ["ENTRIES"]


def _plot(call: str) -> str:
    return f"""\
x = torch.tensor([-2.0, -0.5, 0.0, 0.5, 2.0])
print(x)
print({call}(x).detach())
"""


def _each(
    name: str,
    formula: str,
    meaning: Pair,
    *,
    call: str = "",
    parameters: dict[str, Pair] | None = None,
    pitfalls: tuple[str, ...] = (),
    see: tuple[str, ...] = ("ReLU",),
) -> Entry:
    """A function of each value by itself, shown on five numbers."""
    return Entry(
        layers=(name,),
        meaning=meaning,
        formula=(formula,),
        parameters=parameters or {},
        pitfalls=pitfalls,
        example=_plot(call or f"nn.{name}()"),
        see=see,
    )


ENTRIES = (
    _each(
        "ReLU",
        "y = max(x, 0)",
        (
            "Turns negative values into zero and leaves the others. Without such a bend between "
            "them, "
            "two layers would be no more than one.",
            "負の値を 0 にし、それ以外はそのままにします。層と層のあいだにこうした折れ曲がりがない"
            "と、何層重ねても"
            "1 層と同じことしかできません。",
        ),
        pitfalls=("inplace",),
        see=("LeakyReLU", "SiLU", "GELU"),
    ),
    _each(
        "ReLU6",
        "y = min(max(x, 0), 6)",
        (
            "ReLU that stops at 6; made for MobileNet and arithmetic of few bits.",
            "6 で頭打ちになる ReLU。MobileNet で、少ないビット数の計算のために使われます。",
        ),
    ),
    _each(
        "LeakyReLU",
        "y = x for x > 0, else negative_slope · x",
        (
            "ReLU that lets a little through on the negative side, so that a gradient remains.",
            "負の側も少しだけ通す ReLU。勾配が 0 にならずに残ります。",
        ),
        parameters={"negative_slope": ("slope for negative values", "負の側の傾き")},
        see=("ReLU", "PReLU"),
    ),
    _each(
        "PReLU",
        "y = x for x > 0, else weight · x",
        (
            "LeakyReLU whose slope is learnt, one for all channels or one for each.",
            "傾きを学習する LeakyReLU。全チャンネル共通か、チャンネルごとです。",
        ),
        parameters={
            "num_parameters": ("1, or the number of channels", "1 か、チャンネル数"),
            "init": ("slope at the beginning", "傾きの初期値"),
        },
        see=("LeakyReLU",),
    ),
    _each(
        "RReLU",
        "y = x for x > 0, else a · x",
        (
            "LeakyReLU whose slope is drawn at random in training, and is the mean of both bounds "
            "in "
            "eval().",
            "学習中は傾きを乱数で決め、eval() では上下限の平均を使う LeakyReLU です。",
        ),
        call="nn.RReLU().eval()",
        parameters={
            "lower": ("lowest slope", "傾きの下限"),
            "upper": ("highest slope", "傾きの上限"),
        },
        pitfalls=("eval_mode",),
        see=("LeakyReLU",),
    ),
    _each(
        "ELU",
        "y = x for x > 0, else alpha · (eˣ − 1)",
        (
            "ReLU with a smooth negative side that ends at −alpha.",
            "負の側がなめらかに −alpha に近づく ReLU です。",
        ),
        see=("CELU", "SELU"),
    ),
    _each(
        "CELU",
        "y = max(x, 0) + min(0, alpha · (e^(x / alpha) − 1))",
        (
            "ELU whose slope at zero is continuous whatever alpha is.",
            "alpha がいくつでも 0 での傾きがつながる ELU です。",
        ),
        see=("ELU",),
    ),
    _each(
        "SELU",
        "y = 1.0507 · (x for x > 0, else 1.6733 · (eˣ − 1))",
        (
            "ELU scaled so that values keep mean 0 and variance 1 from layer to layer, with the "
            "initial weights it was made for.",
            "層を重ねても平均 0、分散 1 が保たれるように係数を決めた ELU です（専用の初期値が前"
            "提）。",
        ),
        see=("ELU", "AlphaDropout"),
    ),
    _each(
        "GELU",
        "y = x · Φ(x),  Φ(x) = (1 + erf(x / √2)) / 2",
        (
            "A smooth ReLU, used in transformers and ConvNeXt.",
            "なめらかな ReLU。Transformer や ConvNeXt で使われます。",
        ),
        parameters={
            "approximate": (
                "'none' for the exact function, 'tanh' for an approximation",
                "'none' なら正確な値、'tanh' なら近似",
            )
        },
        see=("SiLU", "ReLU"),
    ),
    _each(
        "SiLU",
        "y = x / (1 + e^(−x))",
        (
            "x times its sigmoid, also called swish; used in EfficientNet.",
            "x に自身の sigmoid を掛けたもの（swish とも）。EfficientNet で使われます。",
        ),
        see=("Hardswish", "GELU"),
    ),
    _each(
        "Hardswish",
        "y = x · min(max(x + 3, 0), 6) / 6",
        (
            "SiLU made of straight pieces, without an exponential; used in MobileNetV3.",
            "指数関数を使わず折れ線で近似した SiLU。MobileNetV3 で使われます。",
        ),
        see=("SiLU",),
    ),
    _each(
        "Mish",
        "y = x · tanh(ln(1 + eˣ))",
        ("A smooth ReLU near SiLU.", "SiLU に近い、なめらかな ReLU です。"),
        see=("SiLU",),
    ),
    _each(
        "Sigmoid",
        "y = 1 / (1 + e^(−x))",
        (
            "Squeezes every value into the range from 0 to 1: a probability for yes or no.",
            "どんな値も 0 から 1 に収めます。はい・いいえの確率として使えます。",
        ),
        see=("BCEWithLogitsLoss", "Softmax", "Hardsigmoid"),
    ),
    _each(
        "Hardsigmoid",
        "y = min(max(x + 3, 0), 6) / 6",
        ("Sigmoid made of straight pieces.", "折れ線で近似した Sigmoid です。"),
        see=("Sigmoid",),
    ),
    _each(
        "LogSigmoid",
        "y = ln(1 / (1 + e^(−x)))",
        (
            "The logarithm of Sigmoid, exact for small ones, too.",
            "Sigmoid の対数（小さい値でも正確）。",
        ),
        see=("Sigmoid",),
    ),
    _each(
        "Tanh",
        "y = (eˣ − e^(−x)) / (eˣ + e^(−x))",
        (
            "Squeezes every value into the range from −1 to 1; the last layer of many generators.",
            "どんな値も −1 から 1 に収めます。生成器の最後の層によく使われます。",
        ),
        see=("Sigmoid", "Hardtanh"),
    ),
    _each(
        "Hardtanh",
        "y = min(max(x, min_val), max_val)",
        ("Cuts values off at two bounds.", "値を上限と下限で切ります。"),
        parameters={
            "min_val": ("lower bound", "下限"),
            "max_val": ("upper bound", "上限"),
        },
        see=("Tanh", "ReLU6"),
    ),
    _each(
        "Tanhshrink",
        "y = x − tanh(x)",
        ("What Tanh takes away.", "Tanh で削られる分です。"),
        see=("Tanh",),
    ),
    _each(
        "Softplus",
        "y = ln(1 + e^(beta · x)) / beta",
        (
            "A smooth ReLU that is always positive.",
            "常に正になる、なめらかな ReLU です。",
        ),
        parameters={
            "threshold": (
                "above this beta · x, y = x: exp would overflow",
                "beta · x がこれを超えたら y = x とする（exp があふれるため）",
            )
        },
    ),
    _each(
        "Softsign",
        "y = x / (1 + |x|)",
        ("Tanh that approaches its ends more slowly.", "端への近づき方がゆるやかな Tanh です。"),
        see=("Tanh",),
    ),
    _each(
        "Hardshrink",
        "y = x for |x| > lambd, else 0",
        ("Sets small values to zero.", "小さい値を 0 にします。"),
        see=("Softshrink",),
    ),
    _each(
        "Softshrink",
        "y = x ∓ lambd beyond ±lambd, else 0",
        (
            "Brings every value nearer to zero by lambd.",
            "どの値も lambd だけ 0 に近づけます。",
        ),
        see=("Hardshrink",),
    ),
    _each(
        "Threshold",
        "y = x for x > threshold, else value",
        (
            "Replaces values up to a threshold by a constant.",
            "しきい値以下の値を定数に置き換えます。",
        ),
        call="nn.Threshold(0.1, 20.0)",
        parameters={"value": ("the constant", "置き換える定数")},
    ),
    Entry(
        layers=("GLU",),
        meaning=(
            "Splits an axis in halves and multiplies the first by the sigmoid of the second.",
            "軸を半分に分け、前半に後半の sigmoid を掛けます。",
        ),
        formula=("y = a · sigmoid(b),  x = [a, b]",),
        example="""\
print(nn.GLU()(torch.tensor([[1.0, 2.0, 0.0, 0.0]])))
""",
        see=("Sigmoid",),
    ),
    Entry(
        layers=("Softmax",),
        meaning=(
            "Turns scores into probabilities: all positive, summing to 1 along dim, the largest "
            "score "
            "the most probable.",
            "スコアを確率に変えます。すべて正で、dim に沿って足すと 1 になり、スコアが大きいほど確"
            "率も高くなります。",
        ),
        formula=("y_i = e^{x_i} / Σ_j e^{x_j}",),
        pitfalls=("softmax_inside",),
        example="""\
print(nn.Softmax(dim=1)(torch.tensor([[1.0, 2.0, 3.0]])))
""",
        see=("LogSoftmax", "CrossEntropyLoss", "Sigmoid"),
    ),
    Entry(
        layers=("Softmax2d",),
        meaning=(
            "Softmax over the channels of every pixel.",
            "画素ごとに、チャンネルについて Softmax を計算します。",
        ),
        formula=("y[n, c, h, w] = e^{x[n, c, h, w]} / Σ_k e^{x[n, k, h, w]}",),
        see=("Softmax",),
    ),
    Entry(
        layers=("Softmin",),
        meaning=(
            "Softmax of the negatives: the smallest score is the most probable.",
            "符号を変えた値の Softmax。スコアが小さいほど確率が高くなります。",
        ),
        formula=("y_i = e^{−x_i} / Σ_j e^{−x_j}",),
        see=("Softmax",),
    ),
    Entry(
        layers=("LogSoftmax",),
        meaning=(
            "The logarithm of Softmax, computed without over- or underflow; NLLLoss wants it.",
            "Softmax の対数。桁あふれが起きないように計算します。NLLLoss に渡すためのものです。",
        ),
        formula=("y_i = x_i − ln Σ_j e^{x_j}",),
        pitfalls=("softmax_inside",),
        example="""\
print(nn.LogSoftmax(dim=1)(torch.tensor([[1.0, 2.0, 3.0]])))
""",
        see=("Softmax", "NLLLoss"),
    ),
)
