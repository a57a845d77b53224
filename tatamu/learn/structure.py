"""What holds layers together, attention, and layers that find their own sizes."""

from __future__ import annotations

from tatamu.learn.entry import Entry, axes

__all__ = ["ENTRIES"]

_LAYER = {
    "d_model": ("numbers at each position", "1 つの位置の数の個数"),
    "nhead": ("heads; must divide d_model", "ヘッドの数（d_model を割り切る）"),
    "dim_feedforward": (
        "numbers between the two linear layers",
        "2 つの線形層の間の数の個数",
    ),
    "dropout": ("share dropped in training", "学習中に落とす割合"),
    "activation": ("the function between the linear layers", "線形層の間の活性化関数"),
    "layer_norm_eps": ("keeps LayerNorm from dividing by 0", "LayerNorm の 0 除算を防ぐ小さな数"),
    "batch_first": (
        "(batch, position, number) in place of (position, batch, number)",
        "（位置, バッチ, 数）の代わりに（バッチ, 位置, 数）で渡す",
    ),
    "norm_first": ("normalises before each block, not after", "各ブロックの前に正規化する"),
}

ENTRIES = (
    Entry(
        layers=("Module",),
        meaning=(
            "What every layer and every net is: it finds its parameters among its attributes, and "
            "its forward() says what to compute.",
            "すべての層とネットワークのもとになるクラスです。属性の中からパラメーターを見つ"
            "け、forward() に"
            "計算を書きます。",
        ),
        pitfalls=("module_list", "eval_mode"),
        see=("Sequential", "ModuleList"),
    ),
    Entry(
        layers=("Sequential",),
        meaning=("Layers one after the other.", "層を順につなぎます。"),
        parameters={
            "args": ("layers, or one OrderedDict of them", "層の並び、または OrderedDict"),
        },
        example="""\
net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten())
print(net(torch.zeros(1, 1, 5, 5)).shape)
""",
        see=("Module", "ModuleList"),
    ),
    Entry(
        layers=("ModuleList",),
        meaning=(
            "A list whose layers are known to the net; it computes nothing by itself.",
            "ネットワークに登録される層のリストです。それ自体は計算しません。",
        ),
        parameters={"modules": ("layers", "層の並び")},
        pitfalls=("module_list",),
        see=("Sequential", "ModuleDict"),
    ),
    Entry(
        layers=("ModuleDict",),
        meaning=("The same by name.", "名前で引く ModuleList です。"),
        parameters={"modules": ("layers by name", "名前と層")},
        pitfalls=("module_list",),
        see=("ModuleList",),
    ),
    Entry(
        layers=("ParameterList", "ParameterDict"),
        meaning=(
            "Parameters in a list, or by name.",
            "パラメーターのリスト、または名前で引く辞書です。",
        ),
        parameters={
            "values": ("parameters", "パラメーターの並び"),
            "parameters": ("parameters by name", "名前とパラメーター"),
        },
        pitfalls=("module_list",),
        see=("Module",),
    ),
    Entry(
        layers=(
            *axes("LazyConv", "LazyConvTranspose", "LazyBatchNorm", "LazyInstanceNorm"),
            "LazyLinear",
        ),
        meaning=(
            "The layer of that name without Lazy, but the size of its input is found at the first "
            "call; then it becomes that layer.",
            "名前から Lazy を取った層と同じです。入力の大きさは最初の呼び出しで決まり、そのあとは"
            "その層そのものに"
            "なります。",
        ),
        pitfalls=("flatten_size",),
        see=("Linear", "Conv2d"),
    ),
    Entry(
        layers=("MultiheadAttention",),
        meaning=(
            "Each position asks all others (query), finds those whose key fits, and takes the mean "
            "of their values by that fit; several heads do so side by side.",
            "それぞれの位置が、ほかのすべての位置に問い合わせ（query）、鍵（key）の合うものほど重"
            "くして値"
            "（value）を平均します。これをいくつかのヘッドで並行して行います。",
        ),
        formula=("softmax(Q · Kᵀ / √d) · V",),
        parameters={
            "embed_dim": ("numbers at each position", "1 つの位置の数の個数"),
            "num_heads": ("heads; must divide embed_dim", "ヘッドの数（embed_dim を割り切る）"),
            "dropout": ("share of the weights dropped in training", "学習中に落とす重みの割合"),
            "add_bias_kv": ("adds one learnt position", "学習される位置を 1 つ加える"),
            "add_zero_attn": ("adds one position of zeros", "0 の位置を 1 つ加える"),
            "kdim": ("numbers of each key, if others", "key の数の個数（異なる場合）"),
            "vdim": ("numbers of each value, if others", "value の数の個数（異なる場合）"),
            "batch_first": (
                "(batch, position, number) in place of (position, batch, number)",
                "（位置, バッチ, 数）の代わりに（バッチ, 位置, 数）で渡す",
            ),
        },
        see=("LayerNorm", "Linear"),
    ),
    Entry(
        layers=("TransformerEncoderLayer", "TransformerDecoderLayer"),
        meaning=(
            "Attention, then two linear layers at each position; each is added to what it was "
            "given and normalised. A decoder's layer also attends to what the encoder gives.",
            "アテンションと、各位置の 2 つの線形層です。どちらも入力に足してから正規化します。"
            "デコーダーの層は、エンコーダーの出力にもアテンションを向けます。",
        ),
        formula=("y = LayerNorm(x + attention(x))", "z = LayerNorm(y + linear2(relu(linear1(y))))"),
        parameters=_LAYER,
        see=("TransformerEncoder", "MultiheadAttention"),
    ),
    Entry(
        layers=("TransformerEncoder", "TransformerDecoder"),
        meaning=(
            "Several copies of one layer, one after the other; each learns by itself.",
            "同じ層の写しをいくつか順につなぎます。写しはそれぞれ別に学習されます。",
        ),
        parameters={
            "encoder_layer": ("the layer to copy", "写しの元になる層"),
            "decoder_layer": ("the layer to copy", "写しの元になる層"),
            "num_layers": ("how many copies", "写しの数"),
            "norm": ("a normalisation at the end", "最後の正規化"),
            "enable_nested_tensor": ("changes nothing here", "ここでは何も変わらない"),
            "mask_check": ("changes nothing here", "ここでは何も変わらない"),
        },
        see=("TransformerEncoderLayer", "Transformer"),
    ),
    Entry(
        layers=("Transformer",),
        meaning=(
            "An encoder that reads one sequence, and a decoder that writes another while it "
            "attends to what was read.",
            "1 つの系列を読むエンコーダーと、読んだものにアテンションを向けながら別の系列を書く"
            "デコーダーです。",
        ),
        parameters={
            **_LAYER,
            "num_encoder_layers": ("layers of the encoder", "エンコーダーの層の数"),
            "num_decoder_layers": ("layers of the decoder", "デコーダーの層の数"),
            "custom_encoder": ("an encoder of one's own", "自作のエンコーダー"),
            "custom_decoder": ("a decoder of one's own", "自作のデコーダー"),
        },
        see=("TransformerEncoder", "MultiheadAttention"),
    ),
)
