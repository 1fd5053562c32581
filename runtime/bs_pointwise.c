/*
 * bs_pointwise.c - convolution with kernel 1 and stride 1.
 *
 * Scratch: two widened pixels; for few input channels also the widened weights, which the DSP version needs.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_pixels.h"

size_t bs_scratch_pointwise(const bs_conv *layer)
{
    const uint32_t in_c = layer->in_c;
    const bool widened = in_c <= 16 && layer->weight_bits < 8;
    return bs_pair_bytes(in_c) + (widened ? 2 * (uint32_t)layer->out_c * bs_round_up(in_c, 2) : 0);
}

bs_status bs_pointwise(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_pointwise(layer, in, out, scratch));
    const uint32_t in_bits = layer->in_bits;
    const uint32_t in_bytes = bs_bytes(layer->in_c, in_bits);
    const uint32_t out_bytes = bs_bytes(layer->out_c, layer->out_bits);
    uint16_t *const x = scratch;
    bs_pixels pixels = {.x = x, .n = layer->in_c};

    for (uint32_t left = (uint32_t)layer->in_h * layer->in_w; left > 0;) {
        const bool pair = left > 1;
        pixels.sum[0] = bs_widen(in, in_bits, pixels.n, x, 2);
        pixels.sum[1] = bs_widen(pair ? in + in_bytes : in, in_bits, pixels.n, x + 1, 2);
        pixels.out[0] = out;
        pixels.out[1] = pair ? out + out_bytes : NULL;
        bs_run_pixels(layer, &pixels);
        in += 2 * in_bytes;
        out += 2 * out_bytes;
        left -= pair ? 2 : 1;
    }
    return BS_OK;
}
