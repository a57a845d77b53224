"""What can go wrong, and what would help."""

TEXTS: dict[str, tuple[str, str]] = {
    "layers.transform": (
        "{name} is a transform of pictures, not a layer: --draws 12 shows what it makes of a "
        "photo.",
        "{name} は層ではなく画像の変換です。--draws 12 を付けると、写真がどう変わるか表示します。",
    ),
    "draws.count": (
        "--draws {count}: give a number from 1 to {limit}.",
        "--draws {count}：1 から {limit} までの数にしてください。",
    ),
    "draws.none": (
        '--draws needs transforms, as in "RandomResizedCrop(224) > ColorJitter(0.4)". There are: '
        "{names}.",
        '--draws には変換が必要です（例："RandomResizedCrop(224) > ColorJitter(0.4)"）。使えるの'
        "は {names} です。",
    ),
    "draws.infer": (
        "{layer}: _ stands for a number of channels; a transform needs a value.",
        "{layer}：_ はチャンネル数を表します。変換には値を書いてください。",
    ),
    "draws.photo": (
        "--draws shows what becomes of a photo, not of --input.",
        "--draws は写真に使います。--input とは一緒に使えません。",
    ),
    "draws.several": (
        "{layer} makes {count} of one, which --draws cannot show: leave it out.",
        "{layer} は 1 枚から{count}を作るため、--draws では表示できません。外してください。",
    ),
    "problem": ("error: {text}", "エラー：{text}"),
    "explain.unknown": ("{why}.", "{why}。"),
    "layers.empty": (
        'The layer text is empty: write one such as "Conv2d(_, 8, 3, padding=1)".',
        'レイヤーの記述が空です。"Conv2d(_, 8, 3, padding=1)" のように書いてください。',
    ),
    "layers.long": (
        "The layer text has {length} characters, more than the limit of {limit}: shorten it.",
        "レイヤーの記述が {length} 文字あり、上限の {limit} 文字を超えています。短くしてください。",
    ),
    "layers.brackets": (
        "The brackets in {text!r} do not match: "
        "write each layer as Name(...) and join layers with >.",
        "{text!r} の括弧の数が合いません。各レイヤーを Name(...) の形で書き、"
        "> でつないでください。",
    ),
    "layers.syntax": (
        "The layer text {text!r} cannot be read near {near!r}: "
        'write it like "Conv2d(3, 8, 3, padding=1) > ReLU".',
        "レイヤーの記述 {text!r} は {near!r} のあたりで読めません。"
        '"Conv2d(3, 8, 3, padding=1) > ReLU" のように書いてください。',
    ),
    "layers.not_literal": (
        "{part!r} cannot stand in a layer text: only layer names joined by > and, as their "
        "arguments, numbers, tuples, True, False, None and words are read.",
        "{part!r} はレイヤーの記述に使えません。使えるのは > でつないだレイヤー名と、"
        "その引数としての"
        "数値・タプル・True・False・None・単語だけです。",
    ),
    "layers.unknown_close": (
        "There is no layer named {name}: did you mean {close}?",
        "{name} というレイヤーはありません。{close} のことですか？",
    ),
    "layers.unknown": (
        "There is no layer named {name}: use one of {names}.",
        "{name} というレイヤーはありません。使えるのは {names} です。",
    ),
    "layers.argument_close": (
        "{layer} has no argument {argument}: did you mean {close}? It accepts {accepted}.",
        "{layer} に {argument} という引数はありません。"
        "{close} のことですか？使えるのは {accepted} です。",
    ),
    "layers.argument": (
        "{layer} has no argument {argument}: it accepts {accepted}.{close}",
        "{layer} に {argument} という引数はありません。使えるのは {accepted} です。{close}",
    ),
    "layers.arity": (
        "{layer} was given {given}: it needs {needed} and accepts {accepted}.",
        "{layer} に渡した引数が合いません（{given}）。必要なのは {needed}、"
        "使えるのは {accepted} です。",
    ),
    "count.argument": ("{n} argument|{n} arguments", "{n} 個"),
    "layers.refused": (
        "{layer} is not possible ({why}): change that argument.",
        "{layer} は作れません（{why}）。その引数を直してください。",
    ),
    "layers.huge": (
        "{layer} would have {weights} weights, more than the limit of {limit}: "
        "use fewer channels or a smaller kernel.",
        "{layer} の重みは {weights} 個になり、上限の {limit} 個を超えます。"
        "チャンネル数かカーネルを小さくしてください。",
    ),
    "layers.infer": (
        "In {layer}, _ stands where no number of channels can: "
        "use it for in_channels only, as in Conv2d(_, 8, 3).",
        "{layer} の _ はチャンネル数を入れられない位置にあります。"
        "Conv2d(_, 8, 3) のように in_channels にだけ使えます。",
    ),
    "fit.channels_photo": (
        "{layer} expects {expected}, but {name} has {got} ({kind}): "
        "write in_channels={number}, or _ to have it filled in.",
        "{layer} の入力は {expected}のはずですが、{name} は {got}（{kind}）です。"
        "in_channels を {number} にするか、_ と書いて自動で決めさせてください。",
    ),
    "fit.channels_layer": (
        "{layer} expects {expected}, but {before} gives {got}: "
        "write in_channels={number}, or _ to have it filled in.",
        "{layer} の入力は {expected}のはずですが、手前の {before} の出力は {got}です。"
        "in_channels を {number} にするか、_ と書いて自動で決めさせてください。",
    ),
    "fit.window": (
        "The {extent} window of {layer} does not fit into {room} (h×w, padding included): "
        "use a kernel of at most {room}, more padding or a larger picture.",
        "{layer} の {extent} の窓は、パディング込みで {room}（高さ×幅）の入力に入りません。"
        "カーネルを {room} 以下にするか、パディングを増やすか、大きな画像を使ってください。",
    ),
    "fit.huge": (
        "{layer} would give {shape} = {values} values, more than the limit of {limit}: "
        "use fewer channels, a larger stride or a smaller picture.",
        "{layer} の出力は {shape} = {values} 個の値になり、上限の {limit} 個を超えます。"
        "チャンネル数を減らすか、ストライドを大きくするか、小さな画像を使ってください。",
    ),
    "fit.empty": (
        "{layer} would have no output channels: use out_channels=1 or more.",
        "{layer} には出力チャンネルがありません。out_channels を 1 以上にしてください。",
    ),
    "fit.flat": (
        "{layer} needs a picture, but {shape} comes in: put it before Flatten.",
        "{layer} には画像が必要ですが、入ってくるのは {shape} です。"
        "Flatten より前に置いてください。",
    ),
    "fit.bins": (
        "{layer} makes bins of different sizes of {shape}, which cannot be looked at: "
        "choose an output_size that divides it.",
        "{layer} は {shape} を大きさの違う区画に分けるため、表示できません。"
        "割り切れる output_size を選んでください。",
    ),
    "fit.refused": (
        "{layer} does not fit an input of {shape}: {why}",
        "{layer} は {shape} の入力に合いません：{why}",
    ),
    "filters.unknown": (
        "There is no kernel named {name}: use one of {names}.",
        "{name} という名前のカーネルはありません。使えるのは {names} です。",
    ),
    "filters.layer": (
        "{layer} cannot hold {what}: it needs kernel_size={kernel}, out_channels={out} and "
        'groups=1, as in "{example}".',
        "{layer} には{what}を入れられません。kernel_size={kernel}、out_channels={out}、groups=1 が"
        '必要です（例："{example}"）。',
    ),
    "filters.first": (
        "Weights were given but {layer} has none: start LAYERS with a Conv2d.",
        "重みが指定されましたが、{layer} は重みを持ちません。LAYERS を Conv2d で始めてください。",
    ),
    "filters.named": ("the named kernels", "名前付きカーネル"),
    "filters.own": ("the matrices of --weight", " --weight の行列"),
    "filters.both": (
        "--kernel and --weight both set the weights: keep one of them.",
        "--kernel と --weight はどちらも重みを決めます。片方だけにしてください。",
    ),
    "matrix.cell": (
        "{option}: {cell!r} is not a number; write a matrix as {option} '1 2; 3 4'.",
        "{option}: {cell!r} は数値ではありません。"
        "行列は {option} '1 2; 3 4' のように書いてください。",
    ),
    "matrix.empty": (
        "{option}: a row is empty; write a matrix as {option} '1 2; 3 4'.",
        "{option}: 空の行があります。行列は {option} '1 2; 3 4' のように書いてください。",
    ),
    "matrix.ragged": (
        "{option}: the rows differ in length ({lengths}): give every row and channel the same.",
        "{option}: 行の長さがそろっていません（{lengths}）。"
        "どの行・チャンネルも同じ長さにしてください。",
    ),
    "matrix.huge": (
        "{option} has more than {limit} numbers: give a photo instead.",
        "{option} の数値が {limit} 個を超えています。代わりに写真を渡してください。",
    ),
    "matrix.channels": (
        "--weight has {got} but the input has {expected}: "
        "separate the matrix of each channel with |, or give one matrix for all.",
        "--weight は {got}ですが、入力は {expected}です。"
        "チャンネルごとの行列を | で区切るか、全チャンネル共通の行列を 1 つ書いてください。",
    ),
    "matrix.sizes": (
        "The matrices given with --weight differ in size ({sizes}): make them all alike.",
        "--weight の行列の大きさがそろっていません（{sizes}）。すべて同じ大きさにしてください。",
    ),
    "matrix.bias": (
        "--bias has {got}, but there are {expected}: give one number, or one for each.",
        "--bias の数値は {got}ですが、{expected}あります。1 個だけ、"
        "または出力チャンネルと同じ数にしてください。",
    ),
    "options.bias": (
        "--bias belongs to --weight or --kernel: add one of them.",
        "--bias は --weight か --kernel と一緒に使います。どちらかを加えてください。",
    ),
    "options.input_photo": (
        "Both a photo and --input were given: keep one of them.",
        "写真と --input の両方が指定されました。片方だけにしてください。",
    ),
    "options.layers_twice": (
        "The layers were given twice ({first!r} and {second!r}): keep one of them.",
        "レイヤーが 2 回指定されました（{first!r} と {second!r}）。片方だけにしてください。",
    ),
    "options.seed": (
        "--seed {seed} is out of range: use a whole number from 0 to {limit}.",
        "--seed {seed} は範囲外です。0 から {limit} までの整数にしてください。",
    ),
    "options.max_pixels": (
        "--max-pixels {value} leaves nothing to look at: use 1 or more.",
        "--max-pixels {value} では何も見られません。1 以上にしてください。",
    ),
    "options.lang": (
        "--lang {value} is not available: use ja or en.",
        "--lang {value} には対応していません。ja か en を指定してください。",
    ),
    "size.format": (
        "{text!r} is not a size: write height×width as 600x1500, or one number for a square.",
        "{text!r} は大きさとして読めません。高さ×幅を 600x1500 のように書くか、"
        "正方形なら数値を 1 つ書いてください。",
    ),
    "size.range": (
        "{text!r} is out of range: each side must be from 1 to {limit}.",
        "{text!r} は範囲外です。各辺は 1 から {limit} までにしてください。",
    ),
    "folder.foreign": (
        "{path} exists and was not made by tatamu look: choose another folder with --out.",
        "{path} は既にあり、tatamu look が作ったものではありません。"
        "--out で別のフォルダーを指定してください。",
    ),
    "folder.unwritable": (
        "{path} cannot be written ({why}): choose another folder with --out.",
        "{path} に書き込めません（{why}）。--out で別のフォルダーを指定してください。",
    ),
    "usage.option_close": (
        "There is no option {name}: did you mean {close}?",
        "{name} というオプションはありません。{close} のことですか？",
    ),
    "usage.option": (
        "There is no option {name}: {command} --help lists them all.",
        "{name} というオプションはありません。一覧は {command} --help で見られます。",
    ),
    "usage.value": (
        "{name} needs a value after it: {command} --help shows how to write it.",
        "{name} には値が必要です。書き方は {command} --help で見られます。",
    ),
    "usage.flag": (
        "{name} takes no value: write it on its own.",
        "{name} は値を取りません。そのまま {name} とだけ書いてください。",
    ),
    "usage.number": (
        "{name} takes a whole number: write it as in {name} {default}.",
        "{name} の値は整数です。{name} {default} のように書いてください。",
    ),
    "usage.missing": (
        "{command} needs {name}: write it as in {example}",
        "{command} には {name} が必要です。次のように書いてください：{example}",
    ),
    "usage.extra": (
        "{command} has no use for {extra}: put quotes round a text that has spaces in it.",
        "{command} に余分な引数があります：{extra}。空白を含む文字列は引用符で囲んでください。",
    ),
    "usage.command": (
        "There is no command {name}: did you mean tatamu {close}?",
        "{name} というコマンドはありません。tatamu {close} のことですか？",
    ),
    "usage.other": (
        "{command} cannot be run like this ({why}): see {command} --help.",
        "{command} をこの形では実行できません（{why}）。{command} --help を見てください。",
    ),
    "memory": (
        "There is not enough memory for this: use a smaller picture or fewer channels.",
        "メモリーが足りません。画像を小さくするか、チャンネル数を減らしてください。",
    ),
}
