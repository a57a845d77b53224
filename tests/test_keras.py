"""Keras's names give what Keras 3 on TensorFlow gave: numbers, training, printing, mistakes."""

from __future__ import annotations

import contextlib
import importlib
import io
import json
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from scripts_of_fixtures import script

import tatamu
from tatamu.interop import keras
from tatamu.interop.keras import layers
from tatamu.interop.keras import tensorflow as tf

FOLDER = Path(__file__).parent / "fixtures"
ARRAYS = dict(np.load(FOLDER / "keras.npz"))
FACTS = json.loads((FOLDER / "keras.json").read_text(encoding="utf-8"))
NAMES = {"keras": keras, "layers": layers, "tf": tf, "np": np}


CASES = script("keras_names")


def value(code: str) -> Any:
    return eval(code, dict(NAMES))


@pytest.fixture(autouse=True)
def counted_anew() -> None:
    keras.backend.clear_session()


@pytest.mark.parametrize("place", range(len(CASES.LAYERS)), ids=[c for c, _ in CASES.LAYERS])
def test_layer(place: int) -> None:
    code, _ = CASES.LAYERS[place]
    layer = value(code)
    x, y = ARRAYS[f"layer{place}.x"], ARRAYS[f"layer{place}.y"]
    layer(x)
    layer.set_weights(CASES.weights_like([w.shape for w in layer.get_weights()]))
    got = layer(x)
    np.testing.assert_allclose(got.numpy(), y, 2e-5, 2e-6)
    symbolic = layer(keras.Input(batch_shape=x.shape))
    assert tuple(symbolic.shape) == y.shape
    if f"layer{place}.training" in ARRAYS:
        trained = layer(x, training=True).numpy()
        np.testing.assert_allclose(trained, ARRAYS[f"layer{place}.training"], 2e-5, 2e-6)
        for index, weight in enumerate(layer.get_weights()):
            np.testing.assert_allclose(weight, ARRAYS[f"layer{place}.after{index}"], 1e-5)


@pytest.mark.parametrize("place", range(len(CASES.LOSSES)), ids=[c[0] for c in CASES.LOSSES])
def test_loss(place: int) -> None:
    code, true, pred = CASES.LOSSES[place]
    loss = keras.losses.get(value(code))
    assert float(loss(ARRAYS[true], ARRAYS[pred])) == pytest.approx(
        FACTS["losses"][place], rel=1e-5
    )


@pytest.mark.parametrize("place", range(len(CASES.OPTIMIZERS)), ids=CASES.OPTIMIZERS)
def test_training(place: int) -> None:
    weights, history = CASES.trained(NAMES, CASES.OPTIMIZERS[place])
    wanted = FACTS["histories"][place]
    assert list(history) == list(wanted)
    for name, numbers in history.items():
        np.testing.assert_allclose(numbers, wanted[name], 1e-3, 1e-5, err_msg=name)
    for index, weight in enumerate(weights):
        # Where a gradient is all but zero, the steps of these optimizers are its sign: rounding.
        np.testing.assert_allclose(weight, ARRAYS[f"trained{place}.{index}"], 2e-3, 3e-3)


@pytest.mark.parametrize("place", range(len(CASES.PRINTED)))
def test_printed_text(place: int) -> None:
    assert CASES.printed(CASES.PRINTED[place], NAMES) == FACTS["printed"][place]


@pytest.mark.parametrize("case", FACTS["mistakes"], ids=[c["code"] for c in FACTS["mistakes"]])
def test_mistake(case: dict[str, str]) -> None:
    with pytest.raises(Exception) as caught:  # its kind is compared below
        value(case["code"])
    kinds = [kind.__name__ for kind in type(caught.value).__mro__]
    assert case["kind"] in kinds
    first = case["text"].strip().splitlines()
    own = str(caught.value).strip().splitlines()
    listed = {"{'valid', 'same'}": "{'same', 'valid'}"}  # a set's order is chance
    for given, sorted_ in listed.items():
        first[0] = first[0].replace(given, sorted_)
    assert own[0].rstrip() == first[0].rstrip()
    if "Exception encountered" in first[0]:
        assert own == first


def test_what_keras_has_and_this_has_not() -> None:
    with pytest.raises(NotImplementedError, match=r"output_padding.*left out\n.*size \* strides"):
        layers.Conv2DTranspose(1, 3, output_padding=1)
    with pytest.raises(NotImplementedError, match=r"along axis 1 is left out"):
        layers.LayerNormalization(axis=1)
    with pytest.raises(NotImplementedError, match=r"tf.pad with mode='REFLECT' is left out"):
        tf.pad([[1.0]], [[1, 0], [0, 0]], "REFLECT")


