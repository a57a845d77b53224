"""What `tatamu profile` says."""

TEXTS: dict[str, tuple[str, str]] = {
    "help.profile": (
        "Compile a network, and say where its time goes: step by step, kernel by kernel.",
        "ネットワークをコンパイルし、時間の内訳をステップとカーネルごとに表示します。",
    ),
    "help.profile.eager": (
        "Operation by operation without compiling, and why other kernels were not taken.",
        "コンパイルせずに演算ごとに表示し、ほかのカーネルが選ばれなかった理由も示します。",
    ),
    "profile.wait": ("compiling and measuring {name}", "{name} をコンパイルして測定中"),
}
