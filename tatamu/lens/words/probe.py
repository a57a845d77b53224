"""What the account of one output value says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.at": (
        "Work out the output value at this row and column (counted from 0) of the last layer that "
        "has maps.",
        "特徴マップを出力する最後のレイヤーの、この行と列（0 から数える）の値の計算を示します。",
    ),
    "help.at.channel": (
        "The output channel of that value; without --at, its value farthest from the mean.",
        "その値の出力チャンネル。--at がなければ、平均から最も離れた値を選びます。",
    ),
    "probe.at": (
        "--at {text!r}: write a row and a column, as in --at 12,40.",
        "--at {text!r}：行と列を --at 12,40 のように書いてください。",
    ),
    "probe.outside": (
        "--at {row},{column}: {layer} gives {height} rows and {width} columns, counted from 0, so "
        "{last} is the last.",
        "--at {row},{column}：{layer} の出力は {height} 行 {width} 列です。0 から数えるので、最後は"
        " {last} です。",
    ),
    "probe.channel": (
        "--channel {channel}: {layer} gives {count}, counted from 0, so {last} is the last.",
        "--channel {channel}：{layer} の出力は{count}です。0 から数えるので、最後は {last} です。",
    ),
    "probe.none": (
        "--at and --channel need a layer with feature maps; {layers} has none.",
        "--at と --channel には特徴マップを出力するレイヤーが必要です（{layers} にはありません）。",
    ),
    "report.worked.scatter": (
        "Every input pixel stamps the kernel, times its value, onto the output. On this output of "
        "channel {channel} fell {count}, one from each pixel below with the kernel's weight that "
        "met it; they are added up.",
        "入力の各画素は、値を掛けたカーネルを出力に足し込みます。チャンネル {channel} のこの出力に"
        "重なったのは{count}で、下の各画素とそこに当たったカーネルの重みの積です。これらを合計し"
        "ます。",
    ),
    "report.worked.norm": (
        "The values of the window are raised to the power {power}, added up, and the root of that "
        "degree is taken.",
        "窓の中の値を {power} 乗して合計し、その {power} 乗根をとります。",
    ),
    "count.contribution": ("{n} contribution|{n} contributions", "{n} 個の値"),
    "report.worked.products": ("products", "積"),
    "report.worked.window": ("window", "窓"),
    "report.worked.pixels": ("pixels", "画素"),
    "report.worked.weights": ("their weights", "対応する重み"),
    "report.worked.alone": (
        "No pixel's stamp reaches this output: only the bias is left.",
        "この出力にはどの画素のカーネルも届かず、バイアスだけが残ります。",
    ),
    "report.worked.bare": (
        "No pixel's stamp reaches this output, and there is no bias: it is 0.",
        "この出力にはどの画素のカーネルも届かず、バイアスもないため 0 です。",
    ),
    "report.worked.checked": (
        "The layer itself, in float32, gave {output}: {apart} away, and rounding may make it up to "
        "{tolerance}.",
        "レイヤー自身の出力（float32）は {output} です。差は {apart} で、丸め誤差として許される "
        "{tolerance} 以内です。",
    ),
    "report.worked.exact": (
        "The layer itself gave {output}: the same.",
        "レイヤー自身の出力は {output} で、完全に一致します。",
    ),
    "report.worked.differs": (
        "The layer itself, in float32, gave {output}: {apart} away, more than the {tolerance} that "
        "rounding may make.",
        "レイヤー自身の出力（float32）は {output} です。差は {apart} で、丸め誤差として許される "
        "{tolerance} を超えています。",
    ),
    "probe.title": (
        "One number, worked: channel {channel}, row {row}, column {column}",
        "1 つの値を手で計算する：チャンネル {channel}、{row} 行 {column} 列",
    ),
    "probe.reads": (
        "reads rows {rows} and columns {columns} of its input",
        "入力の {rows} 行、{columns} 列を読む",
    ),
    "probe.padding": (
        "[ ]: padding, outside the input",
        "[ ]：入力の外（パディング）",
    ),
    "probe.winner": (
        "the largest lies at row {row}, column {column} of the input",
        "最大の値は入力の {row} 行 {column} 列にある",
    ),
}
