"""The terms of the field, in both languages: what all texts of tatamu call things.

`scripts/glossary` writes them to ``docs/glossary.md`` and ``docs/glossary.ja.md``; a test holds the
texts to them.
"""

from __future__ import annotations

from typing import NamedTuple

from tatamu.language import Pair

__all__ = ["TERMS", "Term"]


class Term(NamedTuple):
    """A term, what it means, and the spellings that are not used for it (they may be read)."""

    en: str
    ja: str
    meaning: Pair
    not_en: tuple[str, ...] = ()
    not_ja: tuple[str, ...] = ()


TERMS = (
    Term(
        "convolution",
        "畳み込み",
        (
            "Sliding a kernel over a picture, multiplying and adding up.",
            "カーネルを画像の上で動かし、掛けて足し合わせる計算。",
        ),
        not_ja=("畳みこみ", "たたみこみ", "たたみ込み", "コンボリューション"),
    ),
    Term(
        "kernel",
        "カーネル（フィルター）",
        (
            "The small array of weights that a convolution slides. One for each output channel; it "
            "reaches through all input channels of its group. Also called a filter.",
            "畳み込みで動かす、重みの小さな配列。出力チャンネルごとに 1 つあり、入力の（同じ組の）"
            "全チャンネルに"
            "わたる。フィルターともいう。",
        ),
        not_ja=("フィルタ",),
    ),
    Term(
        "window",
        "窓",
        (
            "The part of the picture that one output value is computed from.",
            "出力の値 1 つを計算するときに見る、画像の一部分。",
        ),
        not_ja=("ウィンドウ",),
    ),
    Term(
        "stride",
        "ストライド",
        (
            "How far the window moves from one output to the next.",
            "窓が 1 回に動く距離。",
        ),
        not_ja=("ストライド幅", "歩幅"),
    ),
    Term(
        "padding",
        "パディング",
        (
            "Rows and columns added around the picture, of zeros unless told otherwise.",
            "画像のまわりに足す行と列。指定しなければ 0。",
        ),
        not_ja=("パッディング", "余白埋め"),
    ),
    Term(
        "dilation",
        "膨張",
        (
            "Distance between the values that a window reads; 1 is an ordinary window.",
            "窓が読む値どうしの間隔。1 ならふつうの窓。",
        ),
        not_ja=("ダイレーション", "拡張畳み込み"),
    ),
    Term(
        "groups",
        "グループ",
        (
            "Parts of the channels that are convolved apart from one another.",
            "互いに独立に畳み込むチャンネルの組。",
        ),
    ),
    Term(
        "depthwise convolution",
        "depthwise 畳み込み",
        (
            "A convolution in which each channel is a group of its own.",
            "チャンネル 1 つ 1 つが 1 つのグループになっている畳み込み。",
        ),
        not_ja=("デプスワイズ",),
    ),
    Term(
        "transposed convolution",
        "転置畳み込み",
        (
            "The transpose of a convolution's matrix: makes pictures larger. Not the inverse, so "
            "not "
            "“deconvolution”.",
            "畳み込みを表す行列の転置による計算。画像を大きくする。逆の計算ではないので「逆畳み込"
            "み」とは呼ばない。",
        ),
        not_en=("deconvolution layer",),
        not_ja=("逆畳込み", "デコンボリューション", "転置畳みこみ"),
    ),
    Term(
        "channel",
        "チャンネル",
        (
            "One of the layers of numbers that a picture or a feature map set consists of.",
            "画像や特徴マップの組をなす、数の面の 1 枚。",
        ),
        not_ja=("チャネル",),
    ),
    Term(
        "feature map",
        "特徴マップ",
        (
            "One channel of a layer's output, seen as a picture.",
            "層の出力の 1 チャンネルを画像として見たもの。",
        ),
        not_ja=("特徴量マップ", "フィーチャーマップ", "フィーチャマップ"),
    ),
    Term(
        "receptive field",
        "受容野",
        (
            "The part of the photo that a value of a later layer depends on.",
            "後ろの層の値 1 つが左右される、写真の範囲。",
        ),
        not_ja=("受容域", "受容フィールド"),
    ),
    Term(
        "pooling",
        "プーリング",
        (
            "Making one value of each window, without weights.",
            "窓ごとに、重みを使わずに 1 つの値を作る計算。",
        ),
    ),
    Term(
        "max pooling",
        "最大値プーリング",
        ("Pooling that keeps the largest value.", "最大の値を残すプーリング。"),
        not_ja=("マックスプーリング", "最大プーリング"),
    ),
    Term(
        "average pooling",
        "平均値プーリング",
        ("Pooling that averages.", "平均を取るプーリング。"),
        not_ja=("アベレージプーリング", "平均プーリング"),
    ),
    Term(
        "batch",
        "バッチ",
        (
            "Samples that are computed together: the first axis.",
            "まとめて計算するサンプルの集まり。最初の軸。",
        ),
    ),
    Term(
        "batch normalisation",
        "バッチ正規化",
        (
            "Giving each channel mean 0 and variance 1 over the batch.",
            "バッチ全体でチャンネルごとに平均 0、分散 1 にそろえること。",
        ),
        not_en=("batch normalization",),
        not_ja=("バッチノーマライゼーション", "バッチ標準化"),
    ),
    Term(
        "layer",
        "層",
        (
            "One step of a net; in code, an nn.Module. The command line says レイヤー in Japanese.",
            "ネットワークの 1 段。コードでは nn.Module。コマンドの表示では「レイヤー」とも書く。",
        ),
        not_ja=("レイヤ",),
    ),
    Term(
        "weight",
        "重み",
        ("A learnt number that an input is multiplied by.", "入力に掛ける、学習される数。"),
        not_ja=("ウエイト", "ウェイト"),
    ),
    Term(
        "bias",
        "バイアス",
        ("A learnt number that is added.", "足される、学習される数。"),
    ),
    Term(
        "parameter",
        "パラメーター",
        (
            "A tensor that is learnt. Also: an argument of a layer.",
            "学習されるテンソル。層の引数を指すこともある。",
        ),
        not_ja=("パラメタ", "パラメータ"),
    ),
    Term(
        "activation function",
        "活性化関数",
        ("The bend between two layers, such as ReLU.", "層のあいだに置く折れ曲がり。ReLU など。"),
        not_ja=("アクティベーション関数", "活性関数"),
    ),
    Term(
        "gradient",
        "勾配",
        (
            "How much the loss changes with each number.",
            "それぞれの数を変えたとき、損失がどれだけ変わるか。",
        ),
        not_ja=("グラディエント", "こう配"),
    ),
    Term(
        "backpropagation",
        "誤差逆伝播",
        (
            "Computing all gradients from the last layer to the first.",
            "最後の層から最初の層へと、すべての勾配を計算すること。",
        ),
        not_ja=("誤差逆伝搬", "バックプロパゲーション"),
    ),
    Term(
        "loss",
        "損失",
        ("The number that training makes smaller.", "学習で小さくしていく数。"),
        not_ja=("ロス関数",),
    ),
    Term(
        "learning rate",
        "学習率",
        ("How far one step of training goes.", "学習の 1 歩の大きさ。"),
        not_ja=("ラーニングレート",),
    ),
    Term(
        "optimizer",
        "オプティマイザー",
        (
            "What changes the parameters by their gradients.",
            "勾配に従ってパラメーターを変えるもの。",
        ),
        not_ja=("オプティマイザ", "最適化器"),
    ),
    Term(
        "tensor",
        "テンソル",
        (
            "Numbers in any number of axes, with one dtype.",
            "いくつかの軸に並んだ、1 つの dtype の数。",
        ),
        not_ja=("テンサー",),
    ),
    Term(
        "axis",
        "軸",
        (
            "One direction of a tensor; torch calls it a dimension (dim).",
            "テンソルの 1 つの方向。torch では次元（dim）という。",
        ),
    ),
    Term(
        "shape",
        "形",
        ("The sizes of all axes.", "すべての軸の大きさ。"),
        not_ja=("シェープ",),
    ),
    Term(
        "skip connection",
        "スキップ接続",
        (
            "A way round some layers, whose ends are added or joined.",
            "いくつかの層を飛び越える経路。終わりで足すか、つなげる。",
        ),
        not_ja=("スキップコネクション", "ショートカット接続"),
    ),
    Term(
        "fine-tuning",
        "ファインチューニング",
        (
            "Training a trained net on with other data.",
            "学習済みのネットワークを、別のデータでさらに学習すること。",
        ),
        not_en=("finetuning",),
        not_ja=("微調整学習", "ファイン・チューニング"),
    ),
    Term(
        "transfer learning",
        "転移学習",
        (
            "Using what one task has taught for another.",
            "ある課題で学んだことを別の課題に使うこと。",
        ),
    ),
    Term(
        "overfitting",
        "過学習",
        (
            "Knowing the training data by heart instead of what they have in common.",
            "共通の性質ではなく、学習データそのものを覚えてしまうこと。",
        ),
        not_ja=("オーバーフィッティング", "過剰適合"),
    ),
    Term(
        "early stopping",
        "早期終了",
        (
            "Ending training when the validation loss no longer falls.",
            "検証データの損失が下がらなくなったら学習を終えること。",
        ),
        not_ja=("アーリーストッピング",),
    ),
    Term(
        "training",
        "学習",
        ("Fitting the parameters to data.", "パラメーターをデータに合わせること。"),
        not_ja=("トレーニング",),
    ),
    Term(
        "inference",
        "推論",
        ("Using a trained net.", "学習済みのネットワークを使うこと。"),
        not_ja=("インファレンス",),
    ),
    Term(
        "channels-last",
        "チャンネルラスト（NHWC）",
        (
            "An order in memory in which the channels of a pixel lie side by side.",
            "1 つの画素のチャンネルがメモリー上で隣り合う並べ方。",
        ),
    ),
    Term(
        "memory",
        "メモリー",
        ("Where numbers are while computing.", "計算中の数を置く場所。"),
        not_ja=("メモリ",),
    ),
    Term(
        "seed",
        "シード",
        (
            "The number that random numbers begin with: the same seed gives the same numbers.",
            "乱数の出発点になる数。同じシードからは同じ乱数が得られる。",
        ),
        not_ja=("乱数種", "乱数の種"),
    ),
)
