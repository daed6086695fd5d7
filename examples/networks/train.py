"""Trains the networks of the examples: python3 train.py faithful | digits. Needs PyTorch (1.13 or later) and NumPy, and nothing to run
what it writes.

F of D(x) = c_skip·x + c_out·F(c_in·x, ¼·ln σ) (Karras et al. 2022) is fitted to E[X | x] under the law that the example has as its target: the
kernel density of the data, whose posterior mean is known, so that the noise of single draws is not in the loss.
"""

import math
import sys

import numpy
import torch

torch.manual_seed(1)
torch.set_num_threads(1)

CASES = {
    # data, bandwidth, deviation s of EDM, width, steps, batch, levels
    "faithful": ("../faithful.csv", 0.2, 1.0, 64, 12000, 128, (0.02, 10.0)),
    "digits": ("../digits.csv", 0.1, 0.5, 256, 3000, 128, (0.03, 20.0)),
}


class Network(torch.nn.Module):
    """d + 16 → width → width → d, with ¼·ln σ as sines and cosines."""

    def __init__(self, d, width):
        super().__init__()
        self.register_buffer("frequencies", torch.tensor([[1.0, 2.0, 3.0, 4.0, 6.0, 8.0, 11.0, 15.0]]))
        self.layers = torch.nn.Sequential(
            torch.nn.Linear(d + 16, width),
            torch.nn.SiLU(),
            torch.nn.Linear(width, width),
            torch.nn.SiLU(),
            torch.nn.Linear(width, width) if d < 10 else torch.nn.Identity(),
            torch.nn.SiLU() if d < 10 else torch.nn.Identity(),
            torch.nn.Linear(width, d),
        )

    def forward(self, x, cNoise):
        angles = cNoise * self.frequencies
        return self.layers(torch.cat([x, torch.sin(angles), torch.cos(angles)], dim=1))


def data(name, path):
    if name == "digits":
        return numpy.loadtxt(path, delimiter=",")
    rows = numpy.loadtxt(path, delimiter=",", skiprows=1)
    return (rows - rows.mean(axis=0)) / rows.std(axis=0)


def main(name):
    path, bandwidth, deviation, width, steps, batch, (least, most) = CASES[name]
    atoms = torch.tensor(data(name, path), dtype=torch.float32)
    n, d = atoms.shape
    squares = (atoms * atoms).sum(dim=1)
    network = Network(d, width)
    averaged = Network(d, width)
    averaged.load_state_dict(network.state_dict())
    optimizer = torch.optim.Adam(network.parameters(), lr=2e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=3e-3, total_steps=steps)
    v = bandwidth * bandwidth

    for step in range(steps):
        sigma = torch.exp(torch.rand(batch, 1) * math.log(most / least)) * least
        wide = v + sigma * sigma
        x = atoms[torch.randint(n, (batch,))] + torch.sqrt(wide) * torch.randn(batch, d)
        with torch.no_grad():
            share = torch.softmax((x @ atoms.T - 0.5 * squares) / wide, dim=1)
            truth = (sigma * sigma * (share @ atoms) + v * x) / wide
        whole = sigma * sigma + deviation * deviation
        skip, out = deviation * deviation / whole, sigma * deviation / torch.sqrt(whole)
        found = network(x / torch.sqrt(whole), torch.log(sigma) / 4)
        loss = ((found - (truth - skip * x) / out) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        with torch.no_grad():
            for own, other in zip(averaged.parameters(), network.parameters()):
                own.lerp_(other, 0.002 if d < 10 else 0.005)
        if step % 500 == 0:
            print(step, loss.item(), flush=True)
            save(averaged, d, name)

    save(averaged, d, name)


def save(averaged, d, name):
    averaged.eval()
    torch.onnx.export(
        averaged,
        (torch.zeros(2, d), torch.zeros(2, 1)),
        f"{name}.onnx",
        input_names=["x", "cNoise"],
        output_names=["f"],
        dynamic_axes={"x": {0: "n"}, "cNoise": {0: "n"}, "f": {0: "n"}},
        opset_version=13,
    )


main(sys.argv[1])
