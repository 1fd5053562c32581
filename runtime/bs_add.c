/*
 * bs_add.c - residual add of two maps of the same shape.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_internal.h"

bs_status bs_residual_add(const bs_add *layer, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    BS_REQUIRE(bs_check_residual_add(layer, a, b, out));
    const int32_t highest = (int32_t)bs_highest(layer->out_bits);
    const int32_t multiplier_a = layer->multiplier[0];
    const int32_t multiplier_b = layer->multiplier[1];

    for (uint32_t pixels = (uint32_t)layer->h * layer->w; pixels > 0; pixels--) {
        for (uint32_t left = layer->channels; left > 0;) {
            const uint32_t count = bs_min(left, 4);
            const uint32_t codes_a = bs_load_codes(a, layer->bits[0], count);
            const uint32_t codes_b = bs_load_codes(b, layer->bits[1], count);
            uint32_t codes = 0;
            for (uint32_t position = 0; position < 8 * count; position += 8) {
                const int32_t sum = (int32_t)(codes_a >> position & 0xFF) * multiplier_a
                    + (int32_t)(codes_b >> position & 0xFF) * multiplier_b + layer->offset;
                const int32_t code = sum >> layer->shift;
                codes |= (uint32_t)(code < 0 ? 0 : code > highest ? highest : code) << position;
            }
            bs_store_codes(out, layer->out_bits, count, codes);
            a += bs_bytes(count, layer->bits[0]);
            b += bs_bytes(count, layer->bits[1]);
            out += bs_bytes(count, layer->out_bits);
            left -= count;
        }
    }
    return BS_OK;
}
