/*
 * bs_linear.c - linear layer on a map of one pixel; its outputs are logits.
 *
 * Scratch: the widened pixel.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_widen.h"

BS_COLD size_t bs_scratch_linear(const bs_conv *layer)
{
    return bs_vector_bytes(layer->in_c);
}

BS_COLD bs_status bs_linear(const bs_conv *layer, const uint8_t *in, int32_t *logits, void *scratch)
{
    BS_REQUIRE(bs_check_linear(layer, in, logits, scratch));
    const bs_dot_function dot_vector = bs_dot_function_of(1, layer->weight_bits);
    const bs_channels channels = bs_channels_of(layer);
    const uint32_t out_c = layer->out_c;
    const uint32_t sum = bs_widen_vector(in, layer->in_bits, layer->in_c, layer->weight_bits, scratch);
    bs_dot dot;
    bs_dot_start(&dot, scratch, layer->in_c, 1, layer->weight_bits);
    const uint32_t row_bytes = dot.row_bytes;
    const uint8_t *row = layer->weights;

    for (uint32_t o = 0; o < out_c; o += 2) {
        const uint32_t count = bs_min(out_c - o, 2);
        for (uint32_t r = 0; r < count; r++) {
            dot.sum[r][0] = (uint32_t)channels.bias[o + r] - channels.weight_zero[o + r] * sum;
        }
        if (count == 1) {
            dot.row_bytes = 0; /* the last row once more */
        }
        dot_vector(&dot, row);
        for (uint32_t r = 0; r < count; r++) {
            logits[o + r] = bs_scale(dot.sum[r][0], channels.multiplier[o + r], channels.shift[o + r]);
        }
        row += 2 * row_bytes;
    }
    return BS_OK;
}
