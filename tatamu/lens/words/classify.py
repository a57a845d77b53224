"""What `tatamu classify` and `tatamu classes` say."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.classify": (
        "Say what is in photos: the five likeliest of ImageNet's thousand classes.",
        "写真に何が写っているかを、ImageNet の 1,000 種類から五つ答えます。",
    ),
    "help.classify.photos": (
        "Photo files, folders of them, or - for a photo on standard input.",
        "写真ファイル、そのフォルダー、または標準入力の写真を表す -。",
    ),
    "help.classify.model": (
        "mobilenet_v2 or efficientnet_lite0; otherwise the first whose weights are here.",
        "mobilenet_v2 または efficientnet_lite0。省くと、重みが手元にあるほうを使います。",
    ),
    "help.classify.json": ("Print JSON.", "JSON で出力します。"),
    "help.classify.top": ("How many names for each photo.", "写真ごとに挙げる名前の数。"),
    "help.classes": (
        "List the thousand classes with their numbers, or those with a word in their names.",
        "1,000 種類の名前を番号順に並べます。語を添えると、それを含むものだけになります。",
    ),
    "help.classes.word": ("A part of a name.", "名前の一部。"),
    "classify.photo": (
        "{name}  {width}×{height}  {title}  {ms} ms",
        "{name}　{width}×{height}　{title}　{ms} ミリ秒",
    ),
    "classify.guess": (
        "  {percent:>5} %  {english}  {japanese}",
        "  {percent:>5} %　{japanese}　{english}",
    ),
    "classify.wait": ("{done} of {all}: {name}", "{all} 枚中 {done} 枚目：{name}"),
    "classify.ready": ("Getting {title} ready", "{title} を準備しています"),
    "classify.empty": (
        "There are no photos in {path}: "
        "name a folder with PNG, JPEG, WebP, GIF, TIFF or BMP files.",
        "{path} に写真がありません。"
        "PNG、JPEG、WebP、GIF、TIFF、BMP のあるフォルダーを指定してください。",
    ),
    "classify.none": (
        "Name a photo: tatamu classify cat.jpg.",
        "写真を指定してください（例：tatamu classify cat.jpg）。",
    ),
    "classify.model": (
        "There is no network {name}: {known}.",
        "{name} というネットワークはありません。使えるのは {known} です。",
    ),
    "classify.weights": (
        "No weights are on this machine: {ways}.",
        "このコンピューターに重みがありません。{ways} で入れてください。",
    ),
    "classify.altered": (
        "The weights of {title} are not as they were published: install them again.",
        "{title} の重みが公開されたものと違います。入れ直してください。",
    ),
    "classify.unknown": (
        "No class has {word} in its name.",
        "{word} を名前に含む種類はありません。",
    ),
    "classify.class": ("{index:>3}  {english}  {japanese}", "{index:>3}　{japanese}　{english}"),
}  # fmt: skip
