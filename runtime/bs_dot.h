/*
 * bs_dot.h - inner products of widened codes and packed weights.
 *
 * Codes are widened to 16 bits once, then meet all weight rows. The order of the widened codes belongs to the
 * product that reads them, so both are kept together in bs_dot.c: code k of pixel p of a pair stands at
 * x[2 * k + p], code k of a vector at x[k], with zeros up to a multiple of four codes. A version for cores
 * with the DSP extension replaces the functions of that file and nothing else.
 *
 * Products are of plain codes; the caller subtracts weight_zero times the sum of the codes. They stay within
 * int32 for up to BS_MOST_CODES codes.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_DOT_H
#define BS_DOT_H

#include "bs_internal.h"

/* Largest n for which n * 255 * 255 fits int32, rounded down to a power of two. */
#define BS_MOST_CODES 32768u

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

/* Widens n packed codes to pixel 0 of a pair at x, or to pixel 1 of a pair at x - 1; returns their sum. */
uint32_t bs_widen_pixel(const uint8_t *codes, uint32_t bits, uint32_t n, uint16_t *x);

/* Widens n codes of one byte each to the codes from `position` on of a pixel, x as before; returns their sum.
   The zeros behind the last code are up to the caller. */
uint32_t bs_widen_run(const uint8_t *codes, uint32_t n, uint16_t *x, uint32_t position);

/* Widens n packed codes to a vector; returns their sum. */
uint32_t bs_widen_vector(const uint8_t *codes, uint32_t bits, uint32_t n, uint16_t *x);

/* Dot products of two weight rows with two pixels: [row][pixel]. */
typedef int32_t bs_block[2][2];

/* Two weight rows of n codes times a pair of pixels. */
typedef void (*bs_dot_pair)(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, bs_block dot);

/* Two weight rows of n codes times a vector. */
typedef void (*bs_dot_vector)(const uint8_t *const rows[2], const uint16_t *x, uint32_t n, int32_t dot[2]);

/* The functions for a width of the weights. They read whole groups of four weights: up to three bytes past
   the end of a row, which bitsmith.h asks to be readable. */
bs_dot_pair bs_dot_pair_of(uint32_t weight_bits);
bs_dot_vector bs_dot_vector_of(uint32_t weight_bits);

#endif
