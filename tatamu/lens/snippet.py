"""A look as PyTorch code that a reader can copy and run."""

from __future__ import annotations

import numpy as np

from tatamu.lens import filters, show
from tatamu.lens.records import LayerRecord, Look

MAX_TYPED = 400


def torch_code(look: Look, photo: str) -> str:
    """Code that makes the same layers and runs them on the same input; `photo` is its file name."""
    lines = ["import torch", "from torch import nn"]
    if look.source.pixels is not None:
        lines += [
            "from PIL import Image",
            "from torchvision.transforms.functional import to_tensor",
        ]
    body = _input_lines(look, photo)
    if any("np." in line for line in body):
        lines.insert(0, "import numpy as np")
    if any("ImageOps" in line for line in body):
        lines[lines.index("from PIL import Image")] += ", ImageOps"
    lines += ["", *body]
    if any(record.origin == "random" for record in look.layers):
        lines.append(f"torch.manual_seed({look.seed})")
    lines += _net_lines(look)
    first = look.layers[0]
    if first.origin.startswith(("named", "own")):
        lines += _weight_lines(first, "net" if len(look.layers) == 1 else "net[0]")
    shape = show.times(look.layers[-1].output_shape)
    lines.append(f"y = net(x)  # {shape}")
    return "\n".join(lines)


def _input_lines(look: Look, photo: str) -> list[str]:
    shape = show.times((1, *look.source.values.shape))
    if look.source.pixels is None:
        return [f"x = torch.tensor({_nested(look.source.values[None])})  # {shape}"]
    name = photo.replace("\\", "/").replace('"', '\\"')
    notes = {key: dict(values) for key, values in look.source.notes}
    opened = f'Image.open("{name}")'
    if "note.turned" in notes:
        opened = f"ImageOps.exif_transpose({opened})"
    mode = str(notes.get("note.mode", {}).get("mode", ""))
    lines = [f'photo = {opened}.convert("{look.source.kind}")']
    if mode.startswith("I;16"):  # convert() would clip 16 bits at 255
        lines = [
            f"levels = np.asarray({opened}) / 257",
            'photo = Image.fromarray(np.rint(levels).astype("uint8"))',
        ]
    return [*lines, f"x = to_tensor(photo).unsqueeze(0)  # {shape}"]


def _net_lines(look: Look) -> list[str]:
    if len(look.layers) == 1:
        return [f"net = {look.layers[0].torch_code}"]
    inner = [f"    {record.torch_code}," for record in look.layers]
    return ["net = nn.Sequential(", *inner, ")"]


def _weight_lines(record: LayerRecord, layer: str) -> list[str]:
    assert record.weight is not None
    if record.names:
        lines = _named_lines(record)
    elif record.weight.size <= MAX_TYPED:
        lines = [f"weight = torch.tensor({_nested(record.weight)})"]
    else:
        lines = [f"weight = torch.empty({record.weight.shape})  # your own numbers"]
    lines += ["with torch.no_grad():", f"    {layer}.weight.copy_(weight)"]
    if record.bias is not None:
        lines.append(f"    {layer}.bias.copy_(torch.tensor({_nested(record.bias)}))")
    return lines


def _named_lines(record: LayerRecord) -> list[str]:
    lines = ["kernels = torch.tensor(["]
    for name in record.names:
        rows, divisor = filters.written(name)
        cells = [
            [f"{cell} / {divisor}" if divisor > 1 else f"{cell}." for cell in row] for row in rows
        ]
        matrix = ", ".join(f"[{', '.join(row)}]" for row in cells)
        lines.append(f"    [{matrix}],  # {name}")
    lines.append("])")
    channels = record.input_shape[1]
    if channels == 1:
        return [*lines, "weight = kernels.unsqueeze(1)"]
    if channels in (3, 4):
        shares = ", ".join(str(share) for share in [*filters.LUMA, 0.0][:channels])
    else:
        shares = ", ".join([f"1 / {channels}"] * channels)
    return [
        *lines,
        f"shares = torch.tensor([{shares}])  # R, G, B as in a grey picture",
        f"weight = kernels.unsqueeze(1) * shares.reshape(1, {channels}, 1, 1)",
    ]


def _nested(values: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> str:
    """An array as nested lists whose shortest decimals give the same float32 numbers."""
    if values.ndim == 0:
        return repr(float(str(values)))
    return f"[{', '.join(_nested(np.asarray(part)) for part in values)}]"
