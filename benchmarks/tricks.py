"""Effect of each trick of petseg.acceleration on a whole training step.

Trains both networks of params.yaml on a batch of random images, with every trick on and with each
one off in turn, in float32 and bfloat16. Prints how much longer a step takes without it.
"""

import argparse
import statistics
import time
from functools import partial

NETWORKS = ("unet", "shallow")
POLICIES = ("float32", "mixed_bfloat16")
BATCH = 16
STEPS = 5
"""Steps of one configuration before the next one's turn."""


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5, metavar="N", help="default: %(default)s")
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=list(NETWORKS))
    parser.add_argument("--policies", nargs="+", choices=POLICIES, default=list(POLICIES))
    options = parser.parse_args()

    from petseg.acceleration import TRICKS  # imports TensorFlow, which --help does not need

    print("| network | precision | without | ms a step | with all, ms | time without it |")
    print("| --- | --- | --- | ---: | ---: | ---: |")
    for network in options.networks:
        for policy in options.policies:
            with_all = training_step(network, policy, TRICKS)
            for trick in TRICKS:
                others = [other for other in TRICKS if other != trick]
                without = training_step(network, policy, others)
                row = measured(with_all, without, options.rounds)
                print(f"| {network} | {policy} | {trick} | {row} |", flush=True)


def training_step(network: str, policy: str, tricks):
    """Returns a function that trains the network on a batch once, with some of the tricks."""
    import keras
    import tensorflow as tf

    from benchmarks import pets
    from petseg.acceleration import accelerate
    from petseg.core.params import load_params
    from petseg.models import shallow, unet
    from petseg.training import optimizers
    from petseg.training.losses import Objective, segmentation_loss

    params = load_params()
    section = getattr(params, f"train_{network}")
    build = {
        "unet": partial(unet.build, encoder_weights=pets.encoder_weights()),
        "shallow": shallow.build,
    }[network]
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy(policy)
    model = accelerate(build(params.image_size, pets.CLASSES, section), tricks)
    keras.config.set_dtype_policy("float32")
    (group,) = optimizers.build_groups(model, section, ())
    objective = Objective(section.loss, (1.0,) * pets.CLASSES, has_void=False)
    size = (BATCH, *params.image_size)
    images = tf.random.stateless_uniform((*size, 3), seed=(1, 2), maxval=255)
    masks = tf.random.stateless_uniform(size, seed=(3, 4), maxval=pets.CLASSES, dtype=tf.int32)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            losses = segmentation_loss(masks, model(images, training=True), objective)
            loss = tf.reduce_mean(losses)
        gradients = tape.gradient(loss, [variable.value for variable in group.variables])
        group.optimizer.apply(gradients, group.variables)
        return loss

    return step


def measured(with_all, without, rounds: int) -> str:
    """Returns milliseconds without a trick and with all, and their median ratio."""
    for step in (with_all, without):
        seconds(step)  # builds the graph
    pairs = [(seconds(without), seconds(with_all)) for _ in range(rounds)]
    medians = [1000 * statistics.median(side) for side in zip(*pairs, strict=True)]
    ratio = statistics.median(slow / fast for slow, fast in pairs)
    return f"{medians[0]:.0f} | {medians[1]:.0f} | {ratio - 1:+.1%}"


def seconds(step) -> float:
    """Returns the median time of a few steps."""
    times = []
    for _ in range(STEPS):
        start = time.perf_counter()
        step().numpy()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


if __name__ == "__main__":
    main()
