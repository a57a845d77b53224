"""Summaries: what torchinfo prints, and how to get the same numbers by hand."""

import torch
from torch import nn
from torchinfo import summary


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 10, kernel_size=5),
            nn.MaxPool2d(2),
            nn.ReLU(),
            nn.Conv2d(10, 20, kernel_size=5),
            nn.Dropout2d(),
            nn.MaxPool2d(2),
            nn.ReLU(),
        )
        self.fc1 = nn.Linear(320, 50)
        self.fc2 = nn.Linear(50, 10)

    def forward(self, x):
        x = self.features(x)
        x = torch.relu(self.fc1(x.flatten(1)))
        return torch.log_softmax(self.fc2(x), dim=1)


model = Net()
summary(model, input_size=(1, 1, 28, 28), verbose=1)

# ---- More columns ------------------------------------------------------------------------------
stats = summary(
    model,
    input_size=(16, 1, 28, 28),
    col_names=("input_size", "output_size", "num_params", "kernel_size", "mult_adds"),
    row_settings=("var_names", "depth"),
    verbose=0,
)
print(stats)
print(stats.total_params, stats.trainable_params, stats.total_mult_adds)

# ---- Frozen layers are put in brackets ---------------------------------------------------------
for parameter in model.features.parameters():
    parameter.requires_grad = False
print(summary(model, input_size=(1, 1, 28, 28), depth=1, verbose=0))

# ---- Without an input: parameters alone --------------------------------------------------------
print(summary(model, verbose=0))

# ---- By hand -----------------------------------------------------------------------------------
total = sum(p.numel() for p in model.parameters())
trainable = sum(p.numel() for p in model.parameters() if p.requires_grad)
print(f"{total:,} parameters, {trainable:,} trainable, {total * 4 / 1e6:.2f} MB in float32")
conv = model.features[3]
outputs = 8 * 8
print("mult-adds of the second convolution:", (conv.weight.numel() + conv.bias.numel()) * outputs)
