"""What `tatamu summary` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.summary": (
        "Print a network's layers with their sizes, parameters and mult-adds, as torchinfo does.",
        "各レイヤーの大きさ・パラメーター数・積和の回数を torchinfo と同じ表にします。",
    ),
    "help.summary.model": (
        "my_net.py:Net or package.module:Net (a class, a function or a model; with arguments as in "
        "my_net.py:Net(10)), layers as a text, or the name of a model such as vgg16.",
        "my_net.py:Net や package.module:Net（クラス・関数・モデル。引数は my_net.py:Net(10) の"
        "ように書く）、レイヤーの記述、または vgg16 などのモデル名。",
    ),
    "help.summary.input": (
        "Size of an input with its batch, such as 1x3x224x224, or with a dtype 2x10:int64; once "
        "for each input. Without it the network is not run.",
        "バッチも含めた入力の大きさ（例：1x3x224x224）。dtype は 2x10:int64 のように付けます。"
        "入力の数だけ繰り返せます。省くとネットワークを動かしません。",
    ),
    "help.summary.columns": (
        "Columns, joined by commas: {columns}, or all.",
        "表の列をコンマ区切りで指定します：{columns}、または all。",
    ),
    "help.summary.rows": (
        "How rows are written, joined by commas: {rows}.",
        "行の書き方をコンマ区切りで指定します：{rows}。",
    ),
    "help.summary.depth": ("How deep the rows go.", "表示する階層の深さ。"),
    "help.summary.width": ("Characters of each column.", "列の幅（文字数）。"),
    "help.summary.params": (
        "Show each layer's parameters, too.",
        "各レイヤーのパラメーターも表示します。",
    ),
    "help.summary.train": (
        "Run the network in training mode.",
        "学習モードで動かします。",
    ),
    "summary.stopped": (
        "error: the network stopped half way",
        "エラー：ネットワークは途中で止まりました",
    ),
    "summary.input": (
        "{text!r} is no size of an input: write it with its batch, as in 1x3x224x224.",
        "{text!r} は入力の大きさとして読めません。"
        "1x3x224x224 のようにバッチも含めて書いてください。",
    ),
    "summary.dtype": (
        "{name!r} is no dtype: use one of {names}.",
        "{name!r} という dtype はありません。使えるのは {names} です。",
    ),
    "summary.choice": (
        "{option}: there is no {name!r}; use some of {names}.",
        "{option}：{name!r} はありません。使えるのは {names} です。",
    ),
    "summary.run_for": (
        "{option}: {names} are known only once the network has run; give --input, too.",
        "{option}：{names} は、ネットワークを動かさないとわかりません。"
        "--input も指定してください。",
    ),
    "summary.positive": (
        "{option} must be at least {least}, not {value}.",
        "{option} は {least} 以上にしてください（指定値：{value}）。",
    ),
    "summary.target": (
        "{text!r} names no network: write my_net.py:Net, package.module:Net, layers such as "
        '"Conv2d(3, 8, 3) > ReLU", or the name of a model such as vgg16.',
        "{text!r} がどのネットワークかわかりません。my_net.py:Net、package.module:Net、"
        '"Conv2d(3, 8, 3) > ReLU" のようなレイヤーの記述、'
        "または vgg16 のようなモデル名を書いてください。",
    ),
    "summary.which": (
        "{path} has several networks ({names}): say which, as in {path}:{first}.",
        "{path} には複数のネットワーク（{names}）があります。"
        "{path}:{first} のようにどれかを指定してください。",
    ),
    "summary.none": (
        "{path} has no network: no class or object of nn.Module was found.",
        "{path} にネットワークがありません。"
        "nn.Module のクラスもオブジェクトも見つかりませんでした。",
    ),
    "summary.missing": (
        "{path} has no {name}; what there is: {names}.",
        "{path} に {name} はありません。あるもの：{names}。",
    ),
    "summary.no_module": (
        "{text} is no network but {kind}: a class, a function or an object of nn.Module is needed.",
        "{text} はネットワークではなく {kind} です。"
        "nn.Module のクラス・関数・オブジェクトを指定してください。",
    ),
    "summary.arguments": (
        "{text} cannot be called so ({why}): give its arguments, as in {name}(10).",
        "{text} はこのままでは呼び出せません（{why}）。{name}(10) のように引数を書いてください。",
    ),
    "summary.models": (
        "{name} is no layer, and the models of tatamu.vision.models are not in this version: "
        "write layers or my_net.py:Net.",
        "{name} というレイヤーはありません。この版には tatamu.vision.models のモデルも"
        "含まれていません。レイヤーの記述か my_net.py:Net を書いてください。",
    ),
    "summary.model": (
        "There is no model or layer named {name}.",
        "{name} というモデルもレイヤーもありません。",
    ),
    "summary.model_close": (
        "There is no model or layer named {name}; did you mean {names}?",
        "{name} というモデルもレイヤーもありません。{names} のことですか？",
    ),
}
