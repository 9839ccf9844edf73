"""Presets of tiny random backbones, one for each family of KerasHub."""

from pathlib import Path

import keras

ANY = (None, None, 3)


def _resnet(models, **changes):
    options = {
        "input_conv_filters": [64],
        "input_conv_kernel_sizes": [7],
        "stackwise_num_filters": [64, 8, 16, 16],
        "stackwise_num_blocks": [1, 1, 1, 1],
        "stackwise_num_strides": [1, 2, 2, 2],
        "block_type": "basic_block",
        "image_shape": ANY,
    }
    return models.ResNetBackbone(**(options | changes))


def _resnet_v2(models):
    return _resnet(models, block_type="bottleneck_block", use_pre_activation=True)


def _resnet_vd(models):
    stem = {"input_conv_filters": [8, 8, 64], "input_conv_kernel_sizes": [3, 3, 3]}
    return _resnet(models, block_type="basic_block_vd", **stem)


def _efficientnet(models):
    return models.EfficientNetBackbone(
        stackwise_width_coefficients=[1.0] * 7,
        stackwise_depth_coefficients=[1.0] * 7,
        stackwise_kernel_sizes=[3, 3, 5, 3, 5, 5, 3],
        stackwise_num_repeats=[1] * 7,
        stackwise_input_filters=[8] * 7,
        stackwise_output_filters=[8] * 7,
        stackwise_expansion_ratios=[1, 2, 2, 2, 2, 2, 2],
        stackwise_strides=[1, 2, 2, 2, 1, 2, 1],
        stackwise_squeeze_and_excite_ratios=[0.25] * 7,
        stackwise_block_types=["v1"] * 7,
        stackwise_force_input_filters=[0] * 7,
        stackwise_nores_option=[False] * 7,
        min_depth=8,
        width_coefficient=1.0,
        depth_coefficient=1.0,
    )


def _mobilenet(models):
    """A MobileNetV3, with squeeze and excitation and hard swish; its blocks are nested layers."""
    return models.MobileNetBackbone(
        stackwise_expansion=[[8], [16], [16], [16]],
        stackwise_num_blocks=[1, 1, 1, 1],
        stackwise_num_filters=[[8], [8], [8], [16]],
        stackwise_kernel_size=[[3], [3], [5], [5]],
        stackwise_num_strides=[[2], [2], [2], [1]],
        stackwise_se_ratio=[[None], [0.25], [0.25], [None]],
        stackwise_activation=[["relu"], ["hard_swish"], ["hard_swish"], ["hard_swish"]],
        stackwise_padding=[[1], [1], [2], [2]],
        output_num_filters=16,
        depthwise_filters=8,
        depthwise_stride=2,
        depthwise_residual=False,
        last_layer_filter=32,
        input_num_filters=8,
        image_shape=ANY,
    )


def _mit(models):
    return models.MiTBackbone(
        layerwise_depths=[1, 1, 1, 1],
        image_shape=(32, 32, 3),
        hidden_dims=[8, 8, 16, 16],
        num_layers=4,
        layerwise_num_heads=[1, 1, 2, 2],
        layerwise_sr_ratios=[8, 4, 2, 1],
        max_drop_path_rate=0.1,
        layerwise_patch_sizes=[7, 3, 3, 3],
        layerwise_strides=[4, 2, 2, 2],
    )


def _densenet(models):
    return models.DenseNetBackbone(
        stackwise_num_repeats=[1, 1, 1, 1], growth_rate=8, compression_ratio=0.5, image_shape=ANY
    )


def _cspnet(models):
    return models.CSPNetBackbone(
        stem_filters=8,
        stem_kernel_size=3,
        stem_strides=1,
        stem_padding="same",
        stackwise_depth=[1] * 5,
        stackwise_strides=[2] * 5,
        stackwise_num_filters=[8, 8, 8, 16, 16],
        stage_type="csp",
        block_type="dark_block",
        bottle_ratio=[0.5, 1, 1, 1, 1],
        block_ratio=[1, 0.5, 0.5, 0.5, 0.5],
        expand_ratio=[2, 1, 1, 1, 1],
        image_shape=ANY,
    )


def _hgnetv2(models):
    return models.HGNetV2Backbone(
        depths=[1, 1, 1, 1],
        embedding_size=8,
        hidden_sizes=[8, 8, 16, 16],
        stem_channels=[3, 8, 8],
        hidden_act="relu",
        use_learnable_affine_block=False,
        stackwise_stage_filters=[
            (8, 8, 8, 1, 1, 3),
            (8, 8, 8, 1, 1, 3),
            (8, 8, 16, 1, 1, 3),
            (16, 8, 16, 1, 1, 3),
        ],
        apply_downsample=[False, True, True, True],
        use_lightweight_conv_block=[False, False, True, True],
        image_shape=ANY,
    )


def _vgg(models):
    return models.VGGBackbone(
        stackwise_num_repeats=[1] * 5, stackwise_num_filters=[8] * 5, image_shape=ANY
    )


def _xception(models):
    return models.XceptionBackbone(
        stackwise_conv_filters=[[8, 8], [8, 8], [16, 16]],
        stackwise_pooling=[True, True, False],
        image_shape=ANY,
    )


def _vit(models):
    return models.ViTBackbone(
        image_shape=(256, 256, 3), patch_size=16, num_layers=1, num_heads=1, hidden_dim=8, mlp_dim=8
    )


FAMILIES = {
    "resnet": _resnet,
    "resnet_v2": _resnet_v2,
    "resnet_vd": _resnet_vd,
    "densenet": _densenet,
    "cspnet": _cspnet,
    "efficientnet": _efficientnet,
    "mobilenet_v3": _mobilenet,
    "hgnetv2": _hgnetv2,
    "vgg": _vgg,
}
"""Families that can be the encoder of a U-Net."""

USELESS = {"xception": _xception, "vit": _vit, "mit": _mit}
"""Families that cannot: Xception does not pad, so it does not halve the sides; ViT has no feature
maps; KerasHub 0.25 cannot load the layers of MiT again."""


def save(family: str, folder: Path, converter: dict | None = None) -> Path:
    """Saves a preset with `save_to_preset` of KerasHub; returns the folder."""
    import keras_hub

    keras.utils.set_random_seed(1)
    backbone = (FAMILIES | USELESS)[family](keras_hub.models)
    backbone.save_to_preset(str(folder))
    if converter is not None:
        kinds = (getattr(keras_hub.layers, name) for name in dir(keras_hub.layers))
        own = [kind for kind in kinds if getattr(kind, "backbone_cls", None) is type(backbone)]
        own[0](**converter).save_to_preset(str(folder))
    return folder
