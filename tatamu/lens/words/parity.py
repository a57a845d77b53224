"""What `tatamu parity` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.parity": (
        "Show how close tatamu and PyTorch come to exact results, as it was measured.",
        "tatamu と PyTorch の計算誤差を比べた測定結果を表示します。",
    ),
    "parity.bitwise": (
        "The same to the last bit, programs out of all:",
        "最後のビットまで一致したプログラムの数：",
    ),
    "parity.bits.random": ("random numbers", "乱数"),
    "parity.bits.dropout": ("dropout", "ドロップアウト"),
    "parity.bits.init": ("nn.init", "nn.init の初期値"),
    "parity.bits.weights": ("first weights of layers", "レイヤーの重みの初期値"),
    "parity.bits.creation": ("creation", "テンソルの作成"),
    "parity.bits.indexing": ("indexing, joining, splitting", "インデックス、結合、分割"),
    "parity.bits.sorting": ("sorting and picking", "並べ替えと選択"),
    "parity.errors": (
        "Worst error in float32 against torch in float64, as a share of each result's largest "
        "value;\n0 is exact.",
        "float32 での最大誤差（基準は torch の float64、結果の最大値に対する割合）。\n"
        "0 は誤差なし。",
    ),
    "parity.operations": ("operation", "演算"),
    "parity.layers": ("layer", "レイヤー"),
    "parity.cases": ("cases", "件数"),
    "parity.forward": ("{side}", "{side} 順伝播"),
    "parity.backward": ("{side}, gradient", "{side} 勾配"),
}
