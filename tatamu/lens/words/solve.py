"""What `tatamu solve` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.solve": (
        "List the layers that lead from one size to another.",
        "ある大きさを別の大きさに変えるレイヤーを一覧にします。",
    ),
    "help.solve.before": (
        "Size that goes in: 224 or 600x1500.",
        "入力の大きさ：224、600x1500 など。",
    ),
    "help.solve.after": ("Size that is to come out.", "出力したい大きさ。"),
    "help.solve.transposed": (
        "Transposed convolutions instead of convolutions.",
        "畳み込みの代わりに転置畳み込みを探します。",
    ),
    "help.solve.pool": (
        "Pooling instead of convolutions.",
        "畳み込みの代わりにプーリングを探します。",
    ),
    "help.solve.kernel": ("Largest kernel to try.", "調べるカーネルの上限。"),
    "help.solve.dilation": ("Largest dilation to try.", "調べる膨張の上限。"),
    "help.solve.rows": ("How many to show.", "表示する件数。"),
    "solve.heading": ("{before} to {after} (h×w)", "{before} から {after} へ（高さ×幅）"),
    "solve.kernel": ("kernel", "カーネル"),
    "solve.stride": ("stride", "ストライド"),
    "solve.padding": ("padding", "パディング"),
    "solve.dilation": ("dilation", "膨張"),
    "solve.first": ("The first one's arithmetic:", "先頭の設定の計算："),
    "solve.left": (
        "{count} more: --rows {rows} shows all.",
        "ほかに {count} 件あります。--rows {rows} ですべて表示します。",
    ),
    "solve.limits": (
        "Kernels up to {kernel} and dilations up to {dilation} were tried.",
        "カーネルは {kernel} まで、膨張は {dilation} まで調べました。",
    ),
    "solve.nothing": (
        "No such layer has a kernel up to {kernel} and a dilation up to {dilation}.",
        "カーネル {kernel} 以下、膨張 {dilation} 以下では、そうなるレイヤーはありません。",
    ),
    "solve.or": (" or ", " または "),
    "solve.nearest": (
        "{axis}: {size} can become {near}.",
        "{axis}：{size} からは {near} にできます。",
    ),
    "solve.larger": (
        "{axis}: with a larger kernel, {layer} does it.",
        "{axis}：カーネルを大きくすれば {layer} で実現できます。",
    ),
    "solve.limit": (
        "{option} {value}: give a number from 1 to {most}.",
        "{option} {value}：1 から {most} までの数を指定してください。",
    ),
    "solve.both": (
        "--transposed and --pool cannot go together.",
        "--transposed と --pool は同時に指定できません。",
    ),
}
