"""What `tatamu look --model` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.network.model": (
        "A whole network instead of layers: one of tatamu models, digits, or my_net.py:Net.",
        "レイヤーの代わりにネットワーク全体：tatamu models のもの、digits、my_net.py:Net。",
    ),
    "help.network.weights": (
        "With --model: a checkpoint to load, or 'random'.",
        "--model と併用：読み込むチェックポイント、または 'random'。",
    ),
    "help.network.gradients": (
        "With --model: how strong the gradient of the answer is at each layer.",
        "--model と併用：答えの勾配が各レイヤーでどれほどの強さかを調べます。",
    ),
    "network.class": ("class {index}", "クラス {index}"),
    "network.refused": (
        "{name} does not take this picture: {why}",
        "{name} はこの画像を受け付けません：{why}",
    ),
    "network.weights.missing": (
        "The weights of {name} are not on this machine. {ways} brings them; --weights random does "
        "without.",
        "{name} の重みがこのマシンにありません。{ways} で入ります。--weights random なら、なくて"
        "も動"
        "きます。",
    ),
    "network.weights.misfit": (
        "{path} does not fit this network: {why}",
        "{path} はこのネットワークに合いません：{why}",
    ),
    "network.weights.published": ("published weights", "公開されている学習済みの重み"),
    "network.weights.digits": ("the weights that come with tatamu", "tatamu 付属の学習済みの重み"),
    "network.weights.file": ("weights of a checkpoint", "チェックポイントの重み"),
    "network.weights.random": (
        "random weights: the answer means nothing, the arithmetic is real",
        "乱数の重み（答えに意味はありませんが、計算は本物です）",
    ),
    "network.wait.load": ("loading {name}", "{name} を読み込み中"),
    "network.wait.run": ("{name} at work, layer by layer", "{name} を 1 層ずつ記録中"),
    "network.option": (
        "{option} goes with --model, which names a whole network.",
        "{option} は、ネットワークを指定する --model と併せて使います。",
    ),
    "network.layers": (
        "--model shows a whole network: leave the layers out.",
        "--model はネットワーク全体を表示します。レイヤーは指定しないでください。",
    ),
    "network.title": ("{title} looks at {name}", "{title} が見た {name}"),
    "network.sentence": (
        "{title} looks at {name}: {answer}",
        "{title} は {name} を「{answer}」と見た",
    ),
    "network.sentence.plain": ("{title} at work on {name}", "{name} に対する {title} の働き"),
    "network.meta": (
        "{rows} rows, {parameters} parameters, {work} mult-adds, {time}, {weights}",
        "{rows} 行、パラメーター {parameters}、積和 {work}、{time}、{weights}",
    ),
    "network.answer": ("The answer", "答え"),
    "network.saw": ("What it was given: {width}×{height}", "入力された画像：{width}×{height}"),
    "network.cam": (
        "Where it looked for “{name}” (Grad-CAM at {layer}): from 0, dark, to {most}, light",
        "「{name}」の根拠になった場所（{layer} での Grad-CAM）：0（暗）から {most}（明）まで",
    ),
    "network.river": ("The way through", "流れ"),
    "network.river.text": (
        "Each row is a stage. The band is as wide as there are channels and as high as the picture "
        "is large (both logarithmic); lines at the left are skips. Beside it its four strongest "
        "maps, blue negative and orange positive; what part of the photo its middle pixel depends "
        "on; its share of the time and of the memory. A row opens.",
        "1 行が 1 段階です。帯の幅はチャンネル数、高さは画像の大きさを表し（どちらも対数）、左の"
        "線はスキ"
        "ップ接続です。その横に、最も強い 4 つのマップ（青は負、橙は正）、中央の画素が依存する写"
        "真の範"
        "囲、時間とメモリーの割合を示します。行を押すと詳しく表示されます。",
    ),
    "network.time": ("time", "時間"),
    "network.memory": ("memory", "メモリー"),
    "network.sees": ("sees {height}×{width}", "見る範囲 {height}×{width}"),
    "network.whole": ("sees everything", "全体を見る"),
    "network.setting": ("layer", "レイヤー"),
    "network.inputs": ("inputs", "入力"),
    "network.input": ("the picture", "元の画像"),
    "network.line": ("called at", "呼び出し元"),
    "network.values": ("values", "値"),
    "network.values.text": (
        "{low} to {high}, mean {mean}; {zero} zero, {negative} negative",
        "{low} ～ {high}、平均 {mean}、ゼロ {zero}、負 {negative}",
    ),
    "network.histogram": ("histogram", "ヒストグラム"),
    "network.parameters": ("parameters", "パラメーター"),
    "network.work": ("mult-adds", "積和"),
    "network.kernel": ("kernel", "使われた演算"),
    "network.speed": (
        "{gflops} GFLOP/s, {share} of the peak",
        "{gflops} GFLOP/s（上限の {share}）",
    ),
    "network.gradient": ("gradient", "勾配"),
    "network.gradient.text": (
        "mean size {size} of the answer's",
        "答えの勾配の平均の大きさ {size}",
    ),
    "network.table": ("Against the machine", "マシンの限界との比較"),
    "network.table.text": (
        "Measured here: {peak} GFLOP/s of multiply-adds and {memory} GB/s of memory, with "
        "{threads}. A stage under the slope waits for memory, one under the flat line for "
        "arithmetic; above the line only kernels that need fewer multiplications can be.",
        "このマシンでの実測値：積和 {peak} GFLOP/s、メモリー {memory} GB/s（{threads}）。斜線の下"
        "の段階"
        "はメモリー待ち、水平線の下の段階は演算待ちです。線を上回れるのは、乗算の回数を減らす演算"
        "だけ"
        "です。",
    ),
    "network.stage": ("stage", "段階"),
    "network.output": ("output", "出力"),
    "network.ms": ("ms", "ミリ秒"),
    "network.share": ("of the time", "時間の割合"),
    "network.gflops": ("GFLOP/s", "GFLOP/秒"),
    "network.bandwidth": ("GB/s", "GB/秒"),
    "network.intensity": ("FLOP per byte", "1 バイトあたりの FLOP"),
    "network.guess": ("{percent} %  {name}", "{percent} %　{name}"),
    "network.left": (
        "Of {count} only some maps were kept, to stay within {limit} MB.",
        "メモリーを {limit} MB に収めるため、{count}では一部のマップだけを残しています。",
    ),
    "count.row": ("{n} row|{n} rows", "{n} 行"),
    "network.lanes": (
        "{count} more skips than can be drawn.",
        "ほかに {count} 本のスキップ接続があります。",
    ),
}
