"""A Trainer of the Hugging Face kind: rows are dicts, the model takes keywords and gives a loss."""

import torch
from torch import nn
from torch.utils.data import DataLoader
from torchvision.datasets import FakeData
from torchvision.transforms import v2

to_float = v2.Compose([v2.ToImage(), v2.ToDtype(torch.float32, scale=True)])
augment = v2.Compose([v2.RandomResizedCrop(32), v2.RandomHorizontalFlip(), to_float])


class Rows(torch.utils.data.Dataset):
    """As ``datasets.Dataset.with_transform`` gives them."""

    def __init__(self, count):
        self.data = FakeData(count, (3, 32, 32), 10)

    def __len__(self):
        return len(self.data)

    def __getitem__(self, i):
        image, label = self.data[i]
        return {"pixel_values": augment(image), "labels": label}


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        features = [nn.Conv2d(3, 8, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten()]
        self.body = nn.Sequential(*features, nn.Linear(8, 10))

    def forward(self, pixel_values, labels=None):
        logits = self.body(pixel_values)
        return {"loss": nn.functional.cross_entropy(logits, labels), "logits": logits}


class Trainer:
    def __init__(self, model, train_dataset, data_collator=None):
        self.model, self.optimizer = model, torch.optim.AdamW(model.parameters(), lr=1e-3)
        self.loader = DataLoader(train_dataset, 16, num_workers=2, collate_fn=data_collator)
        self.batches = []

    def train(self, epochs):
        self.model.train()
        for _ in range(epochs):
            for inputs in self.loader:
                inputs = {key: value.to("cpu") for key, value in inputs.items()}
                self.batches.append(inputs["pixel_values"])
                loss = self.model(**inputs)["loss"]
                loss.backward()
                self.optimizer.step()
                self.optimizer.zero_grad()
        return loss


def main():
    trainer = Trainer(Model(), Rows(64))
    loss = trainer.train(epochs=2)
    return trainer.batches, float(loss)


if __name__ == "__main__":
    main()
