"""What `tatamu bench` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.bench": (
        "Compare a network's speed in tatamu and in every other CPU runtime that is installed.",
        "ネットワークの速さを、tatamu と、ほかに入っている CPU ランタイムとで比べます。",
    ),
    "help.bench.model": (
        "A network of tatamu models, or my_net.py:Net, written for torch.",
        "tatamu models にあるネットワーク、または torch 向けに書かれた my_net.py:Net。",
    ),
    "help.bench.weights": (
        "A checkpoint to load; without one, weights are drawn from a seed.",
        "読み込むチェックポイント。指定しなければ、重みは乱数で決めます。",
    ),
    "help.bench.input": ("Shape of the input, batch first.", "入力の形状（バッチが先頭）。"),
    "help.bench.python": (
        "Python of the environment in which the other runtimes are installed.",
        "ほかのランタイムが入っている環境の Python。",
    ),
    "help.bench.runtime": (
        "Only these runtimes: torch, onnxruntime, openvino, mnn, ncnn.",
        "比べるランタイムを限定します：torch、onnxruntime、openvino、mnn、ncnn。",
    ),
    "help.bench.threads": ("Threads of each runtime.", "各ランタイムのスレッド数。"),
    "help.bench.rounds": ("Turns that each takes.", "交代で測る回数。"),
    "help.bench.seconds": ("Seconds of one turn.", "1 回に測る秒数。"),
    "help.bench.callers": (
        "Measure several callers at once, too: 1,2,4.",
        "同時に呼び出す数を変えた測定も行います：1,2,4。",
    ),
    "count.thread": ("{n} thread|{n} threads", "スレッド {n} 本"),
    "bench.heading": (
        "{name}, input {shape}, {threads}, {cpu}",
        "{name}、入力 {shape}、{threads}、{cpu}",
    ),
    "bench.runtime": ("runtime", "ランタイム"),
    "bench.version": ("version", "バージョン"),
    "bench.settings": ("settings", "設定"),
    "bench.median": ("median ms", "中央値 ms"),
    "bench.p99": ("p99 ms", "99 % 点 ms"),
    "bench.ratio": ("tatamu is", "tatamu の速さ"),
    "bench.times": ("{ratio}x", "{ratio} 倍"),
    "bench.error": ("worst error", "最大誤差"),
    "bench.memory": ("peak MiB", "最大 MiB"),
    "bench.load": ("load s", "読み込み 秒"),
    "bench.callers": (
        "{count} at once: {rate} pictures a second, p99 {p99} ms",
        "同時 {count}：毎秒 {rate} 枚、p99 {p99} ms",
    ),
    "bench.note": (
        "Turns alternate, with a pause before each. Errors are against float64, relative to the "
        "largest output. These are this machine's figures, today's.",
        "順番に交代し、毎回の前に休みを入れて測っています。誤差は float64 の結果との差を、出力の"
        "最大値で割ったものです。数値はこのマシンの、いまのものです。",
    ),
    "bench.lost": ("Faster than tatamu here: {names}.", "ここでは {names} のほうが高速です。"),
    "bench.missing": ("left out: {name}: {why}", "対象外：{name}（{why}）"),
    "bench.load.wait": ("loading {name}", "{name} を準備中"),
    "bench.round.wait": ("measuring {name}", "{name} を測定中"),
    "bench.callers.wait": ("several callers: {name}", "同時呼び出し：{name}"),
    "bench.alone": (
        "No other runtime is installed there: pip install onnxruntime, openvino, MNN or ncnn, or "
        "name their Python with --python.",
        "ほかのランタイムが見つかりません。onnxruntime、openvino、MNN、ncnn のいずれかを pip で入"
        "れるか、それらが入った Python を --python で指定してください。",
    ),
    "bench.model": (
        "No network is called {name!r}; tatamu models lists them, my_net.py:Net names your own.",
        "{name!r} というネットワークはありません。tatamu models で一覧を表示できます。自作のものは "
        "my_net.py:Net のように指定します。",
    ),
    "bench.unknown": (
        "--runtime: {name!r} is none of {names}.",
        "--runtime：{name!r} は {names} のいずれでもありません。",
    ),
    "bench.numbers": (
        "--callers: {text!r} is no list of numbers from 1 to 64, such as 1,2,4.",
        "--callers：{text!r} は 1～64 の数の並び（例：1,2,4）ではありません。",
    ),
    "bench.failed": (
        "{name} cannot be compared: {why}",
        "{name} は比べられません：{why}",
    ),
}
