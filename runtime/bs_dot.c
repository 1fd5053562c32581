/*
 * bs_dot.c - inner products of widened codes and packed weights, in portable C.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_dot.h"

/* Widens n packed codes to every `lanes`-th element of x, with zeros up to a multiple of four codes. */
BS_INLINE uint32_t bs_widen(const uint8_t *codes, uint32_t bits, uint32_t n, uint16_t *x, uint32_t lanes)
{
    uint32_t sum = 0;
    for (uint32_t left = n; left > 0;) {
        const uint32_t count = bs_min(left, 4);
        const uint32_t four = bs_load_codes(codes, bits, count);
        const uint32_t code0 = four & 0xFF;
        const uint32_t code1 = four >> 8 & 0xFF;
        const uint32_t code2 = four >> 16 & 0xFF;
        const uint32_t code3 = four >> 24;
        x[0] = (uint16_t)code0;
        x[lanes] = (uint16_t)code1;
        x[2 * lanes] = (uint16_t)code2;
        x[3 * lanes] = (uint16_t)code3;
        sum += code0 + code1 + code2 + code3;
        codes += bits >> 1;
        x += 4 * lanes;
        left -= count;
    }
    return sum;
}

uint32_t bs_widen_pixel(const uint8_t *codes, uint32_t bits, uint32_t n, uint16_t *x)
{
    return bs_widen(codes, bits, n, x, 2);
}

uint32_t bs_widen_vector(const uint8_t *codes, uint32_t bits, uint32_t n, uint16_t *x)
{
    return bs_widen(codes, bits, n, x, 1);
}

uint32_t bs_widen_run(const uint8_t *codes, uint32_t n, uint16_t *x, uint32_t position)
{
    uint32_t sum = 0;
    x += 2 * position;
    for (const uint8_t *const end = codes + n; codes != end; codes++) {
        *x = *codes;
        sum += *codes;
        x += 2;
    }
    return sum;
}

/* Code k of four packed ones. */
BS_INLINE int32_t bs_packed_code(uint32_t packed, uint32_t k, uint32_t bits)
{
    return (int32_t)(packed >> (k * bits) & bs_highest(bits));
}

/* Adds the products of weight k of each row with both pixels. */
BS_INLINE void bs_pair_step(bs_block acc, uint32_t packed0, uint32_t packed1, uint32_t k, uint32_t bits,
                            const uint16_t *x)
{
    const int32_t weight0 = bs_packed_code(packed0, k, bits);
    const int32_t weight1 = bs_packed_code(packed1, k, bits);
    acc[0][0] += weight0 * x[2 * k];
    acc[0][1] += weight0 * x[2 * k + 1];
    acc[1][0] += weight1 * x[2 * k];
    acc[1][1] += weight1 * x[2 * k + 1];
    BS_SETTLE(acc[0][0], acc[0][1]);
    BS_SETTLE(acc[1][0], acc[1][1]);
}

/* bs_dot_pair for one width of the weights. */
BS_INLINE void bs_pair(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, bs_block dot,
                       uint32_t bits)
{
    const uint8_t *row0 = rows[0];
    const uint8_t *row1 = rows[1];
    bs_block acc = {{0, 0}, {0, 0}};
    for (const uint16_t *const end = x + 2 * bs_round_up(n, 4); x != end; x += 8) {
        const uint32_t packed0 = bs_load_packed(row0, bits);
        const uint32_t packed1 = bs_load_packed(row1, bits);
        bs_pair_step(acc, packed0, packed1, 0, bits, x);
        bs_pair_step(acc, packed0, packed1, 1, bits, x);
        bs_pair_step(acc, packed0, packed1, 2, bits, x);
        bs_pair_step(acc, packed0, packed1, 3, bits, x);
        row0 += bits >> 1;
        row1 += bits >> 1;
    }
    dot[0][0] = acc[0][0];
    dot[0][1] = acc[0][1];
    dot[1][0] = acc[1][0];
    dot[1][1] = acc[1][1];
}

static void bs_pair_2(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, bs_block dot)
{
    bs_pair(rows, x, n, dot, 2);
}

static void bs_pair_4(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, bs_block dot)
{
    bs_pair(rows, x, n, dot, 4);
}

static void bs_pair_8(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, bs_block dot)
{
    bs_pair(rows, x, n, dot, 8);
}

bs_dot_pair bs_dot_pair_of(uint32_t weight_bits)
{
    return weight_bits == 2 ? bs_pair_2 : weight_bits == 4 ? bs_pair_4 : bs_pair_8;
}

/* Adds the products of weight k of each row with the vector. */
BS_INLINE void bs_vector_step(int32_t acc[2], uint32_t packed0, uint32_t packed1, uint32_t k, uint32_t bits,
                              const uint16_t *x)
{
    acc[0] += bs_packed_code(packed0, k, bits) * x[k];
    acc[1] += bs_packed_code(packed1, k, bits) * x[k];
    BS_SETTLE(acc[0], acc[1]);
}

/* bs_dot_vector for one width of the weights. */
BS_INLINE void bs_vector(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, int32_t dot[2],
                         uint32_t bits)
{
    const uint8_t *row0 = rows[0];
    const uint8_t *row1 = rows[1];
    int32_t acc[2] = {0, 0};
    for (const uint16_t *const end = x + bs_round_up(n, 4); x != end; x += 4) {
        const uint32_t packed0 = bs_load_packed(row0, bits);
        const uint32_t packed1 = bs_load_packed(row1, bits);
        bs_vector_step(acc, packed0, packed1, 0, bits, x);
        bs_vector_step(acc, packed0, packed1, 1, bits, x);
        bs_vector_step(acc, packed0, packed1, 2, bits, x);
        bs_vector_step(acc, packed0, packed1, 3, bits, x);
        row0 += bits >> 1;
        row1 += bits >> 1;
    }
    dot[0] = acc[0];
    dot[1] = acc[1];
}

static void bs_vector_2(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, int32_t dot[2])
{
    bs_vector(rows, x, n, dot, 2);
}

static void bs_vector_4(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, int32_t dot[2])
{
    bs_vector(rows, x, n, dot, 4);
}

static void bs_vector_8(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, int32_t dot[2])
{
    bs_vector(rows, x, n, dot, 8);
}

bs_dot_vector bs_dot_vector_of(uint32_t weight_bits)
{
    return weight_bits == 2 ? bs_vector_2 : weight_bits == 4 ? bs_vector_4 : bs_vector_8;
}
