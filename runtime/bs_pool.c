/*
 * bs_pool.c - global average pool.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_internal.h"

bs_status bs_avgpool(const bs_pool *layer, const uint8_t *in, uint8_t *out)
{
    BS_REQUIRE(bs_check_avgpool(layer, in, out));
    const uint32_t highest = bs_highest(layer->out_bits);
    const uint32_t in_bits = layer->in_bits;
    const uint32_t pixel_bytes = bs_bytes(layer->channels, in_bits);
    const uint32_t pixels = (uint32_t)layer->in_h * layer->in_w;

    for (uint32_t c = 0; c < layer->channels; c += 4) {
        const uint32_t count = bs_min(layer->channels - c, 4);
        const uint8_t *pixel = in;
        uint32_t acc[4];
        for (uint32_t i = 0; i < 4; i++) {
            acc[i] = (uint32_t)layer->bias;
        }
        for (uint32_t p = 0; p < pixels; p++) {
            const uint32_t codes = bs_load_codes(pixel, in_bits, count);
            acc[0] += codes & 0xFF;
            acc[1] += codes >> 8 & 0xFF;
            acc[2] += codes >> 16 & 0xFF;
            acc[3] += codes >> 24;
            pixel += pixel_bytes;
        }
        uint32_t codes = 0;
        for (uint32_t i = 0; i < count; i++) {
            const uint32_t code =
                bs_requantize(acc[i], layer->multiplier, layer->shift, layer->out_zero, highest);
            codes |= code << (8 * i);
        }
        bs_store_codes(out, layer->out_bits, count, codes);
        in += in_bits >> 1;
        out += layer->out_bits >> 1;
    }
    return BS_OK;
}
