/*
 * bs_linear.c - linear layer on a map of one pixel; its outputs are logits.
 *
 * Scratch: the widened pixel.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_dot.h"

/* All logits, for one width of the weights. */
BS_INLINE void bs_run_logits(const bs_conv *layer, const uint16_t *x, uint32_t sum, int32_t *logits, uint32_t bits)
{
    const bs_channels channels = bs_channels_of(layer);
    const uint32_t n = layer->in_c;
    const uint32_t row_bytes = bs_bytes(n, bits);
    const uint8_t *row = layer->weights;
    for (uint32_t o = 0; o < layer->out_c; o++) {
        const uint32_t dot = bs_dot_vector(row, bits, x, n);
        const uint32_t acc = (uint32_t)channels.bias[o] + dot - channels.weight_zero[o] * sum;
        logits[o] = bs_scale((int32_t)acc, channels.multiplier[o], channels.shift[o]);
        row += row_bytes;
    }
}

size_t bs_scratch_linear(const bs_conv *layer)
{
    return bs_vector_bytes(layer->in_c);
}

bs_status bs_linear(const bs_conv *layer, const uint8_t *in, int32_t *logits, void *scratch)
{
    BS_REQUIRE(bs_check_linear(layer, in, logits, scratch));
    uint16_t *const x = scratch;
    const uint32_t sum = bs_widen(in, layer->in_bits, layer->in_c, x, 1);
    switch (layer->weight_bits) {
    case 2:
        bs_run_logits(layer, x, sum, logits, 2);
        break;
    case 4:
        bs_run_logits(layer, x, sum, logits, 4);
        break;
    default:
        bs_run_logits(layer, x, sum, logits, 8);
        break;
    }
    return BS_OK;
}
