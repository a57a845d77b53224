"""BatchNorm2d: what is learned, what is counted, and why train() and eval() differ.

Half of all "my net is great in training and useless in testing" questions end here. We take one
layer apart with a batch so small that the numbers can be checked by hand.
"""

import torch
from torch import nn

torch.manual_seed(1)
x = torch.tensor(
    [
        [[[1.0, 2.0], [3.0, 4.0]], [[10.0, 10.0], [20.0, 20.0]]],
        [[[5.0, 6.0], [7.0, 8.0]], [[30.0, 30.0], [40.0, 40.0]]],
    ]
)
print(x.shape, "= (batch, channels, height, width)")

bn = nn.BatchNorm2d(2)
print(bn)
print("before:", {name: tensor.tolist() for name, tensor in bn.state_dict().items()})

# ---- 1. In training the batch itself is measured -----------------------------------------------
y = bn(x)
print(y)
print("mean of each channel ", y.mean(dim=(0, 2, 3)).abs().max().item() < 1e-6)
print("deviation            ", y.std(dim=(0, 2, 3), unbiased=False))

mean = x.mean(dim=(0, 2, 3))
var = x.var(dim=(0, 2, 3), unbiased=False)
by_hand = (x - mean[None, :, None, None]) / torch.sqrt(var[None, :, None, None] + bn.eps)
print("mean", mean, "var", var)
print("by hand:", torch.allclose(y, by_hand, atol=1e-6))

# ---- 2. ... and remembered, a tenth at a time --------------------------------------------------
# running = 0.9 * running + 0.1 * batch; the variance that is kept is the unbiased one (n - 1).
print("running_mean", bn.running_mean)
print("running_var ", bn.running_var)
print("0.9 + 0.1 * unbiased variance:", 0.9 + 0.1 * x.var(dim=(0, 2, 3)))
for step in range(2, 6):
    bn(x)
    print("after", step, "calls", bn.running_mean, bn.num_batches_tracked)

# ---- 3. In evaluation only the memory counts ---------------------------------------------------
bn.eval()
print(bn.training, bn(x)[0, 0])
print("one picture alone gives the same:", torch.equal(bn(x)[:1], bn(x[:1])))
before = bn.running_mean.clone()
bn(x * 100)
print("nothing is counted:", torch.equal(before, bn.running_mean))

# ---- 4. momentum=None averages over all batches; False remembers nothing -----------------------
average = nn.BatchNorm2d(2, momentum=None)
for k in (1, 2, 3):
    average(x * k)
print(average.running_mean, average.num_batches_tracked)
forgetful = nn.BatchNorm2d(2, track_running_stats=False)
print(forgetful, forgetful.running_mean, torch.equal(forgetful.eval()(x), forgetful.train()(x)))

# ---- 5. The two learned parameters -------------------------------------------------------------
bn.train()
bn.weight.data = torch.tensor([2.0, 0.5])
bn.bias.data = torch.tensor([1.0, -1.0])
out = bn(x)
print("std ", out.std(dim=(0, 2, 3), unbiased=False))
print("mean", out.detach().mean(dim=(0, 2, 3)).round(decimals=4))
weights = torch.arange(16.0).reshape(2, 2, 2, 2)
(out * weights).sum().backward()
print("gradients", bn.weight.grad, bn.bias.grad)

# ---- 6. A bias in front is for nothing ---------------------------------------------------------
picture = torch.randn(4, 3, 8, 8)
conv = nn.Conv2d(3, 4, 3, bias=True)
norm = nn.BatchNorm2d(4)
first = norm(conv(picture))
conv.bias.data += 7
print("bias of +7 makes no difference:", torch.allclose(first, norm(conv(picture)), atol=1e-5))

# ---- 7. Folding the layer into the convolution, as deployment tools do -------------------------
net = nn.Sequential(conv, norm).eval()
scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
folded = nn.Conv2d(3, 4, 3)
folded.weight.data = conv.weight * scale[:, None, None, None]
folded.bias.data = (conv.bias - norm.running_mean) * scale + norm.bias
print("folded:", torch.allclose(net(picture), folded(picture), atol=1e-5))
print(net)

# ---- 8. The error everybody meets once ---------------------------------------------------------
one = nn.BatchNorm2d(2)
try:
    one(torch.ones(1, 2, 1, 1))
except ValueError as error:
    print("ValueError:", str(error).splitlines()[0])
try:
    one(torch.ones(4, 2))
except ValueError as error:
    print("ValueError:", str(error).splitlines()[0])
try:
    one(torch.ones(2, 3, 4, 4))
except RuntimeError as error:
    print("RuntimeError:", str(error).splitlines()[0])

# ---- 9. Its relatives measure other groups of numbers ------------------------------------------
z = torch.arange(48.0).reshape(2, 4, 2, 3)
for layer in (nn.BatchNorm2d(4), nn.InstanceNorm2d(4), nn.GroupNorm(2, 4), nn.LayerNorm([4, 2, 3])):
    print(layer)
    print(layer(z)[1, 2])
