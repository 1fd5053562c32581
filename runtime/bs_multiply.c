/*
 * bs_multiply.c - product of a map and one number for each channel.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_code.h"

/* Accumulator of two codes, which are at a bit of four each. */
BS_INLINE uint32_t bs_product(const bs_multiply *layer, uint32_t a, uint32_t gate, uint32_t position)
{
    const int32_t distance = (int32_t)(a >> position & 0xFF) - layer->zero[0];
    const int32_t distance_gate = (int32_t)(gate >> position & 0xFF) - layer->zero[1];
    return (uint32_t)layer->bias + (uint32_t)(distance * distance_gate);
}

/* Digits by which sums are shifted to the left, so that what follows is a shift from 32 on. */
BS_INLINE uint32_t bs_up_of(const bs_multiply *layer)
{
    return layer->shift < 32 ? 32u - layer->shift : 0;
}

/* Whether that leaves no sum beyond 32 bits, and the shift that follows suits bs_quick_code. */
static BS_COLD bool bs_is_usual(const bs_multiply *layer)
{
    const int32_t most = INT32_C(1) << 17; /* products are below 2^16 */
    const uint32_t up = bs_up_of(layer);
    return up == 0 ? bs_is_quick(layer->shift - 32u) : up <= 12 && layer->bias < most && layer->bias > -most;
}

/* Codes of four products, one byte each, if the layer is usual. */
BS_INLINE uint32_t bs_multiply_quickly(const bs_multiply *layer, uint32_t a, uint32_t gate)
{
    const bs_output output = {layer->out_zero, bs_highest(layer->out_bits)};
    const int32_t multiplier = layer->multiplier;
    const uint32_t up = bs_up_of(layer);
    const uint32_t shift = layer->shift + up - 32;
    uint32_t codes = bs_quick_code(&output, bs_product(layer, a, gate, 0) << up, multiplier, shift);
    codes |= bs_quick_code(&output, bs_product(layer, a, gate, 8) << up, multiplier, shift) << 8;
    codes |= bs_quick_code(&output, bs_product(layer, a, gate, 16) << up, multiplier, shift) << 16;
    codes |= bs_quick_code(&output, bs_product(layer, a, gate, 24) << up, multiplier, shift) << 24;
    return bs_limit_four(&output, codes);
}

/* The same of any layer. */
static BS_COLD uint32_t bs_multiply_four(const bs_multiply *layer, uint32_t a, uint32_t gate)
{
    const bs_output output = {layer->out_zero, bs_highest(layer->out_bits)};
    uint32_t codes = 0;
    for (uint32_t position = 0; position < 32; position += 8) {
        const uint32_t acc = bs_product(layer, a, gate, position);
        codes |= bs_requantize(&output, acc, layer->multiplier, layer->shift) << position;
    }
    return codes;
}

bs_status bs_multiply_channels(const bs_multiply *layer, const uint8_t *in, const uint8_t *gate, uint8_t *out)
{
    BS_REQUIRE(bs_check_multiply(layer, in, gate, out));
    const bs_multiply copy = *layer; /* which the compiler knows not to lie under the output */
    const uint32_t in_bits = copy.bits[0];
    const uint32_t gate_bits = copy.bits[1];
    const uint32_t out_bits = copy.out_bits;
    const uint32_t whole = bs_is_usual(layer) ? copy.channels & ~3u : 0; /* channels that are quick, in fours */
    for (uint32_t pixels = (uint32_t)copy.h * copy.w; pixels > 0; pixels--) {
        const uint8_t *factors = gate;
        for (uint32_t c = 0; c < whole; c += 4) {
            const uint32_t codes = bs_spread(bs_load_packed(in, in_bits), in_bits);
            const uint32_t codes_gate = bs_spread(bs_load_packed(factors, gate_bits), gate_bits);
            bs_store_four(out, out_bits, bs_multiply_quickly(&copy, codes, codes_gate));
            in += in_bits >> 1;
            factors += gate_bits >> 1;
            out += out_bits >> 1;
        }
        bs_reader reader = {in, in_bits, copy.channels - whole};
        bs_reader reader_gate = {factors, gate_bits, copy.channels - whole};
        while (reader.left > 0) {
            const uint32_t count = bs_min(reader.left, 4);
            const uint32_t codes = bs_read_four(&reader);
            const uint32_t codes_gate = bs_read_four(&reader_gate);
            bs_store_codes(out, out_bits, count, bs_multiply_four(layer, codes, codes_gate));
            out += bs_bytes(count, out_bits);
        }
        in = reader.codes;
    }
    return BS_OK;
}
