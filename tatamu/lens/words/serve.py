"""What `tatamu serve` says in the terminal, and what its page is told where something fails."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.serve": (
        "Look at a photo through one layer in the browser, and turn its settings.",
        "ブラウザーで写真を 1 つのレイヤーに通し、設定を動かしながら見ます。",
    ),
    "help.serve.host": (
        "The address to listen on; any but the default lets other machines in.",
        "待ち受けるアドレス。既定以外にすると、ほかの機械からも使えるようになります。",
    ),
    "help.serve.port": (
        "The port; where it is taken, the next free one.",
        "ポート番号。使用中なら、次の空いている番号を使います。",
    ),
    "help.serve.open": (
        "Open the page in the browser.",
        "ページをブラウザーで開きます。",
    ),
    "serve.address": ("→ {address}   Ctrl-C ends", "→ {address}   終了は Ctrl-C"),
    "serve.ended": ("The server has ended.", "サーバーを終了しました。"),
    "serve.next_port": (
        "Port {port} is taken; this is {number}.",
        "ポート {port} は使用中のため、{number} を使います。",
    ),
    "serve.open_to_all": (
        "Warning: on {host}, everybody who reaches this machine can use the page; there is no "
        "password.",
        "注意：{host} で待ち受けると、この機械に接続できる人は誰でもページを使えます。"
        "パスワードはありません。",
    ),
    "serve.port": (
        "{host} cannot be listened on, from port {port} on ({why}): choose another --port or "
        "--host.",
        "{host} のポート {port} 以降では待ち受けできません（{why}）。"
        "--port か --host を変えてください。",
    ),
    "serve.missing": (
        'The page needs {name}, which is not installed: pip install "tatamu[web]".',
        'このページには {name} が必要です。pip install "tatamu[web]" で入ります。',
    ),
    "serve.setting": (
        "{name} must be one of {allowed}.",
        "{name} に指定できるのは {allowed} です。",
    ),
    "serve.slow": (
        "That took too long and was given up: choose a smaller kernel, fewer channels or a larger "
        "stride.",
        "時間がかかりすぎるため中止しました。カーネルやチャンネルを減らすか、ストライドを大きくし"
        "てください。",
    ),
    "serve.stopped": ("Given up.", "中止しました。"),
    "serve.broken": (
        "Something went wrong here ({name}); nothing of yours was lost.",
        "サーバー側で問題が起きました（{name}）。写真や設定はそのままです。",
    ),
    "serve.forgotten": (
        "The server has put this away to save memory: one moment.",
        "メモリー節約のため、サーバーがこの結果を手放しました。もう一度計算します。",
    ),
    "serve.busy": (
        "The server has its hands full; try again in a moment.",
        "サーバーが混み合っています。少し待ってからやり直してください。",
    ),
    "serve.large": (
        "The file is larger than {limit} MB: save the photo smaller.",
        "ファイルが {limit} MB を超えています。写真を小さく保存し直してください。",
    ),
    "serve.empty": (
        "The file is empty: choose a photo.",
        "ファイルが空です。写真を選んでください。",
    ),
    "serve.json": ("The request is not understood.", "要求を読み取れません。"),
    "serve.reading": ("Opening the photo", "写真を開いています"),
    "serve.peak": ("Measuring this machine", "この機械の速さを測っています"),
    "serve.photo": ("the photo", "この写真"),
    "serve.reduced": (
        "Looked at with {side} pixels on its longer side, reduced from {width}×{height}.",
        "{width}×{height} を、長辺 {side} 画素に縮小して見ています。",
    ),
}
