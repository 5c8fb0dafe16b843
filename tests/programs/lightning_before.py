"""A Lightning module as its tutorial writes it, with worker processes."""

import lightning
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import FakeData
from torchvision.transforms import v2

to_float = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
augment = v2.Compose([v2.RandomCrop(32, padding=4), v2.RandomHorizontalFlip(), to_float])


class Classifier(lightning.LightningModule):
    def __init__(self):
        super().__init__()
        features = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.model = nn.Sequential(*features, nn.Linear(8, 10))
        self.batches = []

    def training_step(self, batch, batch_idx):
        images, labels = batch
        self.batches.append(images)
        loss = F.cross_entropy(self.model(images), labels)
        self.log("train_loss", loss)
        return loss

    def validation_step(self, batch, batch_idx):
        images, labels = batch
        accuracy = (self.model(images).argmax(1) == labels).float().mean()
        self.log("val_accuracy", accuracy)

    def configure_optimizers(self):
        return torch.optim.AdamW(self.parameters(), lr=1e-3)


def main():
    train, val = FakeData(64, (3, 32, 32), 10, augment), FakeData(32, (3, 32, 32), 10, to_float)
    module = Classifier()
    trainer = lightning.Trainer(
        max_epochs=2,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader(train, 16, num_workers=2), DataLoader(val, 16, num_workers=2))
    return module.batches, float(trainer.callback_metrics["train_loss"])


if __name__ == "__main__":
    main()
