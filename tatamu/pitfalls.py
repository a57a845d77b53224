"""What learners trip over, said once: by `tatamu explain`, and by the errors of those mistakes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from tatamu.language import Lang, Pair, pick, reader_language

__all__ = ["PITFALLS", "explained", "hint", "of_numbers"]

P = ParamSpec("P")
R = TypeVar("R")

PITFALLS: dict[str, Pair] = {
    "norm_type": (
        "norm_type is the p of the norm: each window gives (x₁ᵖ + x₂ᵖ + …)^(1/p). 1 adds the "
        "values "
        "up, 2 is the root of the sum of squares, and the larger p is, the nearer it comes to the "
        "maximum. It is no average: nothing is divided by the number of values.",
        "norm_type はノルムの p です。窓ごとに (x₁ᵖ + x₂ᵖ + …)^(1/p) を計算します。1 なら和、2 なら"
        "二乗和の平方根で、p を大きくするほど最大値に近づきます。平均ではないので、個数では割りま"
        "せん。",
    ),
    "unpool_zeros": (
        "MaxUnpool writes each maximum back to where it stood and zeros everywhere else: the other "
        "values were lost in pooling, and nothing is interpolated.",
        "MaxUnpool は最大値を元の位置に戻し、それ以外には 0 を書きます。ほかの値はプーリングで失わ"
        "れて"
        "いて、補間もしません。",
    ),
    "padding_holds": (
        "Padding holds zeros unless padding_mode says otherwise (for max pooling minus infinity, "
        "so "
        "that it never wins). Zeros are black in a picture whose values begin at 0, and grey in "
        "one "
        "that was normalised.",
        "パディングの中身は padding_mode を指定しなければ 0 です（最大値プーリングでは、選ばれるこ"
        "との"
        "ないよう −∞）。0 は、値が 0 から始まる画像では黒、正規化した画像では灰色にあたります。",
    ),
    "floored": (
        "Output sizes are rounded down: a window that would reach beyond the padded picture is "
        "left "
        "out, so some rows at the bottom and columns at the right may never be read. "
        "ceil_mode=True of pooling keeps that window.",
        "出力の大きさは切り捨てです。パディングを含めた画像からはみ出す窓は使わないので、下端の行"
        "や右端の"
        "列が一度も読まれないことがあります。プーリングでは ceil_mode=True でその窓も使えます。",
    ),
    "softmax_inside": (
        "CrossEntropyLoss applies log-softmax itself: give it the raw scores of the last layer. "
        "A Softmax before it flattens the gradients, and training stalls without any error.",
        "CrossEntropyLoss は中で log-softmax を計算します。最後の層の値をそのまま渡してください。"
        "手前に Softmax を置くと勾配が小さくなり、エラーも出ないまま学習が進まなくなります。",
    ),
    "numpy_float64": (
        "Arrays of NumPy hold float64 unless told otherwise, and torch.from_numpy keeps that; the "
        "weights are float32. x.float() converts, or array.astype('float32') beforehand.",
        "NumPy の配列は、指定しなければ float64 で、torch.from_numpy はそれをそのまま引き継ぎま"
        "す。一方、"
        "重みは float32 です。x.float() か、あらかじめ array.astype('float32') で変換してくださ"
        "い。",
    ),
    "picture_bytes": (
        "A picture read from a file holds whole numbers from 0 to 255 (uint8). x.float() / 255 "
        "makes them float32 between 0 and 1, as ToTensor does.",
        "ファイルから読んだ画像は 0 から 255 の整数（uint8）です。x.float() / 255 とすれば、"
        "ToTensor と同じく 0 から 1 の float32 になります。",
    ),
    "labels_long": (
        "Class numbers must be integers (int64, torch's long): target.long() converts. Targets in "
        "floating point are taken for probabilities, and then need the shape of the input.",
        "クラス番号は整数（int64、torch でいう long）でなければなりません。target.long() で変換で"
        "きます。"
        "浮動小数点のターゲットは確率とみなされ、入力と同じ形でなければなりません。",
    ),
    "leaf_inplace": (
        "A leaf is a tensor whose gradient you asked for, not the result of a computation. "
        "Changing "
        "it in place would falsify what has been recorded: compute a new tensor (x = x + 1), or "
        "change it inside torch.no_grad(), as optimizers do.",
        "リーフとは、計算の結果ではなく、勾配を求めるように指定したテンソルそのもののことです。そ"
        "の場で"
        "書き換えると計算の記録と合わなくなります。新しいテンソルを作る（x = x + 1）か、オプティマ"
        "イザーが"
        "しているように torch.no_grad() の中で書き換えてください。",
    ),
    "hwc": (
        "Pictures of Pillow, NumPy and OpenCV are height × width × channels; layers want channels "
        "× "
        "height × width. x.permute(2, 0, 1) turns one picture, x.permute(0, 3, 1, 2) a batch; a "
        "reshape would scramble it.",
        "Pillow、NumPy、OpenCV の画像は「高さ × 幅 × チャンネル」、層が受け取るのは「チャンネル × "
        "高さ × 幅」"
        "です。1 枚なら x.permute(2, 0, 1)、バッチなら x.permute(0, 3, 1, 2) で並べ替えま"
        "す。reshape では"
        "画素がばらばらになります。",
    ),
    "no_batch": (
        "Layers read (batch, channels, height, width). One picture needs a batch of one: "
        "x.unsqueeze(0).",
        "層は（バッチ, チャンネル, 高さ, 幅）の順で読みます。画像 1 枚なら x.unsqueeze(0) で大き"
        "さ 1 の"
        "バッチにしてください。",
    ),
    "no_batch_last": (
        "Keras's layers read (batch, height, width, channels). One picture needs a batch of one: "
        "x[None], and a grey one a channel: x[..., None].",
        "Keras の層は（バッチ, 高さ, 幅, チャンネル）の順で読みます。画像 1 枚なら x[None] で大き"
        "さ 1 の"
        "バッチに、グレー画像なら x[..., None] でチャンネルを加えてください。",
    ),
    "eval_mode": (
        "In training mode it behaves differently (batch statistics, dropped values): call "
        "model.eval() before predicting, and model.train() before training on.",
        "学習時と推論時で動作が変わります（バッチの統計量、値の間引き）。予測の前に model.eval()、"
        "学習を"
        "続ける前に model.train() を呼んでください。",
    ),
    "batch_of_one": (
        "With one value per channel there is no variance to divide by: train with batches larger "
        "than one (drop_last=True), or call model.eval().",
        "チャンネルあたりの値が 1 つしかないと、割るための分散が求まりません。バッチを 2 以上にする"
        "（drop_last=True）か、model.eval() を呼んでください。",
    ),
    "inplace": (
        "inplace=True overwrites the input and saves memory. Where the old values are still needed "
        "for gradients, backward() raises an error.",
        "inplace=True は入力を上書きしてメモリーを節約します。元の値が勾配の計算に必要だった場合"
        "は、"
        "backward() がエラーになります。",
    ),
    "flatten_size": (
        "The Linear after Flatten needs channels × height × width of what arrives. Print x.shape "
        "once, or let LazyLinear find out.",
        "Flatten のあとの Linear には、届くデータの「チャンネル × 高さ × 幅」を指定しま"
        "す。x.shape を一度表示"
        "するか、LazyLinear に任せてください。",
    ),
    "checkerboard": (
        "Where the kernel is no multiple of the stride, some outputs add up more products than "
        "their neighbours: the checkerboard of transposed convolution.",
        "カーネルがストライドの倍数でないと、出力ごとに足し合わせる積の数が変わります。転置畳み込"
        "みの"
        "市松模様はここから生じます。",
    ),
    "not_inverse": (
        "It undoes the sizes of a convolution, not its values: it is the transpose of the "
        "convolution's matrix, not its inverse.",
        "畳み込みの「大きさ」は元に戻りますが、値は戻りません。行列でいえば逆行列ではなく転置で"
        "す。",
    ),
    "correlation": (
        "The kernel is not turned round: what deep learning calls convolution is the "
        "cross-correlation of mathematics.",
        "カーネルは裏返しません。深層学習でいう畳み込みは、数学では相互相関にあたります。",
    ),
    "logits": (
        "It wants scores, not probabilities: no Sigmoid before it.",
        "渡すのは確率ではなくスコアです。手前に Sigmoid は要りません。",
    ),
    "probabilities": (
        "It wants probabilities between 0 and 1: a Sigmoid before it, or BCEWithLogitsLoss, which "
        "is more exact.",
        "渡すのは 0 から 1 の確率です。手前に Sigmoid を置くか、より正確な BCEWithLogitsLoss を使"
        "って"
        "ください。",
    ),
    "log_input": (
        "The input must hold logarithms of probabilities: a LogSoftmax before it.",
        "入力は確率の対数です。手前に LogSoftmax を置いてください。",
    ),
    "module_list": (
        "A plain Python list hides its layers: their parameters are neither trained nor saved. "
        "Use nn.ModuleList or nn.ModuleDict.",
        "ふつうの Python のリストに入れた層は見えません。パラメーターは学習も保存もされないので、"
        "nn.ModuleList や nn.ModuleDict を使ってください。",
    ),
}


def hint(key: str, lang: Lang | None = None) -> str:
    """What to know of a mistake, in the reader's language.

    >>> hint("logits", "en")
    'It wants scores, not probabilities: no Sigmoid before it.'
    """
    return pick(PITFALLS[key], lang or reader_language())


def of_numbers(given: str, wanted: str) -> str:
    """A line on numbers of one dtype that met weights of another; empty if there is no more to say.

    >>> of_numbers("int64", "float32")
    ''
    """
    key = {"float64": "numpy_float64", "uint8": "picture_bytes"}.get(given)
    return f"\n  {hint(key)}" if key and wanted == "float32" else ""


def explained(key: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Calls that leave out an argument get what to know of it below Python's sentence."""

    def mark(function: Callable[P, R]) -> Callable[P, R]:
        @wraps(function)
        def call(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return function(*args, **kwargs)
            except TypeError as error:
                within = error.__traceback__ and error.__traceback__.tb_next
                if within is None and " missing " in str(error):
                    error.args = (f"{error}\n  {hint(key)}",)
                raise

        return call

    return mark
