"""What the report of a script's layer calls says."""

TEXTS: dict[str, tuple[str, str]] = {
    "script.brand": ("tatamu run --look", "tatamu run --look"),
    "script.title": ("What the layers of {name} did", "{name} のレイヤーの働き"),
    "script.head": ("{calls} at {lines} of {name}", "{name}：{lines}で{calls}"),
    "count.layer_call": ("{n} layer call|{n} layer calls", "{n} 回のレイヤー呼び出し"),
    "count.script_line": ("{n} line|{n} lines", "{n} 行"),
    "script.meta": (
        "Each call is shown in the order it was made, the first {limit} of each layer at each "
        "line, {shown} in all.",
        "呼び出し順に、各行・各レイヤーの最初の {limit} 回まで、合計 {shown} 件を示します。",
    ),
    "script.scale": (
        "One picture per channel of the first sample. Black is zero, orange positive, blue "
        "negative; ± says where the colours end.",
        "最初のサンプルをチャンネルごとに 1 枚で示します。黒が 0、橙が正、青が負で、"
        "± は色の端の値です。",
    ),
    "script.lines": ("Lines that call layers", "レイヤーを呼ぶ行"),
    "script.column.line": ("line", "行"),
    "script.column.code": ("code", "コード"),
    "script.column.layer": ("layer", "レイヤー"),
    "script.column.sizes": ("input → output", "入力 → 出力"),
    "script.column.calls": ("calls", "回数"),
    "script.more": ("and {n} more", "ほか {n} 個"),
    "script.input": ("input", "入力"),
    "script.output": ("output", "出力"),
    "script.place": ("line {line}", "{line} 行目"),
    "script.place.file": ("{file}, line {line}", "{file} の {line} 行目"),
    "script.channels": ("channels 0 to {last} of {count}", "{count} チャンネルのうち 0〜{last}"),
    "script.rows": ("the first {rows} rows of {count}", "{count} 行のうち最初の {rows} 行"),
    "script.no_picture": (
        "Nothing of this shape can be drawn.",
        "この形は図にできません。",
    ),
    "script.why": ("why this size", "なぜこの大きさになるか"),
    "script.weights": ("weights {formula}", "重み {formula}"),
    "script.kernel": ("kernel {kernel}", "実行 {kernel}"),
    "script.failed": (
        "It raised an error before it had an output.",
        "出力の前にエラーになりました。",
    ),
    "script.alt": ("{what}, channel {channel}", "{what}、チャンネル {channel}"),
    "script.photo": ("channels as colours", "3 チャンネルを色で"),
}
