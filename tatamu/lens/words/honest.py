"""What pictures hold, and what people think they hold."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.scale": (
        "own: each map has its own scale; shared: all maps of a layer have one.",
        "own はマップごとの目盛り、shared はレイヤー内で共通の目盛り。",
    ),
    "help.order": (
        "strength: strongest edges first; index: channels in order.",
        "strength は輪郭の強い順、index はチャンネル番号順。",
    ),
    "help.torch_view": (
        "Put what to_pil_image would show beside every map.",
        "各マップの横に、to_pil_image で表示した場合の画像を並べます。",
    ),
    "options.choice": (
        "{option} {value}: choose one of {known}.",
        "{option} {value}：{known} のどれかにしてください。",
    ),
    "unpool.alone": (
        "{layer} puts values back where a pooling found them: write MaxPool2d(2, "
        "return_indices=True) before it.",
        "{layer} はプーリングが見つけた位置に値を戻します。手前に "
        "MaxPool2d(2, return_indices=True) を書いてください。",
    ),
    "unpool.silent": (
        "{layer} needs the indices of {pool}: add return_indices=True there.",
        "{layer} には {pool} のインデックスが必要です。そちらに return_indices=True を"
        "付けてください。",
    ),
    "unpool.shape": (
        "{layer} gets {got}, but the indices of {pool} are for {pooled}: only layers that keep the "
        "shape may stand between.",
        "{layer} に届くのは {got} ですが、{pool} のインデックスは {pooled} 用です。間に置けるのは"
        "形を変えないレイヤーだけです。",
    ),
    "fit.nothing": (
        "{layer} would give {out} (h×w), which is nothing: use less padding or a larger kernel.",
        "{layer} の出力は {out}（高さ×幅）となり、何も残りません。パディングを減らすか、"
        "カーネルを大きくしてください。",
    ),
    "wrapped.title": ("What to_pil_image would have shown", "to_pil_image で表示した場合"),
    "wrapped.same": (
        "All values lie between 0 and 1, so to_pil_image shows each map as it is, in grey.",
        "値がすべて 0 から 1 の間にあるので、to_pil_image でも同じ内容がグレーで表示されます。",
    ),
    "wrapped.differs": (
        "to_pil_image multiplies by 255, drops the decimals and keeps the lowest eight bits.",
        "to_pil_image は値を 255 倍し、小数を切り捨て、下位 8 ビットだけを残します。",
    ),
    "wrapped.wraps": (
        "Here {share} of the values do not fit and wrap round: {value} × 255 becomes {times}, and "
        "of that {byte} is left.",
        "ここでは値の {share} が収まらず、一周して別の明るさになります。たとえば {value} × 255 は"
        " {times} で、残るのは {byte} です。",
    ),
    "wrapped.jumps": (
        "Neighbours more than 128 grey levels apart, which look like hard edges: {wrapped} in the "
        "wrapped map, {honest} in the same map laid out from black to white.",
        "隣どうしが 128 階調より大きく離れ、くっきりした輪郭に見える箇所は、桁あふれした画像で "
        "{wrapped}、"
        "同じマップを黒から白に割り当てた画像では {honest} です。",
    ),
    "wrapped.honest": ("{map}, zero is black", "{map}（0 が黒）"),
    "wrapped.one": ("to_pil_image of {map}", "to_pil_image で表示した {map}"),
    "planes.two": ("both channels: grey and alpha", "2 チャンネルをグレーとアルファとして"),
    "planes.three": ("three channels: red, green, blue", "3 チャンネルを赤・緑・青として"),
    "planes.four": (
        "four channels: red, green, blue and alpha",
        "4 チャンネルを赤・緑・青・アルファとして",
    ),
    "planes.two.text": (
        "Two channels become grey and alpha: the second decides how much of the page shines "
        "through.",
        "2 チャンネルはグレーとアルファになり、2 番目が背景の透け具合を決めます。",
    ),
    "planes.three.text": (
        "Three channels become red, green and blue, whatever they mean.",
        "3 チャンネルは、意味に関係なく赤・緑・青になります。",
    ),
    "planes.four.text": (
        "Four channels become red, green, blue and alpha: the fourth map makes parts of the "
        "picture transparent (chequered here).",
        "4 チャンネルは赤・緑・青・アルファになり、4 番目のマップが画像の一部を透明にします"
        "（市松模様の部分）。",
    ),
    "winners.title": ("Who won each window", "各窓で最大だった画素"),
    "winners.text": (
        "Channel {channel} as it came in. Every frame is a window; the yellow square in it is the "
        "largest value, the only one that goes on.",
        "チャンネル {channel} の入力です。枠が窓で、黄色い四角がその中の最大値です。"
        "次に伝わるのはこの値だけです。",
    ),
    "winners.twice": (
        "The windows overlap, so one pixel can win several: up to {most} here.",
        "窓が重なるので、1 つの画素が複数の窓で最大になることがあります（ここでは最大 {most}）。",
    ),
    "winners.padding": (
        "Padding counts as minus infinity and never wins.",
        "パディングは負の無限大として扱われ、最大になることはありません。",
    ),
    "winners.cut": (
        "cut-out from row {row}, column {column}",
        "行 {row}、列 {column} からの拡大",
    ),
    "winners.places": (
        "How often each place of the window won",
        "窓の中の位置ごとの割合",
    ),
    "winners.map": (
        "Which place of its window each output value came from",
        "出力の各値が窓のどの位置から来たか",
    ),
    "gaps.title": ("Values and gaps", "戻した値と隙間"),
    "gaps.text": (
        "Unpooling wrote each value where pooling had found it. {gaps} of the {count} values "
        "({share}) were never written; they are hatched on the left and grey on the right.",
        "アンプーリングは、プーリングで最大だった位置に値を戻します。{count} 個のうち {gaps} 個"
        "（{share}）には何も書かれません。左の図では斜線、右の図では灰色で示しています。",
    ),
    "gaps.restored": (
        "The size is that of the pooled picture, {out}, as output_size would say; without it the "
        "indices would be read in rows of another length.",
        "大きさはプーリング前と同じ {out} です（output_size の指定に相当）。指定しないと、"
        "インデックスが別の行の長さで読まれてしまいます。",
    ),
    "gaps.cut": (
        "cut-out from row {row}, column {column}; hatched: no value",
        "行 {row}、列 {column} からの拡大。斜線は値なし",
    ),
    "gaps.map": ("the whole map; grey: no value", "マップ全体。灰色は値なし"),
    "claim.alpha": ("“The gaps are filled by alpha.”", "「隙間はアルファで埋まる」？"),
    "claim.alpha.proof": (
        "No: {zeros} of the {gaps} gaps hold exactly 0, a number like any other.",
        "いいえ。{gaps} 個の隙間のうち {zeros} 個がちょうど 0 で、ほかと同じただの数値です。",
    ),
    "claim.alpha.none": (
        "With {channels} channels there is no alpha here at all.",
        "チャンネル数は {channels} で、アルファ自体がありません。",
    ),
    "claim.alpha.four": (
        "But to_pil_image takes the fourth channel for alpha, and that is 0 at {clear} of {count} "
        "pixels: there the viewer’s background shows through.",
        "ただし to_pil_image は 4 番目のチャンネルをアルファとみなします。その値が {count} 画素の"
        "うち {clear} 画素で 0 なので、そこにビューアーの背景が透けて見えます。",
    ),
    "norm.title": ("Before and after", "正規化の前と後"),
    "norm.text": (
        "Every value has a mean taken off and is divided by a spread; the formula has this "
        "picture’s numbers.",
        "各値から平均を引き、ばらつきで割ります。式の数値はこの画像のものです。",
    ),
    "norm.over": ("Averaged over {axes}.", "平均をとる範囲：{axes}。"),
    "norm.channels": ("channels", "チャンネル"),
    "norm.height": ("height", "高さ"),
    "norm.width": ("width", "幅"),
    "norm.kept": (
        "Mean and variance are those kept from training.",
        "平均と分散は学習時に記録した値です。",
    ),
    "norm.groups": (
        "Channels are taken together in {groups} groups.",
        "チャンネルを {groups} 組に分け、組ごとに計算します。",
    ),
    "norm.off": (
        "The layer’s output is nowhere further than {off} from the formula.",
        "レイヤーの出力と式の値との差は、最大で {off} です。",
    ),
    "norm.first": (
        "The {count} strongest channels are shown.",
        "輪郭の強い {count} チャンネルを示します。",
    ),
    "norm.before": ("before", "前"),
    "norm.after": ("after", "後"),
    "norm.alt": (
        "Histograms of channel {channel} before and after",
        "チャンネル {channel} の正規化前後のヒストグラム",
    ),
    "norm.many": ("{count} means, one for each row or place", "平均は {count} 個（行や位置ごと）"),
    "claim.sharp": ("“Batch norm sharpens edges.”", "「バッチ正規化で輪郭がくっきりする」？"),
    "claim.sharp.proof": (
        "No: it is one subtraction and one multiplication for a whole channel. Channel {channel} "
        "before and after correlate at {likeness}; its mean step between neighbours over its "
        "spread was {before} and is {after}.",
        "いいえ。チャンネル全体に同じ引き算と掛け算を 1 回ずつするだけです。チャンネル {channel} "
        "の前後の相関は {likeness}、隣との差の平均をばらつきで割った値は {before} → {after} です。",
    ),
    "claim.sharp.wrap": (
        "What looks sharp is to_pil_image wrapping the negative values: {before} hard jumps "
        "between neighbours before, {after} after.",
        "くっきり見えるのは、負の値が to_pil_image で桁あふれするためです。隣どうしの急な段差は "
        "{before} 箇所から {after} 箇所になります。",
    ),
    "border.title": ("What stands in the padding", "パディングの中身"),
    "border.text": (
        "The top left corner of what the layer reads. The yellow line is the edge of the picture; "
        "what lies outside, beside the hatched strips, is padding.",
        "レイヤーが読む範囲の左上の角です。黄色い線が画像の端で、斜線の帯が示す外側が"
        "パディングです。",
    ),
    "border.whole": (
        "All that the layer reads, to scale. The yellow frame is the picture; what lies outside is "
        "padding.",
        "レイヤーが読む範囲の全体（縮尺どおり）です。黄色い枠が画像で、外側がパディングです。",
    ),
    "border.zeros": ("This layer pads with zeros.", "このレイヤーのパディングは 0 です。"),
    "border.reflect": (
        "This layer mirrors the picture, without repeating its outermost pixels.",
        "このレイヤーは画像を鏡映しにします（端の画素は繰り返しません）。",
    ),
    "border.replicate": (
        "This layer repeats the outermost pixels.",
        "このレイヤーは端の画素を繰り返します。",
    ),
    "border.circular": (
        "This layer goes on at the opposite side of the picture.",
        "このレイヤーは画像の反対側につながります。",
    ),
    "border.own": ("{mode} (this layer)", "{mode}（このレイヤー）"),
    "claim.colour": ("“Padding is a random colour.”", "「パディングはランダムな色になる」？"),
    "claim.colour.bias": (
        "No: {count} outputs see nothing but padding, and {equal} of them equal the bias of their "
        "channel exactly ({bias}). It is to_pil_image that makes grey levels of these: {levels}.",
        "いいえ。パディングだけを見ている出力は {count} 個あり、そのうち {equal} 個がチャンネルの"
        "バイアス（{bias}）とちょうど一致します。to_pil_image がこれを {levels} という明るさにし"
        "ているだけです。",
    ),
    "claim.colour.zeros": (
        "No: of the {taps} taps of the first output of channel {channel}, {inside} lie on the "
        "picture and {rest} multiply a zero. Added up by hand that makes {total}; the layer gave "
        "{value}.",
        "いいえ。チャンネル {channel} の最初の出力は {taps} 画素を読み、{inside} 画素が画像の上、"
        "残り {rest} 画素は 0 です。手計算では {total}、レイヤーの出力は {value} です。",
    ),
    "claim.colour.copied": (
        "No: of the {taps} taps of the first output of channel {channel}, {inside} lie on the "
        "picture and {rest} on copies of its pixels. Added up by hand that makes {total}; the "
        "layer gave {value}.",
        "いいえ。チャンネル {channel} の最初の出力は {taps} 画素を読み、{inside} 画素が画像の上、"
        "残り {rest} 画素はその写しです。手計算では {total}、レイヤーの出力は {value} です。",
    ),
}
"""Keys of texts, each in English and in Japanese."""
