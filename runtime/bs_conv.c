/*
 * bs_conv.c - convolution over all channels with any kernel and stride, made for the first layer.
 *
 * The windows of two neighbouring output pixels are gathered from a ring of input rows into two long pixels, then
 * treated as in a pointwise convolution.
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
        const uint8_t *codes = bs_ring_row(ring, ky) + offset;
        for (const uint8_t *const end = codes + run; codes != end; x += 2) {
            sum += *codes;
            *x = *codes++;
        }
    }
    return sum;
}

size_t bs_scratch_conv_first(const bs_conv *layer)
{
    const uint32_t n = bs_window_codes(layer);
    return bs_ring_bytes(layer, layer->in_c) + bs_pair_bytes(n) + 2 * (uint32_t)layer->out_c * bs_round_up(n, 2);
}

bs_status bs_conv_first(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_conv_first(layer, in, out, scratch));
    const uint32_t out_bytes = bs_bytes(layer->out_c, layer->out_bits);
    const uint32_t step = (uint32_t)layer->stride * layer->in_c;
    uint16_t *const x = scratch;
    bs_pixels pixels = {.x = x, .n = bs_window_codes(layer)};
    bs_ring ring = bs_ring_start(layer, in, layer->in_c, (uint8_t *)scratch + bs_pair_bytes(pixels.n));
    if (layer->in_c == 3) {
        memcpy(ring.pad, layer->pad_code, 3);
    }
    if ((pixels.n & 3) != 0) {
        /* Between the end of a window and the next multiple of four. */
        memset(x + 2 * (pixels.n & ~3u), 0, 16);
    }

    for (uint32_t y = 0; y < layer->out_h; y++) {
        bs_ring_advance(&ring, y);
        for (uint32_t column = 0; column < layer->out_w; column += 2) {
            const bool pair = column + 1 < layer->out_w;
            const uint32_t offset = column * step;
            pixels.sum[0] = bs_gather(&ring, offset, x);
            pixels.sum[1] = bs_gather(&ring, pair ? offset + step : offset, x + 1);
            pixels.out[0] = out;
            pixels.out[1] = pair ? out + out_bytes : NULL;
            bs_run_pixels(layer, &pixels);
            out += pair ? 2 * out_bytes : out_bytes;
        }
    }
    return BS_OK;
}
