/*
 * bs_depthwise.c - convolution of each channel by itself, 3x3 and 5x5.
 *
 * Channels are taken a block at a time, all of them or a multiple of 16. For each block the weights are
 * widened once, then the output is written row by row from a ring of input rows, two neighbouring pixels at a
 * time, so that each weight that is loaded is used twice.
 *
 * Scratch: the ring and the widened weights.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_ring.h"
#include "bs_writer.h"

/* A block of channels. */
typedef struct {
    const bs_conv *layer;
    uint32_t channels;
    const int16_t *weights; /* [channels][taps rounded up to even], without zero points */
} bs_dw_block;

/* Widened weights of one channel. */
BS_INLINE uint32_t bs_dw_taps(uint32_t kernel)
{
    return bs_round_up(kernel * kernel, 2);
}

/* Widens the weights of `count` channels from `first` on and takes off their zero points. */
static void bs_dw_widen(const bs_conv *layer, uint32_t first, uint32_t count, int16_t *weights)
{
    const uint32_t bits = layer->weight_bits;
    const uint32_t row_bytes = bs_bytes(layer->in_c, bits);
    const uint32_t taps = (uint32_t)layer->kernel * layer->kernel;
    const uint8_t *const weight_zero = bs_channels_of(layer).weight_zero;
    for (uint32_t c = first; c < first + count; c++) {
        const uint8_t *row = layer->weights;
        for (uint32_t tap = 0; tap < taps; tap++) {
            weights[tap] = (int16_t)(bs_code_at(row, bits, c) - weight_zero[c]);
            row += row_bytes;
        }
        weights += bs_dw_taps(layer->kernel);
    }
}

/* Adds one row of taps to the accumulators of two windows that are `step` bytes apart. */
BS_INLINE void bs_dw_tap_row(int32_t acc[2], const int16_t *weights, const uint8_t *row, uint32_t channels,
                             uint32_t step, uint32_t kernel)
{
#define BS_TAP(kx)                                                       \
    do {                                                                 \
        const int32_t w = weights[kx];                                   \
        acc[0] += w * row[(kx) * channels];                              \
        acc[1] += w * row[(kx) * channels + step];                       \
        BS_SETTLE(acc[0], acc[1]);                                       \
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

/* Writes the block's channels of two output pixels. rows[ky] are the leftmost pixels of the first window; the
   second window lies `step` bytes further. */
BS_INLINE void bs_dw_pixels(const bs_dw_block *block, const uint8_t *const rows[], uint32_t step,
                            bs_writer *writer, uint32_t kernel)
{
    const uint32_t channels = block->channels;
    const int16_t *weights = block->weights;
    for (uint32_t c = 0; c < channels; c++) {
        int32_t acc[2] = {0, 0};
        bs_dw_tap_row(acc, weights, rows[0] + c, channels, step, kernel);
        bs_dw_tap_row(acc, weights + kernel, rows[1] + c, channels, step, kernel);
        bs_dw_tap_row(acc, weights + 2 * kernel, rows[2] + c, channels, step, kernel);
        if (kernel == 5) {
            bs_dw_tap_row(acc, weights + 3 * kernel, rows[3] + c, channels, step, kernel);
            bs_dw_tap_row(acc, weights + 4 * kernel, rows[4] + c, channels, step, kernel);
        }
        bs_write_channel(writer, c, (uint32_t)acc[0], (uint32_t)acc[1]);
        weights += bs_dw_taps(kernel);
    }
    bs_write_rest(writer);
}

/* Writes the block's channels of one output row, whose first pixel's share stands at `out`. */
BS_INLINE void bs_dw_row(const bs_dw_block *block, const bs_ring *ring, bs_writer *writer, uint8_t *out,
                         uint32_t kernel)
{
    const bs_conv *const layer = block->layer;
    const uint32_t out_bytes = bs_bytes(layer->out_c, layer->out_bits);
    const uint32_t step = layer->stride * block->channels;
    const uint8_t *rows[5];
    for (uint32_t ky = 0; ky < kernel; ky++) {
        rows[ky] = bs_ring_row(ring, ky);
    }
    for (uint32_t left = layer->out_w; left > 0;) {
        const uint32_t count = bs_min(left, 2);
        const uint32_t second = count - 1; /* 0: the first pixel once more */
        bs_write_to(writer, out, out + second * out_bytes);
        bs_dw_pixels(block, rows, second * step, writer, kernel);
        for (uint32_t ky = 0; ky < kernel; ky++) {
            rows[ky] += count * step;
        }
        out += count * out_bytes;
        left -= count;
    }
}

size_t bs_scratch_depthwise(const bs_conv *layer)
{
    return bs_ring_bytes(layer, layer->block) + 2 * (uint32_t)layer->block * bs_dw_taps(layer->kernel);
}

bs_status bs_depthwise(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_depthwise(layer, in, out, scratch));
    const uint32_t row_bytes = layer->out_w * bs_bytes(layer->out_c, layer->out_bits);
    int16_t *const weights = scratch;
    uint8_t *const rows = (uint8_t *)scratch + 2 * (uint32_t)layer->block * bs_dw_taps(layer->kernel);

    for (uint32_t first = 0; first < layer->in_c; first += layer->block) {
        const uint32_t channels = bs_min(layer->in_c - first, layer->block);
        const bs_dw_block block = {layer, channels, weights};
        bs_dw_widen(layer, first, channels, weights);
        /* Blocks are multiples of 16 channels and so start on a byte. */
        bs_ring ring = bs_ring_start(layer, in + bs_bytes(first, layer->in_bits), channels, rows);
        bs_writer writer = bs_writer_start(layer, first);
        uint8_t *out_row = out + bs_bytes(first, layer->out_bits);
        for (uint32_t y = 0; y < layer->out_h; y++) {
            bs_ring_advance(&ring, y);
            if (layer->kernel == 5) {
                bs_dw_row(&block, &ring, &writer, out_row, 5);
            } else {
                bs_dw_row(&block, &ring, &writer, out_row, 3);
            }
            out_row += row_bytes;
        }
    }
    return BS_OK;
}
