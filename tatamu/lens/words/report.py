"""What the HTML report says."""

TEXTS: dict[str, tuple[str, str]] = {
    "draws.title": ("{count} of {text}", "{text}（{count}）"),
    "draws.sentence": (
        "What random transforms make of {name}",
        "ランダムな変換で {name} がどう変わるか",
    ),
    "draws.text": (
        "Each picture is one draw, in the order in which they were drawn after seed {seed}. In "
        "training, every epoch sees another draw of every photo.",
        "シード {seed} から順に引いた結果です。学習では、同じ写真でもエポックごとに違う結果が使わ"
        "れます。",
    ),
    "draws.beyond.report": (
        "Values below 0 or above 1 ({count} of the pictures have some) are shown as 0 and 1.",
        "0 未満と 1 を超える値（{count} 枚にあります）は、0 と 1 として表示しています。",
    ),
    "draws.photo.title": ("The photo", "元の写真"),
    "draws.draw": ("Draw {number}", "{number} 回目"),
    "report.title": ("{name} through {layers}", "{name} と {layers}"),
    "report.brand": ("tatamu look", "tatamu look"),
    "report.sentence.chain": (
        "{count} turned {before} into {after}.",
        "{count}で、{before} が {after} になった。",
    ),
    "report.sentence.same": (
        "{layer} worked on every value by itself: {before} stayed {after}.",
        "{layer} は値を 1 つずつ処理し、{before} は {after} のまま。",
    ),
    "report.sentence.flat": (
        "{layer} laid all values of {before} in one row: {after}.",
        "{layer} は {before} の値をすべて 1 列に並べ、{after} にした。",
    ),
    "report.end": ("{text}.", "{text}。"),
    "count.layer": ("{n} layer|{n} layers", "{n} つのレイヤー"),
    "report.code": ("The same in PyTorch", "PyTorch で書くと"),
    "report.code.hint": (
        "One click selects all of it.",
        "クリック 1 回で全体を選択できます。",
    ),
    "report.code.file": (
        "The photo is the one that comes with tatamu: tatamu/data/cat.jpg.",
        "写真は tatamu に付属の tatamu/data/cat.jpg です。",
    ),
    "report.pair.many.photo": ("The photo and the strongest map", "写真と、輪郭が最も強いマップ"),
    "report.pair.many.numbers": ("The input and the strongest map", "入力と、輪郭が最も強いマップ"),
    "report.pair.one.photo": ("The photo and its map", "写真と特徴マップ"),
    "report.pair.one.numbers": ("The input and its map", "入力と特徴マップ"),
    "report.pair.edges": (
        "Channel {channel} has the strongest edges.",
        "輪郭が最も強く出たのはチャンネル {channel} です。",
    ),
    "report.pair.text": (
        "The value farthest from the map’s mean, {value} at row {row}, column {column}, was "
        "computed from the outlined {field} pixels.",
        "平均から最も離れた値は行 {row}、列 {column} の {value} で、"
        "枠で囲んだ {field} 画素から計算されています。",
    ),
    "report.pair.inner": (
        "Windows that reach into the padding were left aside.",
        "パディングにかかる窓は除いています。",
    ),
    "report.pair.outer": (
        "Part of that window lies in the padding.",
        "この窓の一部はパディングにかかっています。",
    ),
    "report.photo": ("photo", "写真"),
    "report.input": ("input", "入力"),
    "report.map": ("map of channel {channel}", "チャンネル {channel} の特徴マップ"),
    "report.zoom": ("enlarged {times} times", "{times} 倍に拡大"),
    "report.photo.alt": (
        "The photo with the window outlined",
        "窓を枠で示した写真",
    ),
    "report.map.alt": (
        "Map of channel {channel}; blue is negative, black zero, orange positive",
        "チャンネル {channel} の特徴マップ。青が負、黒が 0、橙が正",
    ),
    "report.why": ("Why this size", "なぜこの大きさになるか"),
    "report.why.text": (
        "Each bracket is one position of the window, and one value of the output; its dots are "
        "the pixels it reads.",
        "括弧 1 つが窓の 1 つの位置で、出力の値 1 つになります。点は読まれる画素です。",
    ),
    "report.why.padding": ("Hatched cells are padding.", "斜線の部分はパディングです。"),
    "report.why.unread": (
        "Struck-out cells are never read.",
        "×印のマスは一度も読まれません。",
    ),
    "report.why.unread.scaled": (
        "The coloured end is never read.",
        "色の付いた端は一度も読まれません。",
    ),
    "report.why.scaled": (
        "The window is wide, so the strip is drawn to scale, without single pixels.",
        "窓が大きいので、画素ごとではなく縮尺どおりに描いています。",
    ),
    "report.axis": ("{name}: {size} becomes {out}", "{name}：{size} → {out}"),
    "report.ruler.alt": (
        "Ruler of the {name}: {size} pixels, padding {before} and {after}, {out} windows",
        "{name}の物差し：{size} 画素、パディング {before} と {after}、窓 {out} 個",
    ),
    "report.why.none": (
        "This layer moves no window, so height and width stay as they are.",
        "このレイヤーは窓を動かさないので、高さも幅もそのままです。",
    ),
    "report.why.flat": (
        "All values follow one another in one long row.",
        "すべての値が 1 列に並びます。",
    ),
    "report.worked": ("One number, worked", "1 つの値を手で計算する"),
    "report.worked.sum": (
        "The outlined patch is multiplied by the kernel of channel {channel}, cell by cell; "
        "the products of each input channel are added up.",
        "枠で囲んだ部分とチャンネル {channel} のカーネルをマスごとに掛け、"
        "入力チャンネルごとに合計します。",
    ),
    "report.worked.max": (
        "The largest value of the window goes on; the others are dropped.",
        "窓の中で最大の値だけを残し、ほかは捨てます。",
    ),
    "report.worked.mean": (
        "The values of the window are added up and divided by {divisor}.",
        "窓の中の値を合計し、{divisor} で割ります。",
    ),
    "report.worked.value": (
        "ReLU keeps a positive value and makes a negative one zero.",
        "ReLU は正の値をそのまま通し、負の値を 0 にします。",
    ),
    "report.worked.patch": ("patch", "部分画像"),
    "report.worked.kernel": ("kernel", "カーネル"),
    "report.worked.bias": ("bias", "バイアス"),
    "report.worked.rest": (
        "Only the first {shown} of {count} input channels are drawn; the sums below "
        "cover them all.",
        "{count} 個の入力チャンネルのうち最初の {shown} 個だけを図示しています。"
        "合計は全チャンネル分です。",
    ),
    "report.worked.others": ("the other {count}", "残り {count} チャンネル"),
    "report.worked.large": (
        "The kernel is too large to print every number; each channel's sum is exact.",
        "カーネルが大きいため個々の数値は省きます。各チャンネルの合計は正確です。",
    ),
    "report.maps": ("All {count}", "{count}すべて"),
    "count.feature": ("{n} feature map|{n} feature maps", "特徴マップ {n} 枚"),
    "report.maps.one": ("The feature map", "特徴マップ"),
    "report.maps.text": (
        "Black is zero, orange positive, blue negative, brighter means further from zero. The two "
        "ends of the scale stand beneath each map; above it lies the histogram of its values. The "
        "full-size pictures are in the folder maps.",
        "黒が 0、橙が正、青が負で、明るいほど 0 から離れています。目盛りの両端の値を各マップの"
        "下に、値のヒストグラムをその上に示します。原寸の画像は maps フォルダーにあります。",
    ),
    "report.maps.own": (
        "Every map has a scale of its own, so brightness tells nothing across maps "
        "(--scale shared gives them all the same).",
        "目盛りはマップごとに別なので、明るさをマップどうしで比べることはできません"
        "（--scale shared で共通になります）。",
    ),
    "report.maps.shared": (
        "All maps of a layer share one scale, so equally bright means equally strong.",
        "目盛りは全マップ共通なので、明るさが同じなら値の大きさも同じです。",
    ),
    "report.why.back": (
        "The cells are the output. Each bracket is one value of the input, and its dots are the "
        "cells that it is added to.",
        "マスは出力です。括弧 1 つが入力の値 1 つで、点のあるマスに足されます。",
    ),
    "report.why.cut": (
        "Hatched cells are cut off: that is what padding does here.",
        "斜線の部分は切り捨てられます。ここでのパディングはその幅です。",
    ),
    "report.why.unfilled": (
        "Struck-out cells are reached by no input.",
        "×印のマスにはどの入力も届きません。",
    ),
    "report.maps.kernels": (
        "Beside each map stands its kernel, one square per weight, on the same colours.",
        "各マップの横に、同じ配色のカーネル（重み 1 つがマス 1 つ）を並べています。",
    ),
    "report.maps.clipped": (
        "“Beyond” is the share of the values that lie outside the scale and take the colour of "
        "its end.",
        "「範囲外」は目盛りの外にある値の割合で、端の色で描いています。",
    ),
    "report.map.clipped": ("beyond", "範囲外"),
    "report.map.strongest": ("strongest edges", "輪郭が最も強い"),
    "report.kernel.alt": ("Kernel of channel {channel}", "チャンネル {channel} のカーネル"),
    "report.channels.order": (
        "Its input channels from top to bottom: {names}.",
        "入力チャンネルは上から {names} です。",
    ),
    "report.cost": ("What it costs", "コスト"),
    "report.cost.weights": ("Weights", "重みの数"),
    "report.cost.mult_adds": ("Mult-adds", "積和の回数"),
    "report.cost.bytes": ("Memory read and written", "読み書きするメモリー"),
    "report.cost.kernel": ("Ran as", "実行したカーネル"),
    "report.cost.time": ("Time", "時間"),
    "report.cost.speed": ("Speed", "速度"),
    "report.cost.runs": ("median of {runs}", "{runs}の中央値"),
    "count.run": ("{n} run|{n} runs", "{n} 回"),
    "report.note": ("Note: {text}", "注意：{text}"),
    "report.footer": ("How this was made", "この結果を再現するには"),
    "report.footer.command": ("Command", "コマンド"),
    "report.footer.version": ("Version", "バージョン"),
    "report.footer.seed": ("Seed", "シード"),
    "report.footer.cpu": ("CPU", "CPU"),
    "report.footer.photo": ("Photo SHA-256", "写真の SHA-256"),
    "report.footer.weights": ("Weights SHA-256", "重みの SHA-256"),
    "report.contents": ("Layers", "レイヤー"),
}