def test_other_mistakes_are_named() -> None:
    with pytest.raises(ValueError, match=r"class numbers run from 0 to 7.*has 4 outputs"):
        keras.losses.SparseCategoricalCrossentropy()([0, 7], np.full((2, 4), 0.25, "f4"))
    with pytest.raises(ValueError, match=r"places for 0 to 1"):
        keras.utils.to_categorical([0, 2], 2)
    with pytest.raises(ValueError, match=r"expected min_ndim=4, found ndim=3.*\n.*x\[None\]"):
        layers.Conv2D(1, 3)(np.zeros((4, 4, 1), "f4"))
    with pytest.raises(ValueError, match=r"`inputs` not connected to `outputs`\n.*not among"):
        keras.Model(keras.Input((2,)), layers.Dense(1)(keras.Input((2,))))
    with pytest.raises(ValueError, match=r"with an unsupported type"):
        tf.constant("a")
    with pytest.raises(TypeError, match=r"Cannot convert value 'foo' to a TensorFlow DType"):
        tf.cast([1], "foo")
    with pytest.raises(TypeError, match=r"does not support item assignment\n.*cannot be changed"):
        tf.constant([1.0])[0] = 1
    with pytest.raises(TypeError, match=r"unhashable"):
        hash(tf.constant(1))
    place = keras.Input((2,))
    with pytest.raises(TypeError, match=r"symbolic KerasTensor cannot be used as a boolean"):
        bool(place)
    with pytest.raises(ValueError, match=r"KerasTensor is symbolic"):
        np.asarray(place)
    with pytest.raises(TypeError, match=r"combined with another KerasTensor, not with int"):
        place + 1
    with pytest.raises(ValueError, match=r"No loss to compute"):
        model = keras.Sequential([layers.Dense(1)])
        model.compile("sgd")
        model.fit(np.zeros((2, 2)), np.zeros(2), verbose=0)
    with pytest.raises(ValueError, match=r"Data cardinality is ambiguous"):
        model.compile("sgd", "mse")
        model.fit(np.zeros((2, 2)), np.zeros(3), verbose=0)
    with pytest.raises(ValueError, match=r"factor >= 1"):
        keras.callbacks.ReduceLROnPlateau(factor=2)
    with pytest.raises(ValueError, match=r"mode 'foo' is unknown"):
        keras.callbacks.EarlyStopping(mode="foo")
    with pytest.raises(ValueError, match=r"merge layer should be called on a list of at least 2"):
        layers.Add()(np.zeros((1, 2)))
    with pytest.raises(ValueError, match=r"kernel_size.*values {0}"):
        layers.Conv2D(1, 0)
    with pytest.raises(ValueError, match=r"kernel_size.*tuple of 2 integers"):
        layers.Conv2D(1, (1, 2, 3))
    with pytest.raises(ValueError, match=r"number of groups must be a positive integer"):
        layers.Conv2D(1, 1, groups=0)
    with pytest.raises(ValueError, match=r"`scale` must be positive"):
        keras.initializers.VarianceScaling(0)
    with pytest.raises(ValueError, match=r"must match. variable.shape="):
        layers.Dense(1).add_weight((2,)).assign([1.0])
    with pytest.raises(ValueError, match=r"Could not interpret initializer identifier: 3"):
        keras.initializers.get(3)
    with pytest.raises(NotImplementedError, match=r"does not have a `call\(\)` method"):
        keras.Layer()(np.zeros((1, 2)))


def digits() -> tuple[Any, Any]:
    random = np.random.default_rng(0)
    y = random.integers(0, 3, 90)
    x = random.standard_normal((90, 8, 8, 1)).astype("f4") * 0.1
    for i, label in enumerate(y):
        x[i, 2 * label : 2 * label + 2] += 1
    return x, y


def small() -> Any:
    return keras.Sequential(
        [
            keras.Input((8, 8, 1)),
            layers.Conv2D(4, 3, activation="relu"),
            layers.Flatten(),
            layers.Dense(3, activation="softmax"),
        ]
    )


