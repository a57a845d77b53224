"""1x1 の畳み込みとは何か（Keras 編）。PyTorch 編 (07_conv1x1_torch.py) と同じ数字が出ます。"""

import numpy as np
import tensorflow as tf
from tensorflow.keras import Sequential
from tensorflow.keras.layers import Conv2D, Dense, DepthwiseConv2D, Input, SeparableConv2D

# ---- Keras の画像は (バッチ, 高さ, 幅, チャネル) -------------------------------------------
image = np.array(
    [[[1, 2, 3], [4, 5, 6]], [[7, 8, 9], [10, 11, 12]]],
    dtype=np.float32,
)
x = image[np.newaxis]
print("入力", x.shape)

# ---- 手で重みを決める ----------------------------------------------------------------------
# Keras の重みは (高さ, 幅, 入力チャネル, 出力チャネル)。PyTorch とは順序が逆です。
conv = Conv2D(filters=2, kernel_size=1)
conv.build(x.shape)
print([tuple(w.shape) for w in conv.get_weights()])
kernel = np.array([[1.0, 0.5], [0.0, 0.5], [-1.0, 0.5]], np.float32).reshape(1, 1, 3, 2)
conv.set_weights([kernel, np.array([10.0, 0.0], np.float32)])
y = conv(x)
print(y.shape)
print(y.numpy())
print("左上の画素", y[0, 0, 0].numpy().tolist())

# ---- 全結合層と同じ ------------------------------------------------------------------------
dense = Dense(2)
dense.build(x.shape)
dense.set_weights([kernel[0, 0], np.array([10.0, 0.0], np.float32)])
print("Dense の出力", dense(x).shape, np.array_equal(dense(x).numpy(), y.numpy()))

# ---- Sequential で、層を重ねる -------------------------------------------------------------
model = Sequential(
    [
        Input(shape=(8, 8, 3)),
        Conv2D(16, 3, padding="same", activation="relu"),
        Conv2D(4, 1, activation="relu"),
        Conv2D(16, (3, 3), strides=2, padding="same"),
    ]
)
for layer in model.layers:
    shapes = [tuple(w.shape) for w in layer.get_weights()]
    print(layer.__class__.__name__, layer.count_params(), shapes)
print(model.output_shape, model.count_params())
print(model.predict(np.zeros((2, 8, 8, 3), np.float32), verbose=0).shape)

# ---- 層が一つだけの Sequential -------------------------------------------------------------
only = Sequential([Conv2D(1, 1, use_bias=False, input_shape=(2, 2, 3))])
only.set_weights([np.array([1.0, 1.0, 1.0], np.float32).reshape(1, 1, 3, 1)])
print(tf.squeeze(only.predict(x, verbose=0)).numpy())

# ---- 深さ方向と点方向 ----------------------------------------------------------------------
for layer in (SeparableConv2D(64, 3, use_bias=False), DepthwiseConv2D(3, use_bias=False)):
    layer.build((None, 10, 10, 32))
    print(type(layer).__name__, [tuple(w.shape) for w in layer.get_weights()], layer.count_params())

# ---- TensorFlow のテンソルとして表示する ---------------------------------------------------
print(tf.constant([[1.0, 2.0], [3.0, 4.0]]))
print(tf.squeeze(tf.constant([[[1], [2]]])).shape)
