"""Losses."""

from __future__ import annotations

from tatamu.learn.entry import Entry

__all__ = ["ENTRIES"]

ENTRIES = (
    Entry(
        layers=("CrossEntropyLoss",),
        meaning=(
            "The loss of classification: how improbable the net holds the right class. Input: raw "
            "scores (batch, classes); target: class numbers, or probabilities of the input's "
            "shape.",
            "分類の損失です。正解のクラスをネットワークがどれだけ「ありそうにない」と見ているかを"
            "測ります。入力は"
            "生のスコア（バッチ, クラス）、ターゲットはクラス番号か、入力と同じ形の確率です。",
        ),
        formula=("loss = −x[class] + ln Σ_j e^{x_j}",),
        parameters={
            "ignore_index": ("a class number that does not count", "数えないクラス番号"),
            "label_smoothing": (
                "share that is spread over all classes, against overconfidence",
                "全クラスに分け与える割合。過信を防ぐ",
            ),
        },
        pitfalls=("softmax_inside", "labels_long"),
        example="""\
scores = torch.tensor([[2.0, 0.0, 0.0]])
for target in (0, 1):
    print(target, nn.CrossEntropyLoss()(scores, torch.tensor([target])).item())
""",
        see=("NLLLoss", "BCEWithLogitsLoss", "Softmax"),
    ),
    Entry(
        layers=("NLLLoss", "NLLLoss2d"),
        meaning=(
            "Takes the log-probability of the right class, negative: CrossEntropyLoss after its "
            "LogSoftmax.",
            "正解クラスの対数確率に負号を付けたものです。LogSoftmax を済ませた CrossEntropyLoss に"
            "あたります。",
        ),
        formula=("loss = −x[class]",),
        parameters={"ignore_index": ("a class number that does not count", "数えないクラス番号")},
        pitfalls=("log_input", "labels_long"),
        see=("CrossEntropyLoss", "LogSoftmax"),
    ),
    Entry(
        layers=("BCEWithLogitsLoss",),
        meaning=(
            "The loss of yes or no, for each output by itself (several may be right): Sigmoid and "
            "BCELoss in one, without overflow.",
            "はい・いいえの損失です。出力ごとに独立なので、正解がいくつあっても構いませ"
            "ん。Sigmoid と BCELoss を"
            "まとめたもので、桁あふれが起きません。",
        ),
        formula=("loss = max(x, 0) − x·t + ln(1 + e^{−|x|})",),
        parameters={
            "weight": ("weight of each value in the sum", "値ごとの重み"),
            "pos_weight": ("how much more a yes counts", "「はい」をどれだけ重く見るか"),
        },
        pitfalls=("logits",),
        see=("BCELoss", "CrossEntropyLoss"),
    ),
    Entry(
        layers=("BCELoss",),
        meaning=(
            "The loss of yes or no on probabilities.",
            "確率に対する、はい・いいえの損失です。",
        ),
        formula=("loss = −(t·ln x + (1 − t)·ln(1 − x))",),
        parameters={"weight": ("weight of each value in the sum", "値ごとの重み")},
        pitfalls=("probabilities",),
        see=("BCEWithLogitsLoss",),
    ),
    Entry(
        layers=("MSELoss",),
        meaning=(
            "Mean of the squared differences: the loss of regression and of autoencoders.",
            "差の二乗の平均です。回帰やオートエンコーダーで使われます。",
        ),
        formula=("loss = (x − t)²",),
        see=("L1Loss", "HuberLoss"),
    ),
    Entry(
        layers=("L1Loss",),
        meaning=(
            "Mean of the absolute differences: outliers count for less than in MSELoss.",
            "差の絶対値の平均です。MSELoss より外れ値の影響が小さくなります。",
        ),
        formula=("loss = |x − t|",),
        see=("MSELoss", "SmoothL1Loss"),
    ),
    Entry(
        layers=("SmoothL1Loss",),
        meaning=(
            "Squared near zero, straight beyond beta: gentle on outliers, smooth at the bottom.",
            "0 の近くでは二乗、beta より外では直線です。外れ値に強く、底がなめらかです。",
        ),
        formula=("0.5·(x − t)² / beta for |x − t| < beta, else |x − t| − 0.5·beta",),
        parameters={"beta": ("where the straight part begins", "直線に変わる位置")},
        see=("HuberLoss",),
    ),
    Entry(
        layers=("HuberLoss",),
        meaning=("SmoothL1Loss times delta.", "SmoothL1Loss に delta を掛けたものです。"),
        formula=("0.5·(x − t)² for |x − t| < delta, else delta·(|x − t| − 0.5·delta)",),
        parameters={"delta": ("where the straight part begins", "直線に変わる位置")},
        see=("SmoothL1Loss",),
    ),
    Entry(
        layers=("KLDivLoss",),
        meaning=(
            "How far one distribution is from another; 'batchmean' is the mathematical one.",
            "2 つの確率分布の隔たりです。数学の定義どおりなのは 'batchmean' です。",
        ),
        formula=("loss = t·(ln t − x)",),
        parameters={
            "log_target": (
                "whether the target holds logarithms as well",
                "ターゲットも対数で渡すかどうか",
            ),
        },
        pitfalls=("log_input",),
        see=("CrossEntropyLoss",),
    ),
    Entry(
        layers=("PoissonNLLLoss",),
        meaning=("The loss for counts.", "回数（ポアソン分布）の損失です。"),
        formula=("loss = eˣ − t·x   (log_input),  else x − t·ln(x + eps)",),
        parameters={
            "log_input": ("whether the input is a logarithm", "入力が対数かどうか"),
            "full": ("whether Stirling's term is added", "スターリングの項を足すかどうか"),
        },
    ),
    Entry(
        layers=("GaussianNLLLoss",),
        meaning=(
            "Regression that predicts its own variance.",
            "分散も予測する回帰の損失です。",
        ),
        formula=("loss = 0.5·(ln var + (x − t)² / var)",),
        parameters={"full": ("whether the constant term is added", "定数項を足すかどうか")},
        see=("MSELoss",),
    ),
    Entry(
        layers=("MarginRankingLoss",),
        meaning=(
            "Of two scores, the one that target names (1: the first, −1: the second) is to be "
            "larger "
            "by margin.",
            "2 つのスコアのうち、target の示すほう（1 なら 1 つ目、−1 なら 2 つ目）が margin 以上"
            "大きくなるように"
            "します。",
        ),
        formula=("loss = max(0, −t·(x₁ − x₂) + margin)",),
    ),
    Entry(
        layers=("HingeEmbeddingLoss",),
        meaning=(
            "Distances of like pairs (1) shrink, of unlike ones (−1) grow to margin.",
            "似た組（1）の距離は小さく、似ていない組（−1）の距離は margin まで大きくします。",
        ),
        formula=("loss = x for t = 1, max(0, margin − x) for t = −1",),
    ),
    Entry(
        layers=("CosineEmbeddingLoss",),
        meaning=(
            "The same with the angle between vectors.",
            "ベクトルのなす角で同じことをします。",
        ),
        formula=("loss = 1 − cos for t = 1, max(0, cos − margin) for t = −1",),
        see=("CosineSimilarity",),
    ),
    Entry(
        layers=("TripletMarginLoss", "TripletMarginWithDistanceLoss"),
        meaning=(
            "An anchor is to lie nearer to its like than to the unlike, by margin.",
            "アンカーが、違うものより似たものに margin 以上近くなるようにします。",
        ),
        formula=("loss = max(0, d(a, p) − d(a, n) + margin)",),
        parameters={
            "p": ("the p of the distance's norm", "距離に使うノルムの p"),
            "swap": (
                "takes the unlike's distance to the like, if smaller",
                "似たものと違うものの距離のほうが小さければ、そちらを使う",
            ),
            "distance_function": ("any function of two tensors", "2 つのテンソルの関数"),
        },
    ),
    Entry(
        layers=("SoftMarginLoss",),
        meaning=("Yes or no as 1 and −1.", "はい・いいえを 1 と −1 で表す損失です。"),
        formula=("loss = ln(1 + e^{−t·x})",),
        see=("BCEWithLogitsLoss",),
    ),
    Entry(
        layers=("MultiMarginLoss",),
        meaning=(
            "The right class is to score higher than every other by margin.",
            "正解のクラスのスコアが、ほかのどれよりも margin 以上高くなるようにします。",
        ),
        formula=("loss = Σ_{j ≠ class} max(0, margin − x[class] + x[j])^p / classes",),
        parameters={"p": ("exponent, 1 or 2", "べき指数（1 か 2）")},
        pitfalls=("labels_long",),
        see=("CrossEntropyLoss",),
    ),
    Entry(
        layers=("MultiLabelMarginLoss",),
        meaning=(
            "Every right class is to score higher than every wrong one by 1.",
            "正解のクラスのスコアが、どの不正解より 1 以上高くなるようにします（正解は複数可）。",
        ),
        formula=("loss = Σ max(0, 1 − (x[right] − x[wrong])) / classes",),
        pitfalls=("labels_long",),
    ),
    Entry(
        layers=("MultiLabelSoftMarginLoss",),
        meaning=(
            "BCEWithLogitsLoss averaged over the classes.",
            "BCEWithLogitsLoss をクラスについて平均したものです。",
        ),
        formula=("loss = −mean_c(t·ln σ(x) + (1 − t)·ln(1 − σ(x)))",),
        pitfalls=("logits",),
        see=("BCEWithLogitsLoss",),
    ),
    Entry(
        layers=("CTCLoss",),
        meaning=(
            "Sequences without alignment: all ways in which the target can be spelt are added up.",
            "位置合わせのない系列の損失です。ターゲットを綴るすべての並びの確率を足し合わせます。",
        ),
        formula=("loss = −ln Σ_{alignments} Π_t p(symbol at t)",),
        parameters={
            "blank": ("number of the symbol for 'nothing'", "「何もない」を表す記号の番号"),
            "zero_infinity": (
                "whether infinite losses become 0",
                "無限大の損失を 0 にするかどうか",
            ),
        },
        pitfalls=("log_input",),
    ),
)
