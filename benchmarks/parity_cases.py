"""What `benchmarks.parity` compares: torch's calls for the registry's samples, and layers.

Texts alone: the comparison runs them under torch and under tatamu.
"""

from __future__ import annotations

CALLS: dict[str, str] = {
    "adaptive_avg_pool2d": "F.adaptive_avg_pool2d(x, {a.spec.output_size})",
    "adaptive_avg_pool3d": "F.adaptive_avg_pool3d(x, {a.spec.output_size})",
    "adaptive_max_pool2d": "F.adaptive_max_pool2d(x, {a.output_size})",
    "adaptive_max_pool3d": "F.adaptive_max_pool3d(x, {a.output_size})",
    "add": "x + y",
    "addcdiv": "torch.addcdiv(x, y, z, value={a[0]})",
    "addcmul": "torch.addcmul(x, y, z, value={a[0]})",
    "amax": "torch.amax(x, {a.axes}, {a.keepdim})",
    "amin": "torch.amin(x, {a.axes}, {a.keepdim})",
    "avg_pool2d": (
        "F.avg_pool2d(x, {kernel}, {stride}, {padding}, {a.spec.ceil_mode}, {a.count_include_pad},"
        " {a.divisor_override})"
    ),
    "avg_pool3d": (
        "F.avg_pool3d(x, {kernel}, {stride}, {padding}, {a.spec.ceil_mode}, {a.count_include_pad},"
        " {a.divisor_override})"
    ),
    "batch_norm": "F.batch_norm(x, None, None, y, z, True, 0.1, {a.eps})",
    "bmm": "x @ y",
    "block_diag": "torch.block_diag(*every)",
    "cat": "torch.cat(every, {a})",
    "celu": "F.celu(x, {a[0]})",
    "clamp": "torch.clamp(x, {a[0]}, {a[1]})",
    "conv_transpose": (
        "F.conv_transpose{dims}d(x, y, z, {stride}, {padding}, {a.output_padding}, {a.groups},"
        " {dilation})"
    ),
    "convolution": "F.conv{dims}d(x, y, z, {stride}, {padding}, {dilation}, {a.groups})",
    "copysign": "torch.copysign(x, y)",
    "cumprod": "torch.cumprod(x, {a.axis})",
    "cumsum": "torch.cumsum(x, {a.axis})",
    "cummax": "torch.cummax(x, {a.axis})[0]",
    "cummin": "torch.cummin(x, {a.axis})[0]",
    "det": "torch.linalg.det(x)",
    "diag_embed": "torch.diag_embed(x, {a.offset}, {a.first}, {a.second})",
    "diagonal": "torch.diagonal(x, {a.offset}, {a.first}, {a.second})",
    "diagonal_scatter": "torch.diagonal_scatter(x, y, {a.offset}, {a.first}, {a.second})",
    "dist": "",
    "div": "x / y",
    "div_floor": "torch.div(x, y, rounding_mode='floor')",
    "div_trunc": "torch.div(x, y, rounding_mode='trunc')",
    "elu": "F.elu(x, {a[0]})",
    "embedding": "F.embedding(y, x, {a.padding})",
    "expand": "x.expand({a})",
    "flip": "torch.flip(x, {a})",
    "floor_divide": "torch.floor_divide(x.detach(), y.detach())",
    "gather": "torch.gather(x, {a}, y)",
    "gelu": "F.gelu(x)",
    "gelu_tanh": "F.gelu(x, approximate='tanh')",
    "grid_sample": "F.grid_sample(x, y, {a.mode!r}, {a.padding!r}, {a.align})",
    "grid_sample3d": "F.grid_sample(x, y, {a.mode!r}, {a.padding!r}, {a.align})",
    "group_norm": "F.group_norm(x, {a.groups}, y, z, {a.eps})",
    "hardshrink": "F.hardshrink(x, {a[0]})",
    "hardsigmoid": "F.hardsigmoid(x)",
    "hardswish": "F.hardswish(x)",
    "hardtanh": "F.hardtanh(x, {a[0]}, {a[1]})",
    "heaviside": "torch.heaviside(x.detach(), y.detach())",
    "huber_loss": "F.huber_loss(x, y, reduction={a.reduction!r}, delta={a.number})",
    "index_add": "torch.index_add(x, {a}, y, z)",
    "index_copy": "torch.index_copy(x, {a}, y, z)",
    "index_select": "torch.index_select(x, {a}, y)",
    "inv": "torch.linalg.inv(x)",
    "kthvalue": "torch.kthvalue(x, {a.number}, {a.axis})[0]",
    "layer_norm": "F.layer_norm(x, {a.shape}, y, z, {a.eps})",
    "leaky_relu": "F.leaky_relu(x, {a[0]})",
    "lerp_number": "torch.lerp(x, y, {a[0]})",
    "linear": "F.linear(x, y, z)",
    "linear_without_bias": "F.linear(x, y)",
    "log_softmax": "F.log_softmax(x, {a.axis})",
    "logcumsumexp": "torch.logcumsumexp(x, {a.axis})",
    "logit": "torch.logit(x, {a[0]})",
    "logits_cross_entropy": (
        "F.binary_cross_entropy_with_logits(x, y, z.detach(), reduction={a.reduction!r},"
        " pos_weight=w.detach())"
    ),
    "binary_cross_entropy": "F.binary_cross_entropy(x, y, z.detach(), reduction={a.reduction!r})",
    "logsigmoid": "F.logsigmoid(x)",
    "logsumexp": "torch.logsumexp(x, {a.axes}, {a.keepdim})",
    "lp_pool": "F.lp_pool{dims}d(x, {a.norm}, {kernel}, {stride}, {a.spec.ceil_mode})",
    "masked_fill": "torch.masked_fill(x, y, z)",
    "masked_select": "",
    "matmul": "x @ y",
    "max_pool2d": "F.max_pool2d(x, {kernel}, {stride}, {padding}, {dilation}, {a.ceil_mode})",
    "max_pool3d": "F.max_pool3d(x, {kernel}, {stride}, {padding}, {dilation}, {a.ceil_mode})",
    "mean": "torch.mean(x, {a.axes}, {a.keepdim})",
    "median_along": "torch.median(x, {a.axis}, {a.keepdim})[0]",
    "mish": "F.mish(x)",
    "mse_loss": "F.mse_loss(x, y, reduction={a.reduction!r})",
    "mul": "x * y",
    "nansum": "torch.nansum(x, {a.axes}, {a.keepdim})",
    "nextafter": "torch.nextafter(x.detach(), y.detach())",
    "permute": "x.permute({a})",
    "pinv": "torch.linalg.pinv(x)",
    "pow": "x ** {a[0]}",
    "prelu": "F.prelu(x, y.flatten())",
    "prod": "torch.prod(x, {a.axes[0]}, {a.keepdim})",
    "relu": "torch.relu(x)",
    "repeat": "x.repeat({a})",
    "roll": "torch.roll(x, {a.shifts}, {a.axes})",
    "rot90": "torch.rot90(x, {a.times}, {a.axes})",
    "scatter": "torch.scatter(x, {a}, y, z)",
    "scatter_add": "torch.scatter_add(x, {a}, y, z)",
    "scatter_reduce": (
        "torch.scatter_reduce(x, {a.dim}, y, z, {a.reduce!r}, include_self={a.include_self})"
    ),
    "silu": "F.silu(x)",
    "smooth_l1_loss": "F.smooth_l1_loss(x, y, reduction={a.reduction!r}, beta={a.number})",
    "soft_margin_loss": "F.soft_margin_loss(x, y.detach(), reduction={a.reduction!r})",
    "softmax": "F.softmax(x, {a.axis})",
    "softplus": "F.softplus(x, {a[0]}, {a[1]})",
    "softshrink": "F.softshrink(x, {a[0]})",
    "solve": "torch.linalg.solve(x, y)",
    "sort": "torch.sort(x, {a.axis}, {a.descending})[0]",
    "stack": "torch.stack(every, {a})",
    "std": "torch.std(x, {a.axes}, correction={a.correction}, keepdim={a.keepdim})",
    "sub": "x - y",
    "sum": "torch.sum(x, {a.axes}, {a.keepdim})",
    "take": "",
    "threshold": "F.threshold(x, {a[0]}, {a[1]})",
    "topk": "torch.topk(x, {a.number}, {a.axis})[0]",
    "tril": "torch.tril(x, {a})",
    "triu": "torch.triu(x, {a})",
    "var": "torch.var(x, {a.axes}, correction={a.correction}, keepdim={a.keepdim})",
    "vector_norm": "torch.linalg.vector_norm(x, {p}, {a.axes}, {a.keepdim})",
    "view": "x.view({a})",
    "where": "torch.where(x, y, z)",
}
"""torch's call for an operation; ``a`` is the sample's attributes, x, y, z, w its inputs.

Operations without attributes that torch has under the same name need no line; an empty one says
that torch's function of that name is another. What torch does not differentiate is detached.
"""

