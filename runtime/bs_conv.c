/*
 * bs_conv.c - convolution over all channels with any kernel and stride, made for the first layer.
 *
 * The windows of two neighbouring output pixels are gathered from a ring of input rows into two long pixels,
 * then treated as in a pointwise convolution.
 *
 * Scratch: the ring, two windows, and the widened weights, which the DSP version needs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_pixels.h"
#include "bs_ring.h"

/* Codes under a window: kernel * kernel * in_c. */
static uint32_t bs_window_codes(const bs_conv *layer)
{
    return (uint32_t)layer->kernel * layer->kernel * layer->in_c;
}

/* Widens the window whose top left pixel stands `offset` bytes into the rows of the ring; returns the sum. */
static uint32_t bs_gather(const bs_ring *ring, uint32_t offset, uint16_t *x)
{
    const bs_conv *const layer = ring->layer;
    const uint32_t run = (uint32_t)layer->kernel * layer->in_c;
    uint32_t sum = 0;
    for (uint32_t ky = 0; ky < layer->kernel; ky++) {
        sum += bs_widen_run(bs_ring_row(ring, ky) + offset, run, x, ky * run);
    }
    return sum;
}

size_t bs_scratch_conv_first(const bs_conv *layer)
{
    const uint32_t n = bs_window_codes(layer);
    const uint32_t widened_weights = 2 * (uint32_t)layer->out_c * bs_round_up(n, 2);
    return bs_ring_bytes(layer, layer->in_c) + bs_pair_bytes(n) + widened_weights;
}

bs_status bs_conv_first(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_conv_first(layer, in, out, scratch));
    const uint32_t out_bytes = bs_bytes(layer->out_c, layer->out_bits);
    const uint32_t step = (uint32_t)layer->stride * layer->in_c;
    const uint32_t n = bs_window_codes(layer);
    uint16_t *const x = scratch;
    bs_writer writer = bs_writer_start(layer, 0);
    bs_ring ring = bs_ring_start(layer, in, layer->in_c, (uint8_t *)scratch + bs_pair_bytes(n));
    if (layer->in_c == 3) {
        memcpy(ring.pad, layer->pad_code, 3);
    }
    memset(x, 0, bs_pair_bytes(n)); /* windows end before the next multiple of four codes */

    for (uint32_t y = 0; y < layer->out_h; y++) {
        bs_ring_advance(&ring, y);
        for (uint32_t left = layer->out_w, offset = 0; left > 0;) {
            const uint32_t count = bs_min(left, 2);
            const uint32_t second = count - 1; /* 0: the first pixel once more */
            uint32_t sums[2];
            sums[0] = bs_gather(&ring, offset, x);
            sums[1] = bs_gather(&ring, offset + second * step, x + 1);
            bs_write_to(&writer, out, out + second * out_bytes);
            bs_run_pixels(layer, x, n, sums, &writer);
            out += count * out_bytes;
            offset += count * step;
            left -= count;
        }
    }
    return BS_OK;
}
