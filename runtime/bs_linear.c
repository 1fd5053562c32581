/*
 * bs_linear.c - linear layer on a map of one pixel; its outputs are logits.
 *
 * Scratch: the widened pixel.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_dot.h"

size_t bs_scratch_linear(const bs_conv *layer)
{
    return bs_vector_bytes(layer->in_c);
}

bs_status bs_linear(const bs_conv *layer, const uint8_t *in, int32_t *logits, void *scratch)
{
    BS_REQUIRE(bs_check_linear(layer, in, logits, scratch));
    const bs_dot_vector dot_vector = bs_dot_vector_of(layer->weight_bits);
    const bs_channels channels = bs_channels_of(layer);
    const uint32_t n = layer->in_c;
    const uint32_t row_bytes = bs_bytes(n, layer->weight_bits);
    const uint32_t out_c = layer->out_c;
    const uint8_t *row = layer->weights;
    uint16_t *const x = scratch;
    const uint32_t sum = bs_widen_vector(in, layer->in_bits, n, x);

    for (uint32_t o = 0; o < out_c; o += 2) {
        const uint32_t count = bs_min(out_c - o, 2);
        const uint8_t *const rows[2] = {row, count == 2 ? row + row_bytes : row};
        int32_t dot[2];
        dot_vector(rows, x, n, dot);
        for (uint32_t r = 0; r < count; r++) {
            const uint32_t acc =
                (uint32_t)channels.bias[o + r] + (uint32_t)dot[r] - channels.weight_zero[o + r] * sum;
            logits[o + r] = bs_scale(acc, channels.multiplier[o + r], channels.shift[o + r]);
        }
        row += count * row_bytes;
    }
    return BS_OK;
}
