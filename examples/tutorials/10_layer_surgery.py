"""層の手術：層を取り替える、外す、凍らせる、重みを部分的に読み込む。

転移学習の記事では torchvision の学習済みモデルを使いますが、やることはどのネットでも同じです。
ここでは VGG 風の小さなネットを自分で作って、仕組みだけを見ます。
"""

import copy
from collections import OrderedDict

import torch
from torch import nn

torch.manual_seed(0)


class SmallVGG(nn.Module):
    def __init__(self, num_classes=1000):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.BatchNorm2d(16),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
        )
        self.avgpool = nn.AdaptiveAvgPool2d((2, 2))
        self.classifier = nn.Sequential(
            nn.Linear(16 * 4, 32), nn.ReLU(True), nn.Dropout(), nn.Linear(32, num_classes)
        )

    def forward(self, x):
        x = self.avgpool(self.features(x))
        return self.classifier(torch.flatten(x, 1))


model = SmallVGG()
print(model)

# ---- 中を見る ------------------------------------------------------------------------------
print([name for name, _ in model.named_children()])
print(len(list(model.children())), len(list(model.modules())), len(model.features))
print(model.features[0], model.features[-1])
print(model.features[:3])
for name, parameter in model.named_parameters():
    print(f"  {name:22s} {tuple(parameter.shape)}")

# ---- 最後の層を取り替える ------------------------------------------------------------------
# in_features は元の層から読むのが定石です。
model.classifier[-1] = nn.Linear(model.classifier[-1].in_features, 3)
x = torch.randn(2, 3, 32, 32)
print(model(x).shape)

# ---- 凍らせる ------------------------------------------------------------------------------
for parameter in model.features.parameters():
    parameter.requires_grad = False
learned = [name for name, p in model.named_parameters() if p.requires_grad]
print("学習するもの:", learned)
print("数:", sum(p.numel() for p in model.parameters() if p.requires_grad))

before = copy.deepcopy(model.state_dict())
optimizer = torch.optim.SGD(filter(lambda p: p.requires_grad, model.parameters()), lr=0.1)
loss = nn.CrossEntropyLoss()(model(x), torch.tensor([0, 2]))
loss.backward()
optimizer.step()
print(f"loss {loss.item():.4f}")
print("勾配:", model.features[0].weight.grad, tuple(model.classifier[0].weight.grad.shape))
changed = [k for k, v in model.state_dict().items() if not torch.equal(v, before[k])]
# requires_grad=False でも、train() のままだと BatchNorm の移動平均は動いてしまいます。
print("変わったもの:", changed)
model.features.eval()
print("features は", model.features.training, "、全体は", model.training)

# ---- 層を外す：nn.Identity と Sequential の切り出し ----------------------------------------
model.eval()
headless = copy.deepcopy(model)
headless.classifier = nn.Identity()
print(headless.classifier, headless(x).shape)

extractor = nn.Sequential(*list(model.children())[:-1], nn.Flatten())
print(extractor(x).shape, torch.equal(extractor(x), headless(x)))
cut = model.features[:3]
print("途中の特徴マップ", cut(x).shape, f"平均 {cut(x).mean():.4f}")

# フックなら、モデルを書き換えずに途中の出力を取り出せます。
kept = {}
handle = model.features[3].register_forward_hook(lambda m, i, o: kept.update(conv2=o.detach()))
model(x)
handle.remove()
print("conv2", kept["conv2"].shape, f"{kept['conv2'].std():.4f}")

# ---- 層を差し込む --------------------------------------------------------------------------
model.features.append(nn.Conv2d(16, 16, 1))
model.features.insert(1, nn.BatchNorm2d(8))
del model.features[2]
model.features.add_module("last", nn.Dropout2d(0.2))
print(model.features)
named = nn.Sequential(OrderedDict([("conv", nn.Conv2d(1, 2, 3)), ("act", nn.Tanh())]))
print(named, named.conv.bias.shape)

# ---- ReLU をすべて LeakyReLU に ------------------------------------------------------------


def replace(module):
    for name, child in module.named_children():
        if isinstance(child, nn.ReLU):
            setattr(module, name, nn.LeakyReLU(0.1, inplace=True))
        else:
            replace(child)


replace(model)
print([type(m).__name__ for m in model.modules() if "ReLU" in type(m).__name__])

# ---- 重みを部分的に読み込む ----------------------------------------------------------------
pretrained = SmallVGG(num_classes=1000).state_dict()
target = SmallVGG(num_classes=5)
try:
    target.load_state_dict(pretrained)
except RuntimeError as error:
    print(error)

own = target.state_dict()
fitting = {k: v for k, v in pretrained.items() if k in own and v.shape == own[k].shape}
print(len(fitting), "/", len(own), target.load_state_dict(fitting, strict=False))
print(torch.equal(target.features[0].weight, pretrained["features.0.weight"]))
renamed = {"module." + k: v for k, v in fitting.items()}  # DataParallel で保存した重みはこうなる
print(
    target.load_state_dict({k.removeprefix("module."): v for k, v in renamed.items()}, strict=False)
)
try:
    target.load_state_dict(renamed)
except RuntimeError as error:
    print(str(error)[:150])

# ---- 入力チャネルを変える：RGB の重みを白黒用に --------------------------------------------
old = target.features[0]
new = nn.Conv2d(1, old.out_channels, old.kernel_size, padding=old.padding)
new.weight.data = old.weight.data.sum(dim=1, keepdim=True)
new.bias.data = old.bias.data.clone()
gray = torch.rand(1, 1, 8, 8)
print("同じ:", torch.allclose(new(gray), old(gray.expand(1, 3, 8, 8)), atol=1e-6))
