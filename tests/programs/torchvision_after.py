"""torchvision's reference training with the recipe of its second ResNet weights: the transforms,
CutMix or MixUp in the collate function, the train step."""

import torch
from torch import nn
from torch.utils.data import DataLoader, default_collate
from torchvision.datasets import FakeData
from torchvision.transforms import v2
from warpmix import presets

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
normalize = {"mean": MEAN, "std": STD, "targets": "onehot", "num_classes": 10}
mixup_or_cutmix = presets.torchvision_v2_recipe(**normalize)


def collate_fn(batch):
    return mixup_or_cutmix(*default_collate(batch))


def train_one_epoch(model, criterion, optimizer, data_loader, device, batches):
    model.train()
    for image, target in data_loader:
        image, target = image.to(device), target.to(device)
        batches.append(image)
        output = model(image)
        loss = criterion(output, target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return loss


def main():
    transforms = v2.PILToTensor()
    dataset = FakeData(64, (3, 200, 180), 10, transforms)
    data_loader = DataLoader(dataset, 16, num_workers=2, collate_fn=collate_fn)
    features = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model = nn.Sequential(*features, nn.Linear(8, 10))
    criterion = nn.CrossEntropyLoss(label_smoothing=0.1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    batches = []
    for _epoch in range(2):
        loss = train_one_epoch(model, criterion, optimizer, data_loader, "cpu", batches)
    return batches, float(loss)


if __name__ == "__main__":
    main()
