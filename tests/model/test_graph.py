from __future__ import annotations

import mindspore as ms
import numpy as np
from mindspore import Tensor, ops

from ddag.model.graph import (
    GraphAttention,
    GraphBranch,
    draw_masks,
    identity_graph,
    lone_graph,
    on_floor,
)

NODES, CHANNELS, FEATURES, HEADS = 6, 5, 4, 3


def filled(cell: ms.nn.Cell) -> ms.nn.Cell:
    generator = np.random.default_rng(0)
    for parameter in cell.get_parameters():
        parameter.set_data(Tensor(generator.normal(size=parameter.shape).astype(np.float32)))
    return cell


def nodes() -> np.ndarray:
    return np.random.default_rng(1).normal(size=(NODES, CHANNELS)).astype(np.float32)


def test_graph_links_the_same_identity_across_modalities() -> None:
    links = identity_graph(Tensor([7, 9, 7], ms.int32)).asnumpy()
    np.testing.assert_array_equal(links, [[1, 0, 1], [0, 1, 0], [1, 0, 1]])


def test_without_a_graph_each_image_has_itself_alone() -> None:
    links = lone_graph(Tensor([7, 9, 7], ms.int32)).asnumpy()
    np.testing.assert_array_equal(links, np.eye(3))


def test_the_share_on_the_floor_by_hand() -> None:
    scores = Tensor(np.array([[-1.0, -0.9995], [-0.99, 3.0]], np.float32))
    assert float(on_floor(scores)) == 0.5


def plain_attention(x: np.ndarray, weight: np.ndarray, a: np.ndarray, edges: np.ndarray):
    """One head as the paper writes it: a^T [h_i || h_j] for every pair."""
    hidden = x @ weight
    scores = np.full(edges.shape, -9e15)
    for i, j in np.argwhere(edges):
        score = np.concatenate([hidden[i], hidden[j]]) @ a[:, 0]
        scores[i, j] = score if score > 0 else 0.2 * score
    attention = np.exp(scores - scores.max(1, keepdims=True))
    out = attention / attention.sum(1, keepdims=True) @ hidden
    return np.where(out > 0, out, np.exp(np.minimum(out, 0)) - 1)


def test_each_head_is_the_attention_that_the_paper_writes() -> None:
    layer = filled(GraphAttention(CHANNELS, FEATURES, heads=HEADS))
    edges = identity_graph(Tensor([0, 0, 1, 1, 0, 2], ms.int32))
    mask = Tensor(np.ones((HEADS, NODES, NODES), np.float32))
    ours = layer(Tensor(nodes()), edges, mask).asnumpy()
    for head in range(HEADS):
        expected = plain_attention(
            nodes(), layer.weight[head].asnumpy(), layer.attention[head].asnumpy(),
            edges.asnumpy() > 0,
        )  # fmt: skip
        np.testing.assert_allclose(
            ours[:, head * FEATURES : (head + 1) * FEATURES], expected, rtol=1e-4, atol=1e-5
        )


def test_every_head_gets_a_gradient_and_reaches_the_output() -> None:
    branch = filled(GraphBranch(CHANNELS, hidden=FEATURES, heads=HEADS, classes=3))
    identities = Tensor([0, 0, 1, 1, 0, 2], ms.int32)
    masks = draw_masks(
        np.random.default_rng(0), 0, nodes=NODES, channels=CHANNELS, heads=HEADS, hidden=FEATURES
    )

    def loss(x: Tensor) -> Tensor:
        return branch(x, identities, *map(Tensor, masks))[:, 0].sum()

    weights = branch.trainable_params()
    _, gradients = ops.value_and_grad(loss, None, ms.ParameterTuple(weights))(Tensor(nodes()))
    for parameter, gradient in zip(weights, gradients):
        for head in gradient.asnumpy():
            assert np.abs(head).max() > 0, parameter.name


def test_images_without_an_edge_do_not_see_each_other() -> None:
    layer = filled(GraphAttention(CHANNELS, FEATURES, heads=HEADS))
    edges = identity_graph(Tensor([0, 0, 1, 1, 0, 2], ms.int32))
    mask = Tensor(np.ones((HEADS, NODES, NODES), np.float32))
    changed = nodes()
    changed[5] += 1
    before = layer(Tensor(nodes()), edges, mask).asnumpy()
    after = layer(Tensor(changed), edges, mask).asnumpy()
    np.testing.assert_array_equal(before[:5], after[:5])
    assert np.abs(before[5] - after[5]).max() > 0


def test_dropout_masks_drop_their_share_and_keep_the_mean() -> None:
    shape = {"nodes": 64, "channels": 512, "heads": 4, "hidden": 128}
    for mask in draw_masks(np.random.default_rng(0), 0.2, **shape):
        assert abs((mask == 0).mean() - 0.2) < 0.02
        np.testing.assert_allclose(np.unique(mask), [0, 1.25])


def test_dropout_masks_repeat_by_generator() -> None:
    shape = {"nodes": 4, "channels": 5, "heads": 2, "hidden": 3}
    first, second, other = (
        draw_masks(np.random.default_rng(seed), 0.5, **shape) for seed in (0, 0, 1)
    )
    for one, same in zip(first, second):
        np.testing.assert_array_equal(one, same)
    assert any((one != another).any() for one, another in zip(first, other))
