"""What `tatamu compare` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.compare": (
        "Show what several layers do to one photo, side by side.",
        "同じ写真に対する複数のレイヤーの働きを、並べて表示します。",
    ),
    "help.compare.given": (
        "A photo file (without one, the cat), then two layers or chains of layers, or more.",
        "写真ファイル（省くと猫の写真）に続けて、レイヤーまたはその並びを 2 つ以上。",
    ),
    "help.compare.channel": (
        "Which output channel to compare; the strongest of the first without it.",
        "比べる出力チャンネル。省くと、先頭のレイヤーで最も強いものになります。",
    ),
    "compare.few": (
        'compare needs two layers or more, such as "Conv2d(3, 8, 3)" "Conv2d(3, 8, 5)".',
        'compare にはレイヤーが 2 つ以上必要です。例："Conv2d(3, 8, 3)" "Conv2d(3, 8, 5)"',
    ),
    "compare.many": (
        "{count} are too many to look at: compare at most {limit}.",
        "{count} 個は多すぎます。一度に比べられるのは {limit} 個までです。",
    ),
    "compare.flat": (
        "{layers} ends in {shape}, which is no picture.",
        "{layers} の出力 {shape} は画像ではありません。",
    ),
    "compare.channel": (
        "--channel {channel}: {layers} gives {count}, numbered from 0.",
        "--channel {channel}：{layers} の出力は{count}で、番号は 0 からです。",
    ),
    "compare.title": ("{name}: {count} side by side", "{name}：{count}を並べて比較"),
    "compare.sentence": ("{count} and one photo, {name}", "1 枚の写真 {name} と、{count}"),
    "count.way": ("{n} way|{n} ways", "{n} 通り"),
    "compare.layers": ("layers", "レイヤー"),
    "compare.output": ("output", "出力"),
    "compare.weights": ("weights", "重み"),
    "compare.work": ("mult-adds", "積和"),
    "compare.time": ("time", "時間"),
    "compare.kernel": ("kernel that ran", "使われた演算"),
    "compare.difference": ("differs from 1", "1 との差"),
    "compare.same": ("not at all", "なし"),
    "compare.by": ("at most {value}", "最大 {value}"),
    "compare.sizes": ("another size", "大きさが異なる"),
    "compare.scale": (
        "Channel {channel} of each, all on one scale from {low} to {high}: blue is negative, black "
        "zero, orange positive.",
        "それぞれのチャンネル {channel} を、{low} から {high} までの同じ尺度で示します。青は負、黒"
        "はゼロ、橙は正です。",
    ),
    "compare.seed": (
        "Each was given its weights from seed {seed}: where weights have one shape they are the "
        "same numbers, and only what was written differently differs.",
        "重みはどれもシード {seed} から作られています。形が同じ重みは同じ数値なので、違いは書き方を"
        "変えた箇所だけから生じます。",
    ),
    "compare.differences": ("The differences", "差"),
    "compare.minus": ("{number} minus 1", "{number} から 1 を引いた差"),
    "compare.minus.text": (
        "Differences from the first, where sizes agree, on the same scale.",
        "大きさが同じものについて、先頭との差を同じ尺度で示します。",
    ),
    "compare.table": ("The figures", "数値"),
    "compare.maps": ("The maps", "マップ"),
    "compare.photo": ("The photo", "写真"),
    "compare.written": ("wrote {path}", "{path} に書き出しました"),
    "compare.wait": ("{number}/{count}  {layers}", "{number}/{count}　{layers}"),
}
