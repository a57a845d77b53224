"""What `tatamu animate` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.animate": (
        "Animate a layer on a small matrix: the window moving, the arithmetic filled in.",
        "小さな行列の上でレイヤーの動きを、計算の数値とともにアニメーションにします。",
    ),
    "help.animate.layer": (
        'One convolution, transposed convolution or pooling: "Conv2d(1, 1, 3, padding=1)".',
        '畳み込み・転置畳み込み・プーリングのどれか 1 層："Conv2d(1, 1, 3, padding=1)"。',
    ),
    "help.animate.size": (
        "Height and width of the matrix, filled with small whole numbers.",
        "行列の高さと幅。小さな整数で埋めます。",
    ),
    "help.animate.input": (
        'Your own matrix: "1 2; 3 4", channels separated by |.',
        '自分の行列："1 2; 3 4"。チャンネルは | で区切ります。',
    ),
    "help.animate.weight": (
        'Your own kernel: "1 0; 0 1"; once for each output channel.',
        '自分のカーネル："1 0; 0 1"。出力チャンネルごとに 1 つずつ指定します。',
    ),
    "help.animate.bias": (
        "A bias, or one for each output channel; without it there is none.",
        "バイアス（出力チャンネルごとにも書けます）。指定しなければなしです。",
    ),
    "help.animate.out": (
        "The file: .gif, .webp or .svg.",
        "書き出すファイル（.gif、.webp、.svg）。",
    ),
    "help.animate.im2col": (
        "Show the convolution as im2col and a matrix product.",
        "畳み込みを im2col と行列の積として示します。",
    ),
    "help.animate.reading": (
        "How to read a transposed convolution: insert (zeros, then a convolution) or scatter (each "
        "pixel stamps the kernel); both one after the other if left out.",
        "転置畳み込みの見方：insert（ゼロを挟んで畳み込む）か scatter（各画素がカーネルを足し込む）"
        "。省略すると両方を順に示します。",
    ),
    "help.animate.speed": ("How fast: 2 is twice as fast.", "速さ。2 で 2 倍速になります。"),
    "help.animate.seed": (
        "The seed of the numbers that you do not give.",
        "指定しなかった数値を決めるシード。",
    ),
    "animate.written": (
        "→ {path}   ({frames}, {seconds} s, {size})",
        "→ {path}   （{frames}、{seconds} 秒、{size}）",
    ),
    "count.frame": ("{n} frame|{n} frames", "{n} コマ"),
    "animate.grouped": (
        "Beyond the first row, each row of outputs is one frame.",
        "2 行目からは、出力の 1 行を 1 コマにまとめています。",
    ),
    "animate.uneven": (
        "The outputs get between {fewest} and {most} contributions each: uneven overlap shows as a "
        "checkerboard.",
        "出力ごとに足し込まれる値は {fewest}〜{most} 個で不揃いです。これが市松模様の原因です。",
    ),
    "animate.even": (
        "Every output gets {most}.",
        "どの出力にも足し込まれるのは{most}です。",
    ),
    "animate.scene.slide": (
        "The kernel moves over the input; at each place the products are added up.",
        "カーネルが入力の上を動き、位置ごとに積を合計します。",
    ),
    "animate.scene.pool": (
        "The window moves over the input and keeps one value of each place.",
        "窓が入力の上を動き、位置ごとに 1 つの値を残します。",
    ),
    "animate.scene.insert": (
        "Zeros are put between the pixels and around them; the flipped kernel then moves over them "
        "one position at a time.",
        "画素の間と周りにゼロを挟み、上下左右を反転したカーネルを 1 つずつ動かします。",
    ),
    "animate.scene.scatter": (
        "Each pixel stamps the kernel, times its value, onto the output; what overlaps is added "
        "up.",
        "各画素が、値を掛けたカーネルを出力に押し、重なったところは足し合わせます。",
    ),
    "animate.scene.unfold": (
        "Each patch becomes a column; each output is then a row of weights times a column.",
        "窓の中身が 1 本の列になり、出力は重みの行と列の積になります。",
    ),
    "animate.board.input": ("input", "入力"),
    "animate.board.kernel": ("kernel", "カーネル"),
    "animate.board.output": ("output", "出力"),
    "animate.board.overlap": ("contributions", "足した回数"),
    "animate.board.columns": ("columns", "列に並べた窓"),
    "animate.board.weights": ("weights", "重み"),
    "animate.board.product": ("product", "積"),
    "animate.several": (
        "{layers}: an animation shows one layer; give them one at a time.",
        "{layers}：アニメーションにできるのは 1 層です。1 つずつ指定してください。",
    ),
    "animate.layer": (
        "{layer} moves no window over a matrix: choose one of {names}.",
        "{layer} は行列の上で窓を動かしません。使えるのは {names} です。",
    ),
    "animate.size_input": (
        "--size and --input both say how large the matrix is: leave one out.",
        "--size と --input はどちらも行列の大きさを決めます。一方だけにしてください。",
    ),
    "animate.channels": (
        "--input has {got}, but {layer} takes {expected}: separate channels with |.",
        "--input は{got}ですが、{layer} の入力は{expected}です。チャンネルは | で区切ってください"
        "。",
    ),
    "animate.weights": (
        "--weight: {layer} needs {count}, each {shape} (channels×rows×columns); given were {got}.",
        "--weight：{layer} には {shape}（チャンネル×行×列）の行列が{count}必要ですが、{got} が渡さ"
        "れました。",
    ),
    "count.matrix": ("{n} matrix|{n} matrices", "{n} 個"),
    "animate.unweighted": (
        "{layer} has no weights: leave out {option}.",
        "{layer} に重みはありません。{option} を外してください。",
    ),
    "animate.reading": (
        "--reading {value!r}: choose insert or scatter.",
        "--reading {value!r}：insert か scatter を指定してください。",
    ),
    "animate.reading_layer": (
        "--reading is for ConvTranspose2d; {layer} has only one.",
        "--reading は ConvTranspose2d 用です。{layer} の見方は 1 つだけです。",
    ),
    "animate.im2col": (
        "--im2col is for Conv2d with groups=1, which {layer} is not.",
        "--im2col は groups=1 の Conv2d 用です（{layer} には使えません）。",
    ),
    "animate.speed": (
        "--speed {value}: give a number from {least} to {most}.",
        "--speed {value}：{least} から {most} までの数にしてください。",
    ),
    "animate.suffix": (
        "{path}: the name must end with .gif, .webp or .svg.",
        "{path}：ファイル名は .gif、.webp、.svg のどれかで終えてください。",
    ),
    "animate.many": (
        "{layer} has {got}: an animation shows up to {limit} in and out. Try {example}.",
        "{layer} は{got}です。アニメーションで示せるのは入出力とも {limit} チャンネルまでです。"
        "{example} を試してください。",
    ),
    "animate.large": (
        "{layer} on {size}: a matrix of {height}×{width} is too large to read (up to "
        "{limit}×{limit}). Try {hint}.",
        "{layer} に {size} を渡すと {height}×{width} の行列になり、大きすぎて読めません（上限は "
        "{limit}×{limit}）。{hint} を試してください。",
    ),
    "animate.long": (
        "{layer} on {size} makes {frames}, more than the limit of {limit}. Try {hint}.",
        "{layer} に {size} を渡すと{frames}になり、上限の {limit} コマを超えます。{hint} を試して"
        "ください。",
    ),
    "animate.hint.smaller": (
        "a smaller kernel, stride, padding or dilation",
        "カーネル、ストライド、パディング、膨張を小さくした設定",
    ),
    "animate.unwritable": (
        "{path} cannot be written: {why}.",
        "{path} に書き込めません：{why}",
    ),
}