LAYERS: dict[str, str] = {
    "Conv1d(12, 20, 5, padding=2)": "4, 12, 50",
    "Conv2d(16, 32, 3, padding=1)": "2, 16, 24, 24",
    "Conv2d(16, 32, 1)": "2, 16, 24, 24",
    "Conv2d(3, 16, 7, stride=2, padding=3)": "1, 3, 64, 64",
    "Conv2d(32, 32, 3, padding=1, groups=32)": "2, 32, 20, 20",
    "Conv2d(8, 8, 3, dilation=2, padding=2, padding_mode='reflect')": "2, 8, 20, 20",
    "Conv2d(4, 3, 64)": "1, 4, 100, 120",
    "Conv3d(4, 8, 3, padding=1)": "1, 4, 8, 10, 12",
    "ConvTranspose1d(8, 6, 4, stride=2)": "2, 8, 30",
    "ConvTranspose2d(16, 8, 4, stride=2, padding=1)": "2, 16, 12, 12",
    "ConvTranspose3d(4, 4, 2, stride=2)": "1, 4, 5, 6, 7",
    "Linear(300, 100)": "32, 300",
    "Bilinear(10, 12, 6)": "8, 10",
    "MaxPool2d(3, stride=2, padding=1)": "2, 8, 25, 25",
    "AvgPool2d(3, stride=2, padding=1)": "2, 8, 25, 25",
    "LPPool2d(2, 3)": "2, 8, 24, 24",
    "AdaptiveAvgPool2d((5, 7))": "2, 8, 24, 24",
    "AdaptiveMaxPool2d(3)": "2, 8, 24, 24",
    "MaxPool1d(4)": "2, 8, 50",
    "AvgPool3d(2)": "2, 4, 6, 8, 10",
    "BatchNorm1d(20)": "32, 20",
    "BatchNorm2d(16)": "4, 16, 20, 20",
    "BatchNorm2d(16).eval()": "4, 16, 20, 20",
    "BatchNorm3d(4)": "2, 4, 6, 6, 6",
    "LayerNorm([16, 10])": "8, 16, 10",
    "GroupNorm(4, 16)": "4, 16, 12, 12",
    "InstanceNorm2d(8, affine=True)": "2, 8, 20, 20",
    "LocalResponseNorm(5)": "2, 10, 12, 12",
    "RMSNorm(20)": "16, 20",
    "Softmax(1)": "16, 100",
    "LogSoftmax(1)": "16, 100",
    "Softmin(1)": "16, 100",
    "Softmax2d()": "2, 8, 10, 10",
    "Upsample(scale_factor=2, mode='bilinear')": "2, 4, 15, 15",
    "Upsample(scale_factor=1.5, mode='bicubic')": "2, 4, 15, 15",
    "Upsample(size=(9, 31), mode='nearest')": "2, 4, 15, 15",
    "PixelShuffle(2)": "2, 16, 8, 8",
    "PixelUnshuffle(2)": "2, 4, 16, 16",
    "ChannelShuffle(4)": "2, 16, 8, 8",
    "Fold((10, 12), 3)": "2, 36, 80",
    "Unfold(3, padding=1)": "2, 4, 12, 12",
    "ReflectionPad2d(3)": "2, 4, 12, 12",
    "ReplicationPad2d((1, 2, 0, 3))": "2, 4, 12, 12",
    "CircularPad2d(2)": "2, 4, 12, 12",
    "ZeroPad2d(2)": "2, 4, 12, 12",
    "CosineSimilarity()": "16, 30",
    "PairwiseDistance()": "16, 30",
    "Dropout(0.3)": "64, 100",
    "Dropout2d(0.3)": "8, 16, 6, 6",
    "AlphaDropout(0.3)": "64, 100",
    "MultiheadAttention(24, 4, batch_first=True)": "2, 10, 24",
    **{
        f"{name}()": "32, 200"
        for name in (
            "CELU", "ELU", "GELU", "GLU", "Hardshrink", "Hardsigmoid", "Hardswish", "Hardtanh",
            "LeakyReLU", "LogSigmoid", "Mish", "PReLU", "ReLU", "ReLU6", "SELU", "SiLU", "Sigmoid",
            "Softplus", "Softshrink", "Softsign", "Tanh", "Tanhshrink",
        )
    },
    **{
        f"{name}()": "32, 40"
        for name in (
            "L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss",
            "BCEWithLogitsLoss", "KLDivLoss", "CrossEntropyLoss",
        )
    },
}  # fmt: skip
"""Layers of torch.nn, each with the shape of its input; the weights are those of a seed."""

OTHERS: dict[str, str] = {
    "Bilinear": "torch.randn(8, 12)",
    "CosineSimilarity": "torch.randn(16, 30)",
    "PairwiseDistance": "torch.randn(16, 30)",
    "CrossEntropyLoss": "torch.randint(40, (32,))",
    "MultiheadAttention": "x, x",
    **{
        name: "torch.rand(32, 40)"
        for name in (
            "L1Loss", "MSELoss", "SmoothL1Loss", "HuberLoss", "PoissonNLLLoss",
            "BCEWithLogitsLoss", "KLDivLoss",
        )
    },
}  # fmt: skip
"""What such a layer is called with besides its input."""
