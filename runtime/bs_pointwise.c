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
    const bool narrow = in_c <= 16 && layer->weight_bits < 8;
    const uint32_t widened_weights = narrow ? 2 * (uint32_t)layer->out_c * bs_round_up(in_c, 2) : 0;
    return bs_pair_bytes(in_c) + widened_weights;
}

bs_status bs_pointwise(const bs_conv *layer, const uint8_t *in, uint8_t *out, void *scratch)
{
    BS_REQUIRE(bs_check_pointwise(layer, in, out, scratch));
    const uint32_t in_bits = layer->in_bits;
    const uint32_t in_bytes = bs_bytes(layer->in_c, in_bits);
    const uint32_t out_bytes = bs_bytes(layer->out_c, layer->out_bits);
    const uint32_t n = layer->in_c;
    uint16_t *const x = scratch;
    bs_writer writer = bs_writer_start(layer, 0);

    for (uint32_t left = (uint32_t)layer->in_h * layer->in_w; left > 0;) {
        const uint32_t count = bs_min(left, 2);
        const uint32_t second = count - 1; /* 0: the first pixel once more */
        uint32_t sums[2];
        sums[0] = bs_widen_pixel(in, in_bits, n, x);
        sums[1] = bs_widen_pixel(in + second * in_bytes, in_bits, n, x + 1);
        bs_write_to(&writer, out, out + second * out_bytes);
        bs_run_pixels(layer, x, n, sums, &writer);
        in += count * in_bytes;
        out += count * out_bytes;
        left -= count;
    }
    return BS_OK;
}
