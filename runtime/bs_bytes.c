/*
 * bs_bytes.c - packed codes, four at a time, and bytes, many at a time.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_internal.h"

uint32_t bs_read_four(bs_reader *reader)
{
    const uint32_t bits = reader->bits;
    const uint32_t count = bs_min(reader->left, 4);
    const uint8_t *const codes = reader->codes;
    const uint32_t bytes = bs_bytes(count, bits);
    uint32_t packed = 0;
    reader->codes = codes + bytes;
    reader->left -= count;
    if (count == 4) {
        packed = bs_load_packed(codes, bits);
    } else {
        for (uint32_t i = bytes; i > 0; i--) {
            packed = packed << 8 | codes[i - 1];
        }
        packed &= (1u << count * bits) - 1; /* bits behind the last code may be anything */
    }
    return bs_spread(packed, bits);
}

BS_COLD void bs_store_codes(uint8_t *out, uint32_t bits, uint32_t count, uint32_t codes)
{
    uint32_t packed = bs_pack(codes & UINT32_C(0xFFFFFFFF) >> (32 - 8 * count), bits);
    for (uint32_t i = bs_bytes(count, bits); i > 0; i--) {
        *out++ = (uint8_t)packed;
        packed >>= 8;
    }
}

void bs_copy(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
    for (; bytes >= 4; bytes -= 4) {
        bs_store_word(to, bs_load_word(from));
        from += 4;
        to += 4;
    }
    for (; bytes > 0; bytes--) {
        *to++ = *from++;
    }
}

void bs_fill(uint8_t *to, uint32_t bytes, uint32_t code)
{
    const uint32_t word = code * UINT32_C(0x01010101);
    for (; bytes >= 8; bytes -= 8) {
        bs_store_word(to, word);
        bs_store_word(to + 4, word);
        to += 8;
    }
    for (; bytes > 0; bytes--) {
        *to++ = (uint8_t)code;
    }
}
