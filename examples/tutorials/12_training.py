"""小さなネットを最初から学習させる：自分で描いた数字の分類。

MNIST をダウンロードしなくても、手元で数字の画像は作れます。7x5 のドットで 0〜9 を描き、
ずらして、ノイズを加えて、10x10 の画像にします。1 分もかかりません。
"""

import torch
from torch import nn, optim
from torch.utils.data import DataLoader, Dataset, random_split

torch.manual_seed(0)

FONT = """
 ###    #    ###   ###     #  #####  ###  #####  ###   ###
#   #  ##   #   # #   #   ##  #     #         # #   # #   #
#  ##   #       #     #  # #  #     #        #  #   # #   #
# # #   #      #    ##  #  #  ####  ####    #    ###   ####
##  #   #     #       # #####     # #   #   #   #   #     #
#   #   #    #    #   #    #  #   # #   #   #   #   #     #
 ###   ###  #####  ###     #   ###   ###    #    ###   ###
""".strip("\n").splitlines()


def digit(n):
    """数字 n の 7x5 の行列。"""
    rows = [line.ljust(60)[6 * n : 6 * n + 5] for line in FONT]
    return torch.tensor([[float(c == "#") for c in row] for row in rows])


print(digit(3).int())


class Digits(Dataset):
    """ずらしてノイズを加えた数字。"""

    def __init__(self, count, noise=0.15):
        self.images = torch.zeros(count, 1, 10, 10)
        self.labels = torch.randint(10, (count,))
        for image, label in zip(self.images, self.labels, strict=True):
            top, left = torch.randint(4, (1,)).item(), torch.randint(6, (1,)).item()
            image[0, top : top + 7, left : left + 5] = digit(int(label))
        self.images += noise * torch.randn_like(self.images)

    def __len__(self):
        return len(self.labels)

    def __getitem__(self, index):
        return self.images[index], self.labels[index]


data = Digits(640)
train, valid = random_split(data, [512, 128])
train_loader = DataLoader(train, batch_size=32, shuffle=True)
valid_loader = DataLoader(valid, batch_size=64)
images, labels = next(iter(train_loader))
print(len(train), len(valid), len(train_loader), images.shape, labels[:10])
print("個数", torch.bincount(data.labels, minlength=10).tolist())


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        # BatchNorm の前のバイアスは打ち消されるので要りません（06_batchnorm.py の 6）。
        self.conv1 = nn.Conv2d(1, 8, 3, padding=1, bias=False)
        self.bn1 = nn.BatchNorm2d(8)
        self.conv2 = nn.Conv2d(8, 16, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.dropout = nn.Dropout(0.25)
        self.fc = nn.Linear(16 * 5 * 5, 10)

    def forward(self, x):
        x = torch.relu(self.bn1(self.conv1(x)))
        x = self.dropout(self.pool(torch.relu(self.conv2(x))))
        return self.fc(x.flatten(1))


model = Net()
print(model)
criterion = nn.CrossEntropyLoss()  # softmax はこの中に入っています
optimizer = optim.Adam(model.parameters(), lr=1e-2)
scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=4, gamma=0.5)
print(optimizer)


def train_one_epoch():
    model.train()
    total = 0.0
    for images, labels in train_loader:
        optimizer.zero_grad()
        loss = criterion(model(images), labels)
        loss.backward()
        optimizer.step()
        total += loss.item() * len(labels)
    return total / len(train)


def evaluate():
    model.eval()
    total, correct = 0.0, 0
    with torch.no_grad():
        for images, labels in valid_loader:
            scores = model(images)
            total += criterion(scores, labels).item() * len(labels)
            correct += (scores.argmax(dim=1) == labels).sum().item()
    return total / len(valid), correct / len(valid)


# ---- 学習と早期終了 ------------------------------------------------------------------------
# 検証の損失が 2 回続けて 0.01 以上良くならなければ、そこでやめて、一番良かった重みに戻します。
best, waited, kept = float("inf"), 0, None
for epoch in range(1, 31):
    train_loss = train_one_epoch()
    valid_loss, accuracy = evaluate()
    rate = scheduler.get_last_lr()[0]
    scheduler.step()
    print(
        f"epoch {epoch:2d}  lr {rate:.5f}  train {train_loss:.3f}  valid {valid_loss:.3f}"
        f"  acc {accuracy:.1%}"
    )
    if valid_loss < best - 1e-2:
        best, waited = valid_loss, 0
        kept = {name: value.clone() for name, value in model.state_dict().items()}
    else:
        waited += 1
        if waited == 2:
            print("早期終了")
            break
print(model.load_state_dict(kept))

# ---- 結果を見る ----------------------------------------------------------------------------
model.eval()
confusion = torch.zeros(10, 10, dtype=torch.int64)
with torch.no_grad():
    for images, labels in valid_loader:
        for truth, guess in zip(labels, model(images).argmax(1), strict=True):
            confusion[truth, guess] += 1
print("正解", confusion.trace().item(), "/", confusion.sum().item())

with torch.no_grad():
    clean = torch.zeros(10, 1, 10, 10)
    for n in range(10):
        clean[n, 0, 1:8, 2:7] = digit(n)
    probabilities = model(clean).softmax(dim=1)
print("きれいな数字の予測", probabilities.argmax(1).tolist())

torch.save(model.state_dict(), "digits.pth")
again = Net()
print(again.load_state_dict(torch.load("digits.pth")))
again.eval()
with torch.no_grad():
    print(torch.equal(again(clean), model(clean)))
