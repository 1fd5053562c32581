/*
 * bs_lookup.c - function of each code by a table, of a whole map or into some channels of a larger one.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_internal.h"

/* What the table says of four codes, given one byte each; one byte each. */
BS_INLINE uint32_t bs_look_up_four(const uint8_t *table, uint32_t codes)
{
    const uint32_t low = table[codes & 0xFF] | (uint32_t)table[codes >> 8 & 0xFF] << 8;
    const uint32_t high = table[codes >> 16 & 0xFF] | (uint32_t)table[codes >> 24] << 8;
    return low | high << 16;
}

/* Packs and writes the first `count` of four codes behind `filled` bits of a byte, which stay; zeros above them. */
static BS_COLD void bs_append_codes(uint8_t *out, uint32_t filled, uint32_t bits, uint32_t count, uint32_t codes)
{
    const uint32_t used = count * bits;
    const uint32_t below = *out & ((1u << filled) - 1);
    const uint32_t packed = bs_pack(codes, bits) & UINT32_C(0xFFFFFFFF) >> (32 - used);
    uint32_t bytes = packed << filled | below; /* codes of 8 bits begin on a byte */
    for (uint32_t n = (filled + used + 7) >> 3; n > 0; n--) {
        *out++ = (uint8_t)bytes;
        bytes >>= 8;
    }
}

bs_status bs_lookup_codes(const bs_lookup *layer, const uint8_t *in, uint8_t *out)
{
    BS_REQUIRE(bs_check_lookup(layer, in, out));
    const uint8_t *const table = layer->table;
    const uint32_t in_bits = layer->in_bits;
    const uint32_t out_bits = layer->out_bits;
    const uint32_t first_bit = layer->out_first * out_bits;
    const uint32_t filled = first_bit & 7;
    const uint32_t whole = filled == 0 ? layer->channels & ~3u : 0; /* channels that begin on bytes, in fours */
    const uint32_t out_bytes = bs_bytes(layer->out_channels, out_bits);
    out += first_bit >> 3;
    for (uint32_t pixels = (uint32_t)layer->h * layer->w; pixels > 0; pixels--) {
        uint8_t *group = out;
        for (uint32_t c = 0; c < whole; c += 4) {
            const uint32_t codes = bs_spread(bs_load_packed(in, in_bits), in_bits);
            bs_store_four(group, out_bits, bs_look_up_four(table, codes));
            in += in_bits >> 1;
            group += out_bits >> 1;
        }
        bs_reader reader = {in, in_bits, layer->channels - whole};
        while (reader.left > 0) {
            const uint32_t count = bs_min(reader.left, 4);
            const uint32_t codes = bs_look_up_four(table, bs_read_four(&reader));
            bs_append_codes(group, filled, out_bits, count, codes);
            group += out_bits >> 1;
        }
        in = reader.codes;
        out += out_bytes;
    }
    return BS_OK;
}