def test_a_net_learns_and_tells_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    keras.utils.set_random_seed(1)
    net = small()
    net.compile(keras.optimizers.Adam(0.05), "sparse_categorical_crossentropy", metrics=["acc"])
    x, y = digits()
    history = net.fit(x, y, epochs=25, validation_data=(x[:30], y[:30]), verbose=2)
    out = capsys.readouterr().out
    assert out.startswith("Epoch 1/25\n3/3 - 0s - ")
    numbers = r"acc: [01]\.\d{4} - loss: [\d.e-]+ - val_acc: [01]\.\d{4} - val_loss"
    assert re.search(rf"3/3 - \ds - \d+(ms|us|s)/step - {numbers}", out)
    assert history.history["acc"][-1] > 0.9
    assert net.evaluate(x, y, verbose=0)[1] > 0.9
    assert set(net.evaluate(x, y, verbose=0, return_dict=True)) == {"acc", "loss"}
    assert net.predict(x[:7], verbose=0).shape == (7, 3)
    net.fit(x, y, verbose=1)
    bar = capsys.readouterr().out
    assert "\x1b[1m3/3\x1b[0m \x1b[32m" + "━" * 20 in bar
    assert bar.endswith("\n")


def test_the_same_seed_gives_the_same_net() -> None:
    found = []
    for _ in range(2):
        keras.backend.clear_session()
        keras.utils.set_random_seed(3)
        net = small()
        net.compile("sgd", "sparse_categorical_crossentropy")
        net.fit(*digits(), verbose=0)
        found.append(net.get_weights())
    assert all((a == b).all() for a, b in zip(*found, strict=True))


def test_early_stopping_brings_the_best_weights_back(capsys: pytest.CaptureFixture[str]) -> None:
    net = small()
    net.compile(keras.optimizers.SGD(50.0), "sparse_categorical_crossentropy")
    x, y = digits()
    stop = keras.callbacks.EarlyStopping(
        monitor="loss", patience=2, restore_best_weights=True, verbose=1
    )
    history = net.fit(x, y, epochs=60, verbose=0, callbacks=[stop])
    assert len(history.epoch) < 60
    out = capsys.readouterr().out
    assert f"Epoch {len(history.epoch)}: early stopping" in out
    assert all((a == b).all() for a, b in zip(net.get_weights(), stop.best_weights, strict=True))
    with pytest.warns(UserWarning, match=r"`val_loss` which is not available"):
        net.fit(x, y, verbose=0, callbacks=keras.callbacks.EarlyStopping())


def test_other_callbacks(tmp_path: Path) -> None:
    net = small()
    net.compile("sgd", "sparse_categorical_crossentropy")
    x, y = digits()
    told: list[int] = []
    net.fit(
        x, y, epochs=4, verbose=0,
        callbacks=[
            keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: told.append(epoch)),
            keras.callbacks.LearningRateScheduler(lambda epoch: 0.1 / (1 + epoch)),
            keras.callbacks.ModelCheckpoint(tmp_path / "best.npz", "loss", save_best_only=True),
            keras.callbacks.ReduceLROnPlateau("loss", patience=1, min_delta=1e9),
        ],
    )  # fmt: skip
    assert told == [0, 1, 2, 3]
    assert net.optimizer.rate() < 0.03
    other = small()
    other.load_weights(tmp_path / "best.npz")
    assert other.get_weights()[0].shape == (3, 3, 1, 4)
    assert list(tmp_path.iterdir()) == [tmp_path / "best.npz"]
    nan = keras.callbacks.TerminateOnNaN()
    net.set_weights([np.full_like(w, np.nan) for w in net.get_weights()])
    with contextlib.redirect_stdout(io.StringIO()) as out:
        history = net.fit(x, y, epochs=3, verbose=0, callbacks=[nan])
    assert "Batch 0: Invalid loss, terminating training" in out.getvalue()
    assert len(history.epoch) == 1


def test_a_class_of_ones_own_and_a_single_layer() -> None:
    class Net(keras.Model):
        def __init__(self) -> None:
            super().__init__()
            self.conv = layers.Conv2D(2, 3, activation="relu")
            self.head = layers.Dense(1)
            self.drop = layers.Dropout(0.5)

        def call(self, x: Any, training: bool = False) -> Any:
            x = self.drop(self.conv(x), training=training)
            return self.head(tf.reduce_mean(x, axis=(1, 2)))

    net = Net()
    assert net(np.zeros((2, 5, 5, 1), "f4")).shape == (2, 1)
    assert [layer.name for layer in net.layers] == ["conv2d", "dense", "dropout"]
    net.compile("sgd", "mse")
    net.fit(np.zeros((4, 5, 5, 1)), np.ones(4), verbose=0)
    assert net.get_weights()[-1][0] > 0
    alone = keras.Sequential(layers.Conv2D(1, 2, kernel_initializer="ones"))
    assert alone(np.ones((1, 2, 2, 1))).numpy().item() == 4.0


