"""What `--help` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.app": (
        "Convolutional networks on ordinary CPUs, and a lens that shows what every layer does.",
        "ふつうの CPU で動く畳み込みネットワークと、各レイヤーの働きを見せるレンズ。",
    ),
    "help.look": (
        "Show what layers do to a photo, and write a report about it.",
        "レイヤーが写真に何をするかを表示し、レポートを書き出します。",
    ),
    "help.size": (
        "Print the size arithmetic of layers, and nothing else.",
        "レイヤーの大きさの計算だけを表示します。",
    ),
    "help.explain": (
        "Say what a layer does, what its parameters mean, and what trips people up.",
        "レイヤーの働き、パラメーターの意味、つまずきやすいところを説明します。",
    ),
    "help.explain.subject": (
        "A layer (LPPool2d), a parameter (norm_type) or a term (receptive field); "
        "without one, the list.",
        "レイヤー（LPPool2d）、パラメーター（norm_type）、用語（受容野）。省くと一覧を表示します。",
    ),
    "explain.layers": ("Layers", "レイヤー"),
    "explain.parameters": ("Parameters", "パラメーター"),
    "explain.terms": ("Terms", "用語"),
    "help.photo": (
        "A photo file; without one, the cat that comes with tatamu.",
        "写真ファイル。省くと tatamu 付属の猫の写真を使います。",
    ),
    "help.layers": (
        "Layers as a text, joined by >; _ stands for the channels that arrive. "
        "Without layers, eight named kernels are applied.",
        "レイヤーの記述。> でつなぎ、_ は入力チャンネル数に置き換わります。"
        "省くと名前付きカーネル 8 種を適用します。",
    ),
    "help.layer": ("The same as LAYERS.", "LAYERS と同じです。"),
    "help.kernel": (
        "A named kernel instead of all eight; may be repeated. "
        "--kernel list prints them with their numbers.",
        "8 種すべての代わりに使う名前付きカーネル（複数可）。--kernel list で一覧を表示します。",
    ),
    "help.list_kernels": (
        "Print the named kernels with their numbers.",
        "名前付きカーネルの一覧を数値とともに表示します。",
    ),
    "help.draws": (
        "Draw random transforms (RandomCrop, ColorJitter …) so many times and show each picture.",
        "ランダムな変換（RandomCrop、ColorJitter など）を指定した回数かけて、1 枚ずつ表示します。",
    ),
    "help.seed": ("Seed of the random weights.", "乱数の重みのシード。"),
    "help.input": (
        'Your own numbers in place of a photo: "1 2; 3 4", channels parted by |.',
        '写真の代わりに使う数値："1 2; 3 4"（チャンネルは | で区切る）。',
    ),
    "help.weight": (
        'Your own kernel: "1 0; 0 1"; repeat it for several output channels.',
        '自分で決めるカーネル："1 0; 0 1"（出力チャンネルの数だけ繰り返せます）。',
    ),
    "help.bias": ("The bias that goes with --weight.", "--weight に足すバイアス。"),
    "help.out": (
        "Folder for the report and the pictures; otherwise the photo's name and -look.",
        "レポートと画像を書き出すフォルダー。省くと「写真名-look」。",
    ),
    "help.max_pixels": (
        "Refuse photos with more pixels than this.",
        "これより画素数の多い写真は開きません。",
    ),
    "help.lang": (
        "ja or en; otherwise as the locale says.",
        "ja または en。省くとロケールに従います。",
    ),
    "help.version": ("Print the version.", "バージョンを表示します。"),
    "help.size.layers": ("Layers as a text, joined by >.", "レイヤーの記述（> でつなぐ）。"),
    "help.size.size": (
        "The input's size as HEIGHTxWIDTH, such as 600x1500.",
        "入力の大きさ。高さx幅（例：600x1500）。",
    ),
    "help.examples": ("Examples:", "使用例："),
    "interrupted": ("stopped; nothing was written", "中断しました。何も書き出していません"),
}
