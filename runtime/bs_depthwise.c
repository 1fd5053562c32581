/*
 * bs_depthwise.c - convolution of each channel by itself, 3x3 and 5x5.
 *
 * Channels are taken a block at a time, all of them or a multiple of 16. For each block the weights are widened
 * once, then the output is written row by row from a ring of input rows, two neighbouring pixels at a time, so
 * that each weight that is loaded is used twice.
 *
 * Scratch: the ring and the widened weights.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_ring.h"

/* A block of channels. */
typedef struct {
    const bs_conv *layer;
    bs_channels params;     /* of the block's first channel on */
    bs_range range;
    int16_t *weights;       /* [channels][taps rounded up to even], without zero points */
    uint32_t channels;
} bs_dw_block;

/* Weights of one channel in bs_dw_block. */
BS_INLINE uint32_t bs_dw_taps(uint32_t kernel)
{
    return bs_round_up(kernel * kernel, 2);
}

/* Widens the weights of a block and takes off their zero points. */
static void bs_dw_widen(const bs_dw_block *block, uint32_t first_channel)
{
    const bs_conv *const layer = block->layer;
    const uint32_t bits = layer->weight_bits;
    const uint32_t row_bytes = bs_bytes(layer->in_c, bits);
    const uint32_t taps = (uint32_t)layer->kernel * layer->kernel;
    int16_t *weights = block->weights;
    for (uint32_t c = 0; c < block->channels; c++) {
        const uint8_t *row = layer->weights;
        const uint32_t zero = block->params.weight_zero[c];
        for (uint32_t tap = 0; tap < taps; tap++) {
            weights[tap] = (int16_t)(bs_code_at(row, bits, first_channel + c) - zero);
            row += row_bytes;
        }
        weights += bs_dw_taps(layer->kernel);
    }
}

/* Adds one row of taps to the accumulators of two windows that are `step` bytes apart. */
BS_INLINE void bs_dw_tap_row(uint32_t acc[2], const int16_t *weights, const uint8_t *row, uint32_t channels,
                             uint32_t step, uint32_t kernel)
{
#define BS_TAP(kx)                                                       \
    do {                                                                 \
        const int32_t w = weights[kx];                                   \
        acc[0] += (uint32_t)(w * row[(kx) * channels]);                  \
        acc[1] += (uint32_t)(w * row[(kx) * channels + step]);           \
    } while (0)
    BS_TAP(0);
    BS_TAP(1);
    BS_TAP(2);
    if (kernel == 5) {
        BS_TAP(3);
        BS_TAP(4);
    }
#undef BS_TAP
}

/* Writes the block's channels of two neighbouring output pixels. rows[ky] are the top left to bottom left pixels
   of the first window; the second window lies `step` bytes further. */
BS_INLINE void bs_dw_pixels(const bs_dw_block *block, const uint8_t *const rows[], uint32_t step, uint8_t *const out[2],
                            uint32_t kernel)
{
    const uint32_t channels = block->channels;
    const uint32_t out_bits = block->layer->out_bits;
    const int16_t *weights = block->weights;
    uint8_t *out0 = out[0];
    uint8_t *out1 = out[1];

    for (uint32_t first = 0; first < channels; first += 4) {
        const uint32_t count = bs_min(channels - first, 4);
        uint32_t codes[2] = {0, 0};
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t c = first + i;
            const uint32_t bias = (uint32_t)block->params.bias[c];
            uint32_t acc[2] = {bias, bias};
            bs_dw_tap_row(acc, weights, rows[0] + c, channels, step, kernel);
            bs_dw_tap_row(acc, weights + kernel, rows[1] + c, channels, step, kernel);
            bs_dw_tap_row(acc, weights + 2 * kernel, rows[2] + c, channels, step, kernel);
            if (kernel == 5) {
                bs_dw_tap_row(acc, weights + 3 * kernel, rows[3] + c, channels, step, kernel);
                bs_dw_tap_row(acc, weights + 4 * kernel, rows[4] + c, channels, step, kernel);
            }
            weights += bs_dw_taps(kernel);

            const int32_t multiplier = block->params.multiplier[c];
            const uint32_t shift = block->params.shift[c];
            codes[0] |= bs_requantize(acc[0], multiplier, shift, &block->range) << (8 * i);
            codes[1] |= bs_requantize(acc[1], multiplier, shift, &block->range) << (8 * i);
        }
        bs_store_codes(out0, out_bits, count, codes[0]);
        out0 += out_bits >> 1;
        if (out1 != NULL) {
            bs_store_codes(out1, out_bits, count, codes[1]);
            out1 += out_bits >> 1;
        }
    }
}

/* Writes the block's channels of one output row, whose first pixel's share stands at `out`. */
BS_INLINE void bs_dw_row(const bs_dw_block *block, const bs_ring *ring, uint8_t *out, uint32_t kernel)
{
    const bs_conv *const layer = block->layer;
    const uint32_t out_bytes = bs_bytes(layer->out_c, layer->out_bits);
    const uint32_t step = layer->stride * block->channels;
    const uint8_t *rows[5];
    for (uint32_t ky = 0; ky < kernel; ky++) {
        rows[ky] = bs_ring_row(ring, ky);
    }
    for (uint32_t left = layer->out_w; left > 0;) {
        const bool pair = left > 1;
        uint8_t *const outs[2] = {out, pair ? out + out_bytes : NULL};
        bs_dw_pixels(block, rows, pair ? step : 0, outs, kernel);
        for (uint32_t ky = 0; ky < kernel; ky++) {
            rows[ky] += 2 * step;
        }
        out += 2 * out_bytes;
        left -= pair ? 2 : 1;
    }
}

size_t bs_scratch_depthwise(const bs_conv *layer)
{
    return bs_ring_bytes(layer, layer->block) + 2 * (uint32_t)layer->block * bs_dw_taps(layer->kernel);
}

bs_status bs_depthwise(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_depthwise(layer, in, out, scratch));
    const uint32_t all = layer->in_c;
    const uint32_t row_bytes = layer->out_w * bs_bytes(layer->out_c, layer->out_bits);
    uint8_t *const rows = (uint8_t *)scratch + 2 * (uint32_t)layer->block * bs_dw_taps(layer->kernel);
    bs_dw_block block = {
        .layer = layer,
        .params = bs_channels_of(layer),
        .range = bs_range_of(layer->out_bits, layer->out_zero),
        .weights = scratch,
    };
    for (uint32_t first = 0; first < all; first += layer->block) {
        block.channels = bs_min(all - first, layer->block);
        bs_dw_widen(&block, first);
        /* Blocks are multiples of 16 channels and so start on a byte. */
        bs_ring ring = bs_ring_start(layer, in + bs_bytes(first, layer->in_bits), block.channels, rows);
        uint8_t *out_row = out + bs_bytes(first, layer->out_bits);
        for (uint32_t y = 0; y < layer->out_h; y++) {
            bs_ring_advance(&ring, y);
            if (layer->kernel == 5) {
                bs_dw_row(&block, &ring, out_row, 5);
            } else {
                bs_dw_row(&block, &ring, out_row, 3);
            }
            out_row += row_bytes;
        }
        block.params.bias += block.channels;
        block.params.multiplier += block.channels;
        block.params.shift += block.channels;
        block.params.weight_zero += block.channels;
    }
    return BS_OK;
}
