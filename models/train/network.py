"""The encoder in plain torch: BERT layout, mean pooling, one sigmoid output for each head, helper outputs for training only."""
import torch
import torch.nn.functional as F
from torch import nn

import base
from examples import HEADS, HELPERS

ATTENTION_HEADS, EPSILON, PAD = 12, 1e-12, 1


class Layer(nn.Module):
    """One transformer layer. Plain products are faster than the fused attention when training on a CPU (measured: 1.5 times)."""

    def __init__(self):
        super().__init__()
        self.attention = nn.Module()
        self.attention.self = nn.ModuleDict({name: nn.Linear(base.HIDDEN, base.HIDDEN) for name in ("query", "key", "value")})
        self.attention.output = nn.Module()
        self.attention.output.dense = nn.Linear(base.HIDDEN, base.HIDDEN)
        self.attention.output.LayerNorm = nn.LayerNorm(base.HIDDEN, eps=EPSILON)
        self.intermediate = nn.Module()
        self.intermediate.dense = nn.Linear(base.HIDDEN, base.FEED_FORWARD)
        self.output = nn.Module()
        self.output.dense = nn.Linear(base.FEED_FORWARD, base.HIDDEN)
        self.output.LayerNorm = nn.LayerNorm(base.HIDDEN, eps=EPSILON)

    def forward(self, x, bias):
        rows, length, width = x.shape
        split = lambda name: self.attention.self[name](x).view(rows, length, ATTENTION_HEADS, -1).transpose(1, 2)
        query, key, value = split("query"), split("key"), split("value")
        weights = (query @ key.transpose(-1, -2) * (width // ATTENTION_HEADS) ** -0.5 + bias).softmax(-1)
        seen = (weights @ value).transpose(1, 2).reshape(rows, length, width)
        x = self.attention.output.LayerNorm(self.attention.output.dense(seen) + x)
        return self.output.LayerNorm(self.output.dense(F.gelu(self.intermediate.dense(x))) + x)


class Encoder(nn.Module):
    def __init__(self, layers, words):
        super().__init__()
        self.embeddings = nn.Module()
        self.embeddings.word_embeddings = nn.Embedding(words, base.HIDDEN)
        self.embeddings.position_embeddings = nn.Embedding(512, base.HIDDEN)
        self.embeddings.token_type_embeddings = nn.Embedding(2, base.HIDDEN)
        self.embeddings.LayerNorm = nn.LayerNorm(base.HIDDEN, eps=EPSILON)
        self.encoder = nn.Module()
        self.encoder.layer = nn.ModuleList(Layer() for _ in range(layers))

    def forward(self, ids, dropout=0.0):
        e, mask = self.embeddings, (ids != PAD)
        x = e.word_embeddings(ids) + e.position_embeddings(torch.arange(ids.shape[1])) + e.token_type_embeddings.weight[0]
        x = F.dropout(e.LayerNorm(x), dropout, dropout > 0)
        x = x.to(self.encoder.layer[0].output.dense.weight.dtype)
        bias = torch.where(mask, 0.0, -1e4)[:, None, None, :].to(x.dtype)
        for layer in self.encoder.layer:
            x = layer(x, bias)
        mask = mask.float().unsqueeze(-1)
        return (x.float() * mask).sum(1) / mask.sum(1)


class Outputs(nn.Module):
    """The heads that are released and the helper outputs (finer classes of some sets) that only shape the encoder."""

    def __init__(self):
        super().__init__()
        self.heads = nn.Linear(base.HIDDEN, len(HEADS))
        self.helpers = nn.ModuleList(nn.Linear(base.HIDDEN, len(classes)) for classes in HELPERS.values())
        for linear in (self.heads, *self.helpers):
            nn.init.normal_(linear.weight, std=0.02)
            nn.init.zeros_(linear.bias)


def encoder_of(state, keep=None):
    """An encoder with the weights of a state dictionary; `keep`: only these layers, in this order."""
    layers = 1 + max(int(name.split(".")[2]) for name in state if name.startswith("encoder.layer."))
    encoder = Encoder(layers, state[base.WORDS].shape[0])
    encoder.load_state_dict({name: torch.as_tensor(value) for name, value in state.items()})
    if keep is not None:
        encoder.encoder.layer = nn.ModuleList(encoder.encoder.layer[i] for i in keep)
    return encoder
