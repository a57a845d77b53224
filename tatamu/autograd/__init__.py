"""Derivatives: modes, ``backward``, ``grad``, functions of one's own, and what is built on them."""

from typing import TYPE_CHECKING

from tatamu import missing
from tatamu.autograd import functional, graph
from tatamu.autograd.anomaly_mode import (
    detect_anomaly,
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    set_detect_anomaly,
)
from tatamu.autograd.calls import backward, grad
from tatamu.autograd.check import gradcheck, gradgradcheck
from tatamu.autograd.function import Function
from tatamu.autograd.grad_mode import (
    enable_grad,
    inference_mode,
    is_grad_enabled,
    is_inference,
    is_inference_mode_enabled,
    no_grad,
    set_grad_enabled,
)
from tatamu.autograd.variable import Variable

__all__ = [
    "Function",
    "Variable",
    "backward",
    "detect_anomaly",
    "enable_grad",
    "functional",
    "grad",
    "gradcheck",
    "gradgradcheck",
    "graph",
    "inference_mode",
    "is_anomaly_check_nan_enabled",
    "is_anomaly_enabled",
    "is_grad_enabled",
    "is_inference",
    "is_inference_mode_enabled",
    "no_grad",
    "set_detect_anomaly",
    "set_grad_enabled",
]

if not TYPE_CHECKING:
    __getattr__ = missing.of_module("torch.autograd", __name__)
