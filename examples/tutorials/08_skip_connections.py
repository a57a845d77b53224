"""Skip connections: why the gradient of a deep net does not fade.

A residual block computes F(x) + x instead of F(x). We build one the way ResNet-18 has it, look at
what is printed, and measure the gradients with and without the "+ x".
"""

import torch
import torch.nn.functional as F
from torch import nn

torch.manual_seed(0)


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, in_planes, planes, stride=1, skip=True):
        super().__init__()
        self.skip = skip
        self.conv1 = nn.Conv2d(in_planes, planes, 3, stride=stride, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.relu = nn.ReLU(inplace=True)
        # The shortcut must have the shape of F(x): a 1x1 convolution where channels or size change.
        if stride != 1 or in_planes != planes:
            self.downsample = nn.Sequential(
                nn.Conv2d(in_planes, planes, 1, stride=stride, bias=False), nn.BatchNorm2d(planes)
            )
        else:
            self.downsample = nn.Identity()

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        if self.skip:
            out += self.downsample(x)
        return self.relu(out)


class SmallResNet(nn.Module):
    def __init__(self, classes=10, skip=True):
        super().__init__()
        self.stem = nn.Conv2d(3, 16, 3, padding=1)
        self.layer1 = nn.Sequential(BasicBlock(16, 16, skip=skip), BasicBlock(16, 16, skip=skip))
        self.layer2 = nn.Sequential(BasicBlock(16, 32, 2, skip), BasicBlock(32, 32, skip=skip))
        self.pool = nn.AdaptiveAvgPool2d((1, 1))
        self.fc = nn.Linear(32, classes)

    def forward(self, x):
        x = F.relu(self.stem(x))
        x = self.layer2(self.layer1(x))
        return self.fc(torch.flatten(self.pool(x), 1))


net = SmallResNet()
print(net)
print("parameters:", sum(p.numel() for p in net.parameters() if p.requires_grad))
for name, module in net.named_children():
    print(f"  {name:7s} {type(module).__name__:18s}", sum(p.numel() for p in module.parameters()))

# ---- Shapes along the way, with forward hooks --------------------------------------------------
handles = []
for name, module in net.named_modules():
    if isinstance(module, (nn.Conv2d, nn.Linear, BasicBlock)):

        def show(module, args, output, name=name):
            print(f"  {name:24s} {list(args[0].shape)} -> {list(output.shape)}")

        handles.append(module.register_forward_hook(show))
x = torch.randn(2, 3, 16, 16)
scores = net(x)
for handle in handles:
    handle.remove()
print(scores)

# ---- Two ways to add: += writes over what autograd may need ------------------------------------
a = torch.ones(3, requires_grad=True)
b = a * 2
c = b.sigmoid()
c += 1  # sigmoid keeps its output for the gradient
try:
    c.sum().backward()
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])

# ---- Gradient norms ----------------------------------------------------------------------------


def gradient_norms(skip, depth=12):
    """The norm of the gradient at the first and last convolution of a chain of blocks."""
    torch.manual_seed(3)
    layers = [nn.Conv2d(8, 8, 3, padding=1) for _ in range(depth)]
    for layer in layers:
        nn.init.normal_(layer.weight, std=0.05)
        nn.init.zeros_(layer.bias)
    y = torch.randn(1, 8, 8, 8)
    for layer in layers:
        y = torch.tanh(layer(y)) + (y if skip else 0)
    y.pow(2).mean().backward()
    return [layer.weight.grad.norm().item() for layer in layers]


for skip in (False, True):
    norms = gradient_norms(skip)
    print("skip" if skip else "no skip", [f"{norm:.2e}" for norm in norms[::4]], f"{norms[-1]:.2e}")

# ---- The gradient of the block at an input -----------------------------------------------------
for skip in (False, True):
    torch.manual_seed(5)
    block = BasicBlock(4, 4, skip=skip).eval()
    leaf = torch.randn(1, 4, 6, 6, requires_grad=True)
    block(leaf).sum().backward()
    print("skip" if skip else "no skip", f"|dx| = {leaf.grad.norm():.4f}")

# ---- DenseNet concatenates instead of adding ---------------------------------------------------
first, second = nn.Conv2d(3, 6, 3, padding=1), nn.Conv2d(9, 6, 3, padding=1)
grown = torch.cat([x, first(x)], dim=1)
print(grown.shape, torch.cat([grown, second(grown)], dim=1).shape)