def test_skip_connections_train() -> None:
    place = keras.Input((8, 8, 1))
    x = layers.Conv2D(1, 3, padding="same")(place)
    x = layers.Concatenate()([x, place])
    x = layers.Average()([x, x]) * x
    out = layers.Dense(3, activation="softmax")(layers.Flatten()(x))
    net = keras.Model(inputs=place, outputs=out)
    net.compile(keras.optimizers.Adam(0.02), "sparse_categorical_crossentropy", metrics="accuracy")
    history = net.fit(*digits(), epochs=6, verbose=0)
    assert history.history["loss"][-1] < history.history["loss"][0]
    assert net.layers[-1].output_shape == (None, 3)


def test_initial_values_have_their_variance() -> None:
    for name, wanted in (
        ("glorot_uniform", 2 / 500), ("he_normal", 2 / 200), ("lecun_normal", 1 / 200),
        ("random_normal", 0.0025), ("truncated_normal", 0.0025 * 0.7737), ("he_uniform", 2 / 200),
    ):  # fmt: skip
        drawn = keras.initializers.get(name)((200, 300))
        assert drawn.var() == pytest.approx(wanted, rel=0.05)
    q = keras.initializers.Orthogonal(seed=0)((4, 4))
    np.testing.assert_allclose(q @ q.T, np.eye(4), atol=1e-6)
    same = keras.initializers.GlorotUniform(seed=1)
    assert (same((2, 2)) == same((2, 2))).all()


def test_constraints_and_regularizers() -> None:
    w = np.array([[3.0, -1.0], [4.0, 0.5]], "f4")
    norms = np.linalg.norm(w, axis=0)
    assert np.linalg.norm(keras.constraints.UnitNorm()(w), axis=0) == pytest.approx([1, 1], 1e-5)
    held = np.linalg.norm(keras.constraints.MinMaxNorm(2, 3)(w), axis=0)
    assert held == pytest.approx([3, 2], 1e-5)
    assert norms[0] == 5
    assert keras.constraints.NonNeg()(w).min() == 0
    layer = layers.Dense(1, kernel_regularizer=keras.regularizers.l1_l2(0.1, 0.01))
    layer(np.ones((1, 2), "f4"))
    layer.set_weights([np.array([[1.0], [-2.0]], "f4"), np.zeros(1, "f4")])
    assert float(layer.losses[0]) == pytest.approx(0.1 * 3 + 0.01 * 5)


def test_metrics() -> None:
    metric = keras.metrics.SparseCategoricalAccuracy()
    assert float(metric([0, 1], [[0.9, 0.1], [0.8, 0.2]])) == 0.5
    assert float(keras.metrics.BinaryAccuracy()([1, 0], [[0.7], [0.8]])) == 0.5
    top = keras.metrics.TopKCategoricalAccuracy(k=2)
    assert float(top([[0, 0, 1]], [[0.5, 0.3, 0.2]])) == 0.0
    mean = keras.metrics.Mean()
    mean.update_state([1.0, 3.0])
    assert float(mean.result()) == 2.0


def test_the_names_under_which_scripts_import_them() -> None:
    with tatamu.install():
        from tensorflow.keras.layers import Conv2D  # type: ignore[import-not-found]

        tensorflow = importlib.import_module("tensorflow")
        assert Conv2D is layers.Conv2D is tensorflow.keras.layers.Conv2D
        assert importlib.import_module("keras.utils").to_categorical is keras.utils.to_categorical
        assert tensorflow.__version__ > "2.1"
        printed = str(tensorflow.squeeze(tensorflow.constant([[1.0]])))
    assert printed == "tf.Tensor(1.0, shape=(), dtype=float32)"
    assert "tensorflow" not in sys.modules


def test_a_keras_that_is_imported_already_keeps_its_names(monkeypatch: pytest.MonkeyPatch) -> None:
    real = ModuleType("keras")
    monkeypatch.setitem(sys.modules, "keras", real)
    with tatamu.install() as done:
        assert done.did
        assert importlib.import_module("keras") is real
        with pytest.raises(ModuleNotFoundError):
            importlib.import_module("keras.layers")


def test_a_layer_that_was_built_keeps_its_weights() -> None:
    conv, alone = layers.Conv2D(2, 1), Scaled()
    for layer in (conv, alone):
        layer.build((None, 2, 2, 3))
        assert layer.built
    conv.set_weights([np.ones((1, 1, 3, 2), np.float32), np.zeros(2, np.float32)])
    assert conv(np.ones((1, 2, 2, 3), np.float32)).numpy().tolist() == [[[[3.0] * 2] * 2] * 2]
    assert conv.count_params() == 8


class Scaled(layers.Layer):  # type: ignore[misc]
    def build(self, input_shape: Any) -> None:
        self.scale = self.add_weight((input_shape[-1],), "ones")
