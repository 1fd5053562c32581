/*
 * bs_pixels.c - all output channels of two pixels.
 *
 * Blocks of two output channels by two pixels: each weight and each input that is loaded is used twice.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_pixels.h"

void bs_run_pixels(const bs_conv *layer, const uint16_t *x, uint32_t n, const uint32_t sums[2],
                   bs_writer *writer)
{
    const bs_dot_pair dot_pair = bs_dot_pair_of(layer->weight_bits);
    const uint32_t row_bytes = bs_bytes(n, layer->weight_bits);
    const uint8_t *const weight_zero = bs_channels_of(layer).weight_zero;
    const uint32_t out_c = layer->out_c;
    const uint8_t *row = layer->weights;

    for (uint32_t o = 0; o < out_c; o += 2) {
        const uint32_t count = bs_min(out_c - o, 2);
        const uint8_t *const rows[2] = {row, count == 2 ? row + row_bytes : row};
        bs_block dot;
        dot_pair(rows, x, n, dot);
        for (uint32_t r = 0; r < count; r++) {
            const uint32_t zero = weight_zero[o + r];
            const uint32_t sum0 = (uint32_t)dot[r][0] - zero * sums[0];
            const uint32_t sum1 = (uint32_t)dot[r][1] - zero * sums[1];
            bs_write_channel(writer, o + r, sum0, sum1);
        }
        row += count * row_bytes;
    }
    bs_write_rest(writer);
}
