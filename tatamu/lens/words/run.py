"""What `tatamu run` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.run": (
        "Run a script or a notebook written for PyTorch as it stands, without PyTorch: "
        "import torch and import torchvision give it tatamu. "
        "What follows SCRIPT is the script's own, except --look.",
        "PyTorch 用のスクリプトやノートブックを、PyTorch なしでそのまま実行します。"
        "import torch や import torchvision では tatamu が使われます。"
        "SCRIPT より後ろの引数は、--look を除いてスクリプトに渡されます。",
    ),
    "help.run.script": (
        "A .py file, a notebook (.ipynb), a folder with __main__.py, or - for standard input; "
        "then the script's own arguments.",
        ".py ファイル、ノートブック（.ipynb）、__main__.py のあるフォルダー、"
        "または標準入力を表す -。その後ろはスクリプトの引数です。",
    ),
    "help.run.module": (
        "Run a module, as python -m does.",
        "python -m と同じく、モジュールを実行します。",
    ),
    "help.run.code": ("Run code, as python -c does.", "python -c と同じく、コードを実行します。"),
    "help.run.verbose": (
        "Say what stands behind the names, and show all frames of tracebacks.",
        "名前の実体を表示し、トレースバックもすべて表示します。",
    ),
    "help.run.figures": (
        "Folder into which plt.show() saves the figures as PNG files.",
        "plt.show() の図を PNG で保存するフォルダー。",
    ),
    "help.run.out": (
        "Write the notebook with its outputs to this file.",
        "出力付きのノートブックをこのファイルに書き出します。",
    ),
    "help.run.look": (
        "Write a report of every layer call of the script, at its line, with its pictures; "
        "also after SCRIPT, as --look or --look=REPORT.html.",
        "スクリプトが呼んだレイヤーを、行ごとに図付きでレポートに書き出します。"
        "SCRIPT の後ろに --look や --look=REPORT.html と書くこともできます。",
    ),
    "help.run.look_limit": (
        "At most so many calls of each line are shown.",
        "1 行につき表示する呼び出しの上限。",
    ),
    "run.nothing": (
        "tatamu run needs a script, for example: tatamu run train.py",
        "tatamu run には実行するスクリプトが必要です。例：tatamu run train.py",
    ),
    "run.file": ("{path} cannot be opened: {why}.", "{path} を開けません：{why}。"),
    "run.module": ("There is no module {name}.", "モジュール {name} が見つかりません。"),
    "run.only_notebook": (
        "--out is for notebooks (.ipynb).",
        "--out はノートブック（.ipynb）専用です。",
    ),
    "run.interrupted": ("stopped at {where}", "{where} で中断しました"),
    "run.verbose": (
        "tatamu {version}: {served} are tatamu's in this process.",
        "tatamu {version}：このプロセスでは {served} が tatamu を指します。",
    ),
    "run.verbose.torch": (
        "{name} is installed in {place}, and is not used.",
        "{name} は {place} にもありますが、使いません。",
    ),
    "run.missing.name": (
        "tatamu has no {module}.{name}",
        "tatamu に {module}.{name} はありません",
    ),
    "run.missing.close": ("what there is: {close}", "似た名前：{close}"),
    "run.missing.module": (
        "tatamu has no {name}; what there is: {close}",
        "tatamu に {name} はありません。使えるもの：{close}",
    ),
    "run.missing.library": (
        "tatamu stands for {served}, and not for {name}",
        "tatamu が代わりを務めるのは {served} で、{name} は含まれません",
    ),
    "run.figure": ("figure saved: {path}", "図を保存しました：{path}"),
    "run.figures.none": (
        "There is no display, so plt.show() shows nothing; --figures DIR saves the figures.",
        "画面がないため plt.show() は何も表示しません。--figures DIR を付けると図を保存します。",
    ),
    "run.skipped": (
        "cell {cell}, line {line}: skipped {text}",
        "セル {cell} の {line} 行目：{text} は実行しません",
    ),
    "run.skipped.cell": (
        "cell {cell}: skipped, it begins with {text}",
        "セル {cell}：{text} で始まるので実行しません",
    ),
    "run.notebook.broken": (
        "{path} is no notebook: {why}.",
        "{path} はノートブックではありません：{why}。",
    ),
    "run.written": ("→ {path}", "→ {path}"),
    "run.look.nothing": (
        "The script called no layer, so there is nothing to report.",
        "レイヤーが一度も呼ばれなかったので、レポートはありません。",
    ),
}
