/*
 * bs_pixels.c - all output channels of one or two pixels.
 *
 * Blocks of two output channels by two pixels: each weight and each input that is loaded is used twice.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_pixels.h"

/* Puts the codes of output channel `o` for both pixels at bit `position`, given the dot products of plain codes. */
BS_INLINE void bs_finish(const bs_channels *channels, uint32_t o, const uint32_t dot[2], const uint32_t sum[2],
                         const bs_range *range, uint32_t codes[2], uint32_t position)
{
    const uint32_t bias = (uint32_t)channels->bias[o];
    const uint32_t zero = channels->weight_zero[o];
    const int32_t multiplier = channels->multiplier[o];
    const uint32_t shift = channels->shift[o];
    codes[0] |= bs_requantize(bias + dot[0] - zero * sum[0], multiplier, shift, range) << position;
    codes[1] |= bs_requantize(bias + dot[1] - zero * sum[1], multiplier, shift, range) << position;
}

/* bs_run_pixels for one width of the weights. */
BS_INLINE void bs_run_width(const bs_conv *layer, const bs_pixels *pixels, uint32_t weight_bits)
{
    const bs_channels channels = bs_channels_of(layer);
    const bs_range range = bs_range_of(layer->out_bits, layer->out_zero);
    const uint32_t row_bytes = bs_bytes(pixels->n, weight_bits);
    const uint32_t out_bits = layer->out_bits;
    const uint32_t out_c = layer->out_c;
    const uint8_t *row = layer->weights;
    uint8_t *out0 = pixels->out[0];
    uint8_t *out1 = pixels->out[1];

    for (uint32_t o = 0; o < out_c; o += 4) {
        const uint32_t count = bs_min(out_c - o, 4);
        uint32_t codes[2] = {0, 0};
        for (uint32_t i = 0; i < count; i += 2) {
            const bool second = i + 1 < count;
            const uint8_t *const next = second ? row + row_bytes : row;
            const bs_block dot = bs_dot_block(row, next, weight_bits, pixels->x, pixels->n);
            bs_finish(&channels, o + i, dot.a, pixels->sum, &range, codes, 8 * i);
            if (second) {
                bs_finish(&channels, o + i + 1, dot.b, pixels->sum, &range, codes, 8 * i + 8);
            }
            row += 2 * row_bytes;
        }
        bs_store_codes(out0, out_bits, count, codes[0]);
        out0 += out_bits >> 1;
        if (out1 != NULL) {
            bs_store_codes(out1, out_bits, count, codes[1]);
            out1 += out_bits >> 1;
        }
    }
}

void bs_run_pixels(const bs_conv *layer, const bs_pixels *pixels)
{
    switch (layer->weight_bits) {
    case 2:
        bs_run_width(layer, pixels, 2);
        break;
    case 4:
        bs_run_width(layer, pixels, 4);
        break;
    default:
        bs_run_width(layer, pixels, 8);
        break;
    }
}
