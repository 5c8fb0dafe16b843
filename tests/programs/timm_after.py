"""timm's training script in short, with DeiT's recipe: create_loader, Mixup, soft targets.

(DeiT's magnitudes have noise, mstd0.5. With it timm 1.0.31 now and then asks for Posterize of 0
bits, which Pillow 13 refuses.)"""

import torch
import warpmix
from timm.data import create_loader
from timm.loss import SoftTargetCrossEntropy
from torch import nn
from torchvision.datasets import FakeData


def main():
    loader = create_loader(
        FakeData(64, (3, 256, 240), 10),
        input_size=(3, 224, 224),
        batch_size=16,
        is_training=True,
        use_prefetcher=False,
        num_workers=2,
        hflip=0.5,
        interpolation="bicubic",
        auto_augment="rand-m9-inc1",
        re_prob=0.25,
        re_mode="pixel",
        persistent_workers=False,
        collate_fn=warpmix.collate,
    )
    loader.dataset.transform = None
    mixup_fn = warpmix.presets.pipeline("deit", targets="onehot", num_classes=10)
    features = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
    model = nn.Sequential(*features, nn.Linear(8, 10))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    loss_fn = SoftTargetCrossEntropy()
    batches = []
    for _epoch in range(2):
        model.train()
        for input, target in loader:
            input, target = mixup_fn(input, target)
            batches.append(input)
            loss = loss_fn(model(input), target)
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
    return batches, float(loss)


if __name__ == "__main__":
    main()
