/*
 * bs_dot.h - inner products of widened codes and packed weights.
 *
 * Codes are widened to 16 bits once, see bs_widen.h, then meet all weight rows. Products are of plain codes; the
 * caller takes off weight_zero times the sum of the codes.
 *
 * Words of weights are read whole: up to three bytes past the end of a row, which bitsmith.h asks to be
 * readable. The widened codes that meet them are zero.
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

/* Bytes of two interleaved vectors of n widened codes. */
BS_INLINE uint32_t bs_pair_bytes(uint32_t n)
{
    return 2 * bs_vector_bytes(n);
}

/* Widened codes and the sums of two weight rows with them. */
typedef struct {
    uint32_t sum[2][2];       /* [row][pixel]; of a vector [row][0] */
    const uint32_t *x, *end;  /* what whole words of weights meet */
    uint32_t row_bytes;       /* from one row to the next */
    uint32_t half_word;       /* pairs and 2 bits: whether half a word of weights is left over */
} bs_dot;

/* n widened codes at x, of 1 (a vector) or 2 pixels, for weights of a width; sets all but the sums. */
void bs_dot_start(bs_dot *dot, const uint32_t *x, uint32_t n, uint32_t pixels, uint32_t weight_bits);

/* Adds to the sums the products of two rows from `row` on. */
typedef void (*bs_dot_function)(bs_dot *dot, const uint8_t *row);

/* The function for a width of the weights and 1 (a vector) or 2 pixels. */
bs_dot_function bs_dot_function_of(uint32_t pixels, uint32_t weight_bits);

#endif
