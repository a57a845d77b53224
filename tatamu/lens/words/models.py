"""What `tatamu models` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.models": (
        "List the networks: family, year, size, published accuracy, and time here.",
        "ネットワークの一覧（系統、発表年、大きさ、公表された精度、このマシンでの時間）を表示しま"
        "す。",
    ),
    "help.models.words": (
        "Only networks with one of these in their or their family's name.",
        "名前か系統名にこの語を含むものだけを表示します。",
    ),
    "help.models.time": (
        "Measure what one picture takes on this machine.",
        "画像 1 枚にかかる時間をこのマシンで測ります。",
    ),
    "models.name": ("network", "ネットワーク"),
    "models.family": ("family", "系統"),
    "models.year": ("year", "発表年"),
    "models.parameters": ("parameters", "パラメーター"),
    "models.mult_adds": ("mult-adds", "積和"),
    "models.top1": ("top-1", "正解率"),
    "models.ms": ("ms here", "ミリ秒"),
    "models.note": (
        "top-1: published for ImageNet, with the best of torchvision's weights; mult-adds for one "
        "picture.",
        "正解率は ImageNet での公表値（torchvision の重みのうち最も良いもの）、積和は画像 1 枚あた"
        "りです。",
    ),
    "models.try": (
        "try  tatamu models mobilenet --time",
        "次は  tatamu models mobilenet --time",
    ),
    "models.wait": ("{done}/{all}  {name}", "{done}/{all}　{name}"),
    "models.none": (
        "No network has {words!r} in its name; tatamu models lists all.",
        "名前に {words!r} を含むネットワークはありません。tatamu models ですべて表示します。",
    ),
}
