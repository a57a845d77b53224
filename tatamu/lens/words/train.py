"""What `tatamu train` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.train": (
        "Train a network on a folder of pictures, one folder for each class.",
        "クラスごとのフォルダーに分けた画像で、ネットワークを訓練します。",
    ),
    "help.train.folder": (
        "The folder: CLASS/picture.jpg, or train/CLASS/... and val/CLASS/...",
        "フォルダー：CLASS/picture.jpg、または train/CLASS/… と val/CLASS/…。",
    ),
    "help.train.model": (
        "The network: one of tatamu models.",
        "ネットワーク：tatamu models のもの。",
    ),
    "help.train.freeze": (
        "Train the last layer alone; the trunk stays as it is.",
        "最後の層だけを訓練し、ほかの層は固定します。",
    ),
    "help.train.random": (
        "Begin with random weights, even where published ones are here.",
        "公開されている重みがあっても、乱数の重みから始めます。",
    ),
    "help.train.epochs": ("How often all pictures are gone through.", "全画像を何周するか。"),
    "help.train.lr": ("The learning rate of AdamW.", "AdamW の学習率。"),
    "help.train.batch": ("Pictures in a step.", "1 ステップの枚数。"),
    "help.train.size": ("Side of the square pictures that go in.", "入力する正方形の画像の一辺。"),
    "help.train.held": (
        "Share of each class that is held out, where there is no val folder.",
        "val フォルダーがないとき、各クラスから検証用に取り分ける割合。",
    ),
    "help.train.patience": (
        "End after so many epochs without a better loss; the best weights are kept.",
        "損失が改善しない周回がこの数だけ続いたら終えます。最も良い重みを残します。",
    ),
    "help.train.resume": (
        "Go on where an earlier run of the same command was ended.",
        "同じコマンドの前回の実行が終わったところから続けます。",
    ),
    "help.train.out": (
        "Where checkpoint, curves and report go.",
        "チェックポイント、曲線、レポートの書き出し先。",
    ),
    "train.folder": (
        "There is no folder {path}.",
        "{path} というフォルダーはありません。",
    ),
    "train.empty": (
        "{path} holds no pictures to train on: {why}",
        "{path} に訓練できる画像がありません：{why}",
    ),
    "train.one": (
        "{path} has one class, {name}: there is nothing to tell apart. Make a folder for each.",
        "{path} のクラスは {name} だけで、見分けるものがありません。クラスごとにフォルダーを作っ"
        "てくださ"
        "い。",
    ),
    "train.few": (
        "Class {index} (in order of names) has a single picture: one is needed to train, one to "
        "hold out.",
        "名前順で {index} 番のクラスには画像が 1 枚しかありません。訓練用と検証用に 2 枚以上必要"
        "です。",
    ),
    "train.classes": (
        "Folders for training and for holding out in {path} differ by {names}.",
        "{path} の訓練用と検証用のフォルダーで、{names} が食い違っています。",
    ),
    "train.picture": (
        "{path} cannot be opened as a picture ({why}): mend it or take it out.",
        "{path} を画像として開けません（{why}）。直すか取り除いてください。",
    ),
    "train.head": (
        "{name} has no linear layer at its end that could get new classes.",
        "{name} の最後には、クラスを差し替えられる全結合層がありません。",
    ),
    "train.held": (
        "--held {value}: give a share between 0 and 1, such as 0.2.",
        "--held {value}：0 と 1 の間の割合（0.2 など）を指定してください。",
    ),
    "train.exists": (
        "{path} is there already: --resume goes on with it, -o writes elsewhere.",
        "{path} はすでにあります。--resume で続きから、-o で別の場所に書き出します。",
    ),
    "train.resume": (
        "{path} holds no training that could go on.",
        "{path} に、続けられる訓練がありません。",
    ),
    "train.counts": (
        "{ours} pictures trained, {held} held out, {classes} classes",
        "訓練 {ours} 枚、検証 {held} 枚、{classes} クラス",
    ),
    "train.weights": ("{model}, begun with {weights}", "{model}、最初の重み：{weights}"),
    "train.accuracy": (
        "{percent} % of the pictures held out were told right.",
        "検証用の画像の {percent} % を正しく見分けました。",
    ),
    "train.confusion": (
        "Rows are what the pictures show, columns what they were taken for.",
        "行は画像の実際のクラス、列はネットワークの答えです。",
    ),
    "train.confusion.title": ("Who was taken for whom", "取り違えの表"),
    "train.written": ("wrote {path}/report.html", "{path}/report.html に書き出しました"),
    "train.title": ("{model} learns {folder}", "{model} が {folder} を学ぶ"),
    "train.curves": ("The way there", "学習の経過"),
    "train.mistakes": ("The mistakes", "間違えた画像"),
    "train.mistake": (
        "{real}, taken for {taken} ({percent} %)",
        "{real} を {taken} と判断（{percent} %）",
    ),
    "train.none": ("There are none.", "ありません。"),
    "train.left": ("And {count} more.", "ほかに {count} 枚。"),
    "train.yes": ("yes", "はい"),
    "train.no": ("no", "いいえ"),
    "train.fact.weights": ("first weights", "最初の重み"),
    "train.fact.frozen": ("trunk frozen", "途中の層を固定"),
    "train.fact.epochs": ("epochs", "エポック"),
    "train.fact.lr": ("learning rate", "学習率"),
    "train.fact.seed": ("seed", "シード"),
}
