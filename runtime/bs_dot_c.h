/*
 * bs_dot_c.h - inner products in portable C.
 *
 * A word of a pair holds a code of the first pixel in its low half and one of the second in its high half, so
 * that one multiplication with a weight gives both products. A word of a vector holds two codes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_DOT_C_H
#define BS_DOT_C_H

#include "bs_internal.h"

/* Weight k of four packed ones. */
BS_INLINE uint32_t bs_packed_code(uint32_t packed, uint32_t k, uint32_t bits)
{
    return packed >> (k * bits) & bs_highest(bits);
}

/* Adds the products of weight k of each row with both pixels. */
BS_INLINE void bs_add_narrow(uint32_t acc[2], uint32_t packed0, uint32_t packed1, uint32_t k, uint32_t bits,
                             const uint32_t *x)
{
    const uint32_t both = x[k];
    acc[0] += bs_packed_code(packed0, k, bits) * both;
    acc[1] += bs_packed_code(packed1, k, bits) * both;
    BS_SETTLE(acc[0], acc[1]);
}

/* Adds to the sums the products of two rows of up to 4 bits with two pixels. */
BS_INLINE void bs_dot_narrow(bs_dot *dot, const uint8_t *row0, uint32_t bits)
{
    /* Groups of four products that do not overflow the halves: 4 * 4 * 15 * 255 and 20 * 4 * 3 * 255 are below 2^16. */
    const uint32_t most = bits == 4 ? 4 : 20;
    const uint8_t *row1 = row0 + dot->row_bytes;
    const uint32_t *x = dot->x;
    bs_dot sums = *dot;
    for (uint32_t left = (uint32_t)(dot->end - x) / 4; left > 0;) {
        uint32_t count = bs_min(left, most);
        uint32_t acc[2] = {0, 0};
        left -= count;
        do {
            const uint32_t packed0 = bs_load_packed(row0, bits);
            const uint32_t packed1 = bs_load_packed(row1, bits);
            bs_add_narrow(acc, packed0, packed1, 0, bits, x);
            bs_add_narrow(acc, packed0, packed1, 1, bits, x);
            bs_add_narrow(acc, packed0, packed1, 2, bits, x);
            bs_add_narrow(acc, packed0, packed1, 3, bits, x);
            row0 += bits >> 1;
            row1 += bits >> 1;
            x += 4;
        } while (--count > 0);
        sums.sum[0][0] += acc[0] & 0xFFFF;
        sums.sum[0][1] += acc[0] >> 16;
        sums.sum[1][0] += acc[1] & 0xFFFF;
        sums.sum[1][1] += acc[1] >> 16;
    }
    *dot = sums;
}

/* Adds the products of a weight of each row with both pixels together, and with the second alone. */
BS_INLINE void bs_add_wide(uint32_t both[2], uint32_t second[2], uint32_t packed0, uint32_t packed1, uint32_t k,
                           const uint32_t *x)
{
    const uint32_t weight0 = bs_packed_code(packed0, k, 8);
    const uint32_t weight1 = bs_packed_code(packed1, k, 8);
    const uint32_t codes = x[k];
    both[0] += weight0 * codes;
    second[0] += weight0 * (codes >> 16);
    both[1] += weight1 * codes;
    second[1] += weight1 * (codes >> 16);
    BS_SETTLE(both[0], second[0]);
    BS_SETTLE(both[1], second[1]);
}

/* Adds to the sums the products of two rows of 8 bits with two pixels. */
BS_INLINE void bs_dot_wide(bs_dot *dot, const uint8_t *row0)
{
    const uint8_t *row1 = row0 + dot->row_bytes;
    const uint32_t *x = dot->x;
    uint32_t both[2] = {0, 0};
    uint32_t second[2] = {0, 0};
    for (; x != dot->end; x += 4) {
        const uint32_t packed0 = bs_load_packed(row0, 8);
        const uint32_t packed1 = bs_load_packed(row1, 8);
        bs_add_wide(both, second, packed0, packed1, 0, x);
        bs_add_wide(both, second, packed0, packed1, 1, x);
        bs_add_wide(both, second, packed0, packed1, 2, x);
        bs_add_wide(both, second, packed0, packed1, 3, x);
        row0 += 4;
        row1 += 4;
    }
    /* Modulo 2^32 the first pixel's sum is what is left without the second's in the high half. */
    for (uint32_t r = 0; r < 2; r++) {
        dot->sum[r][0] += both[r] - (second[r] << 16);
        dot->sum[r][1] += second[r];
    }
}

/* Adds to the sums the products of two rows with two pixels. */
BS_INLINE void bs_dot_pair(bs_dot *dot, const uint8_t *row0, uint32_t bits)
{
    if (bits == 8) {
        bs_dot_wide(dot, row0);
    } else {
        bs_dot_narrow(dot, row0, bits);
    }
}

/* Adds the products of a weight of each row with a code. */
BS_INLINE void bs_add_vector(uint32_t acc[2], uint32_t packed0, uint32_t packed1, uint32_t k, uint32_t bits,
                             uint32_t code)
{
    acc[0] += bs_packed_code(packed0, k, bits) * code;
    acc[1] += bs_packed_code(packed1, k, bits) * code;
    BS_SETTLE(acc[0], acc[1]);
}

/* Adds to the sums the products of two rows with a vector. */
BS_INLINE void bs_dot_vector(bs_dot *dot, const uint8_t *row0, uint32_t bits)
{
    const uint8_t *row1 = row0 + dot->row_bytes;
    const uint32_t *x = dot->x;
    uint32_t acc[2] = {0, 0};
    for (; x != dot->end; x += 2) {
        const uint32_t packed0 = bs_load_packed(row0, bits);
        const uint32_t packed1 = bs_load_packed(row1, bits);
        bs_add_vector(acc, packed0, packed1, 0, bits, x[0] & 0xFFFF);
        bs_add_vector(acc, packed0, packed1, 1, bits, x[0] >> 16);
        bs_add_vector(acc, packed0, packed1, 2, bits, x[1] & 0xFFFF);
        bs_add_vector(acc, packed0, packed1, 3, bits, x[1] >> 16);
        row0 += bits >> 1;
        row1 += bits >> 1;
    }
    dot->sum[0][0] += acc[0];
    dot->sum[1][0] += acc[1];
}

#endif
