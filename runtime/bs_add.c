/*
 * bs_add.c - residual add of two maps of the same shape.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_internal.h"

/* Sums of four codes each, packed as they are. */
static uint32_t bs_add_four(const bs_add *layer, uint32_t a, uint32_t b)
{
    const int32_t multiplier_a = layer->multiplier[0];
    const int32_t multiplier_b = layer->multiplier[1];
    const int32_t highest = (int32_t)bs_highest(layer->out_bits);
    uint32_t codes = 0;
    for (uint32_t position = 0; position < 32; position += 8) {
        const int32_t sum = (int32_t)(a >> position & 0xFF) * multiplier_a
            + (int32_t)(b >> position & 0xFF) * multiplier_b + layer->offset;
        const int32_t code = sum >> layer->shift;
        codes |= (uint32_t)(code < 0 ? 0 : code > highest ? highest : code) << position;
    }
    return codes;
}

bs_status bs_residual_add(const bs_add *layer, const uint8_t *a, const uint8_t *b, uint8_t *out)
{
    BS_REQUIRE(bs_check_residual_add(layer, a, b, out));
    for (uint32_t pixels = (uint32_t)layer->h * layer->w; pixels > 0; pixels--) {
        bs_reader reader_a = {a, layer->bits[0], layer->channels};
        bs_reader reader_b = {b, layer->bits[1], layer->channels};
        uint8_t *group = out;
        while (reader_a.left > 0) {
            const uint32_t count = bs_min(reader_a.left, 4);
            const uint32_t codes_a = bs_read_four(&reader_a);
            const uint32_t codes_b = bs_read_four(&reader_b);
            const uint32_t codes = bs_add_four(layer, codes_a, codes_b);
            bs_store_codes(group, layer->out_bits, count, codes);
            group += layer->out_bits >> 1;
        }
        a = reader_a.codes;
        b = reader_b.codes;
        out += bs_bytes(layer->channels, layer->out_bits);
    }
    return BS_OK;
}
