"""torchvision's reference training: CutMix or MixUp in the collate function, the train step."""

import torch
from torch import nn
from torch.utils.data import DataLoader, default_collate
from torchvision.datasets import FakeData
from torchvision.transforms import v2
from warpmix import CutMix, MixUp, Pipeline, RandomChoice, RandomHorizontalFlip, RandomResizedCrop

to_float = v2.Compose([v2.PILToTensor(), v2.ToDtype(torch.float32, scale=True)])
crop_and_flip = [RandomResizedCrop(32), RandomHorizontalFlip(0.5)]
recipe = [*crop_and_flip, RandomChoice([MixUp(alpha=0.2), CutMix()])]
mixup_or_cutmix = Pipeline(recipe, targets="onehot", num_classes=10)


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
    dataset = FakeData(64, (3, 32, 32), 10, v2.PILToTensor())
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
