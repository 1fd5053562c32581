/*
 * bs_multiply.c - product of a map and one number for each channel.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_code.h"

/* Accumulator of codes of map and gate, at a bit of four each. */
BS_INLINE uint32_t bs_product(const bs_multiply *layer, uint32_t a, uint32_t gate, uint32_t position)
{
    const int32_t distance_a = (int32_t)(a >> position & 0xFF) - layer->zero[0];
    const int32_t distance_gate = (int32_t)(gate >> position & 0xFF) - layer->zero[1];
    return (uint32_t)layer->bias + (uint32_t)(distance_a * distance_gate);
}

/* Codes of four products by a usual shift, one byte each. */
BS_INLINE uint32_t bs_multiply_quickly(const bs_multiply *layer, const bs_output *output, uint32_t a, uint32_t gate)
{
    const int32_t multiplier = layer->multiplier;
    const uint32_t shift = layer->shift - 32u;
    const uint32_t code0 = bs_quick_code(output, bs_product(layer, a, gate, 0), multiplier, shift);
    const uint32_t code1 = bs_quick_code(output, bs_product(layer, a, gate, 8), multiplier, shift);
    const uint32_t code2 = bs_quick_code(output, bs_product(layer, a, gate, 16), multiplier, shift);
    const uint32_t code3 = bs_quick_code(output, bs_product(layer, a, gate, 24), multiplier, shift);
    return bs_limit_four(output, code0 | code1 << 8 | code2 << 16 | code3 << 24);
}

/* The same by any shift. */
static BS_COLD uint32_t bs_multiply_four(const bs_multiply *layer, const bs_output *output, uint32_t a, uint32_t gate)
{
    uint32_t codes = 0;
    for (uint32_t position = 0; position < 32; position += 8) {
        const uint32_t acc = bs_product(layer, a, gate, position);
        codes |= bs_requantize(output, acc, layer->multiplier, layer->shift) << position;
    }
    return codes;
}

bs_status bs_multiply_channels(const bs_multiply *layer, const uint8_t *in, const uint8_t *gate, uint8_t *out)
{
    BS_REQUIRE(bs_check_multiply(layer, in, gate, out));
    const uint32_t in_bits = layer->bits[0];
    const uint32_t gate_bits = layer->bits[1];
    const uint32_t out_bits = layer->out_bits;
    const bs_output output = {layer->out_zero, bs_highest(out_bits)};
    /* Channels that are multiplied quickly, in fours. */
    const uint32_t whole = bs_is_quick(layer->shift - 32u) ? layer->channels & ~3u : 0;
    for (uint32_t pixels = (uint32_t)layer->h * layer->w; pixels > 0; pixels--) {
        const uint8_t *factors = gate;
        for (uint32_t c = 0; c < whole; c += 4) {
            const uint32_t codes = bs_spread(bs_load_packed(in, in_bits), in_bits);
            const uint32_t codes_gate = bs_spread(bs_load_packed(factors, gate_bits), gate_bits);
            bs_store_four(out, out_bits, bs_multiply_quickly(layer, &output, codes, codes_gate));
            in += in_bits >> 1;
            factors += gate_bits >> 1;
            out += out_bits >> 1;
        }
        bs_reader reader = {in, in_bits, layer->channels - whole};
        bs_reader reader_gate = {factors, gate_bits, layer->channels - whole};
        while (reader.left > 0) {
            const uint32_t count = bs_min(reader.left, 4);
            const uint32_t codes = bs_read_four(&reader);
            const uint32_t codes_gate = bs_read_four(&reader_gate);
            bs_store_codes(out, out_bits, count, bs_multiply_four(layer, &output, codes, codes_gate));
            out += bs_bytes(count, out_bits);
        }
        in = reader.codes;
    }
    return BS_OK;
}
