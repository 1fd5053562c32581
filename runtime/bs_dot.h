/*
 * bs_dot.h - inner products of widened codes and packed weights.
 *
 * Codes are widened to 16 bits once, then meet all weight rows. The order of the widened codes belongs to the
 * product that reads them, so both are kept together here: code k of pixel p of a pair stands at x[2 * k + p],
 * code k of a vector at x[k], with zeros up to a multiple of four codes. A version for cores with the DSP
 * extension replaces these functions and nothing else.
 *
 * Products are of plain codes; the caller subtracts weight_zero times the sum of the codes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_DOT_H
#define BS_DOT_H

#include "bs_internal.h"

/* Bytes of one vector of n widened codes. */
BS_INLINE uint32_t bs_vector_bytes(uint32_t n)
{
    return 2 * bs_round_up(n, 16);
}

/* Bytes of two pixels of n widened codes. */
BS_INLINE uint32_t bs_pair_bytes(uint32_t n)
{
    return 2 * bs_vector_bytes(n);
}

/* Widens n packed codes to every `lanes`-th element of x (1: a vector; 2: pixel 0 of a pair if x is its start,
   pixel 1 if x is one further). Returns the sum of the codes. */
BS_INLINE uint32_t bs_widen(const uint8_t *codes, uint32_t bits, uint32_t n, uint16_t *x, uint32_t lanes)
{
    uint32_t sum = 0;
    for (uint32_t left = n; left > 0;) {
        const uint32_t count = bs_min(left, 4);
        const uint32_t four = bs_load_codes(codes, bits, count);
        for (uint32_t i = 0; i < 4; i++) {
            const uint32_t code = four >> (8 * i) & 0xFF;
            x[i * lanes] = (uint16_t)code;
            sum += code;
        }
        codes += bits >> 1;
        x += 4 * lanes;
        left -= count;
    }
    return sum;
}

/* Dot products of two weight rows (a, b) with two pixels (0, 1). */
typedef struct {
    uint32_t a[2], b[2];
} bs_block;

/* Adds the products of code k of four. */
BS_INLINE void bs_block_step(bs_block *acc, uint32_t k, uint32_t a, uint32_t b, uint32_t bits, const uint16_t *x)
{
    const uint32_t mask = (1u << bits) - 1;
    const uint32_t weight_a = a >> (k * bits) & mask;
    const uint32_t weight_b = b >> (k * bits) & mask;
    acc->a[0] += weight_a * x[2 * k];
    acc->a[1] += weight_a * x[2 * k + 1];
    acc->b[0] += weight_b * x[2 * k];
    acc->b[1] += weight_b * x[2 * k + 1];
}

/* Adds the products of four packed codes of each row. */
BS_INLINE void bs_block_four(bs_block *acc, uint32_t a, uint32_t b, uint32_t bits, const uint16_t *x)
{
    bs_block_step(acc, 0, a, b, bits, x);
    bs_block_step(acc, 1, a, b, bits, x);
    bs_block_step(acc, 2, a, b, bits, x);
    bs_block_step(acc, 3, a, b, bits, x);
}

/* Two weight rows of n codes times a pair of pixels. */
BS_INLINE bs_block bs_dot_block(const uint8_t *row_a, const uint8_t *row_b, uint32_t bits, const uint16_t *x, uint32_t n)
{
    const uint32_t step = bits >> 1;
    const uint32_t tail = n & 3;
    const uint16_t *const end = x + 2 * (n - tail);
    bs_block acc = {{0, 0}, {0, 0}};
    for (; x != end; x += 8) {
        bs_block_four(&acc, bs_load_packed(row_a, bits, 4), bs_load_packed(row_b, bits, 4), bits, x);
        row_a += step;
        row_b += step;
    }
    if (tail != 0) {
        /* Weights past the end of a row meet the zeros behind the pixels. */
        bs_block_four(&acc, bs_load_packed(row_a, bits, tail), bs_load_packed(row_b, bits, tail), bits, x);
    }
    return acc;
}

/* Adds the products of four packed codes of a row. */
BS_INLINE uint32_t bs_vector_four(uint32_t row, uint32_t bits, const uint16_t *x)
{
    const uint32_t mask = (1u << bits) - 1;
    return (row & mask) * x[0] + (row >> bits & mask) * x[1] + (row >> (2 * bits) & mask) * x[2]
        + (row >> (3 * bits) & mask) * x[3];
}

/* One weight row of n codes times a vector. */
BS_INLINE uint32_t bs_dot_vector(const uint8_t *row, uint32_t bits, const uint16_t *x, uint32_t n)
{
    const uint32_t tail = n & 3;
    const uint16_t *const end = x + (n - tail);
    uint32_t acc = 0;
    for (; x != end; x += 4) {
        acc += bs_vector_four(bs_load_packed(row, bits, 4), bits, x);
        row += bits >> 1;
    }
    if (tail != 0) {
        acc += bs_vector_four(bs_load_packed(row, bits, tail), bits, x);
    }
    return acc;
}

#endif
