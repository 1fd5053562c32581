/*
 * bs_dot_dsp.h - inner products for cores with the DSP extension: two products per instruction.
 *
 * A word holds 32 / bits weights. Shifted and masked it gives two of them as halves of a register: weights j and
 * j + 16 / bits, with 8 bits j and j + 2. Codes are widened to the same pairs, word by word of weights; the pairs
 * of two pixels alternate. With 2 bits the last 8 codes or fewer have a half word of their own.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_DOT_DSP_H
#define BS_DOT_DSP_H

#include "bs_dsp.h"



/* Adds the products of a pair of weights of each row with two pixels. */
#define BS_PAIR_STEP(TAKE, shift)      \
    do {                               \
        uint32_t x0, x1, w;            \
        BS_LOAD_TWO(x0, x1, x);        \
        TAKE(w, word0, shift);         \
        BS_SMLAD(a00, w, x0);          \
        BS_SMLAD(a01, w, x1);          \
        TAKE(w, word1, shift);         \
        BS_SMLAD(a10, w, x0);          \
        BS_SMLAD(a11, w, x1);          \
    } while (0)

/* Adds the products of two pairs of weights of each row with one pixel. */
#define BS_VECTOR_STEP(TAKE, shift0, shift1) \
    do {                                     \
        uint32_t x0, x1, w;                  \
        BS_LOAD_TWO(x0, x1, x);              \
        TAKE(w, word0, shift0);              \
        BS_SMLAD(a0, w, x0);                 \
        TAKE(w, word0, shift1);              \
        BS_SMLAD(a0, w, x1);                 \
        TAKE(w, word1, shift0);              \
        BS_SMLAD(a1, w, x0);                 \
        TAKE(w, word1, shift1);              \
        BS_SMLAD(a1, w, x1);                 \
    } while (0)

/* Eight weights of 2 bits: the first four in the low byte of the low half of a word, the others in that of the
   high half. The bytes above them hold what masks take away. */
BS_INLINE uint32_t bs_half_word(const uint8_t *row)
{
    uint16_t half;
    memcpy(&half, row, 2);
    return half | (uint32_t)half << 8;
}

/* Adds to the sums the products of two rows with two pixels. */
BS_INLINE void bs_dot_pair(bs_dot *dot, const uint8_t *row0, uint32_t bits)
{
    uint32_t a00 = dot->sum[0][0];
    uint32_t a01 = dot->sum[0][1];
    uint32_t a10 = dot->sum[1][0];
    uint32_t a11 = dot->sum[1][1];
    const uint8_t *row1 = row0 + dot->row_bytes;
    const uint32_t *x = dot->x;
    const uint32_t *const end = dot->end;
    const uint32_t mask = bs_highest(bits) * UINT32_C(0x00010001);
    while (x != end) {
        uint32_t word0;
        uint32_t word1;
        BS_LOAD_NEXT(word0, row0, 4);
        BS_LOAD_NEXT(word1, row1, 4);
        if (bits == 8) {
            BS_PAIR_STEP(BS_TAKE_BYTES, 0);
            BS_PAIR_STEP(BS_TAKE_BYTES, 8);
        } else if (bits == 4) {
            BS_PAIR_STEP(BS_TAKE_BITS, 0);
            BS_PAIR_STEP(BS_TAKE_BITS, 4);
            BS_PAIR_STEP(BS_TAKE_BITS, 8);
            BS_PAIR_STEP(BS_TAKE_BITS, 12);
        } else {
            BS_PAIR_STEP(BS_TAKE_BITS, 0);
            BS_PAIR_STEP(BS_TAKE_BITS, 2);
            BS_PAIR_STEP(BS_TAKE_BITS, 4);
            BS_PAIR_STEP(BS_TAKE_BITS, 6);
            BS_PAIR_STEP(BS_TAKE_BITS, 8);
            BS_PAIR_STEP(BS_TAKE_BITS, 10);
            BS_PAIR_STEP(BS_TAKE_BITS, 12);
            BS_PAIR_STEP(BS_TAKE_BITS, 14);
        }
    }
    if (bits == 2 && dot->half_word) {
        const uint32_t word0 = bs_half_word(row0);
        const uint32_t word1 = bs_half_word(row1);
        BS_PAIR_STEP(BS_TAKE_BITS, 0);
        BS_PAIR_STEP(BS_TAKE_BITS, 2);
        BS_PAIR_STEP(BS_TAKE_BITS, 4);
        BS_PAIR_STEP(BS_TAKE_BITS, 6);
    }
    dot->sum[0][0] = a00;
    dot->sum[0][1] = a01;
    dot->sum[1][0] = a10;
    dot->sum[1][1] = a11;
}

/* Adds to the sums the products of two rows with a vector. */
BS_INLINE void bs_dot_vector(bs_dot *dot, const uint8_t *row0, uint32_t bits)
{
    uint32_t a0 = dot->sum[0][0];
    uint32_t a1 = dot->sum[1][0];
    const uint8_t *row1 = row0 + dot->row_bytes;
    const uint32_t *x = dot->x;
    const uint32_t *const end = dot->end;
    const uint32_t mask = bs_highest(bits) * UINT32_C(0x00010001);
    while (x != end) {
        uint32_t word0;
        uint32_t word1;
        BS_LOAD_NEXT(word0, row0, 4);
        BS_LOAD_NEXT(word1, row1, 4);
        if (bits == 8) {
            BS_VECTOR_STEP(BS_TAKE_BYTES, 0, 8);
        } else if (bits == 4) {
            BS_VECTOR_STEP(BS_TAKE_BITS, 0, 4);
            BS_VECTOR_STEP(BS_TAKE_BITS, 8, 12);
        } else {
            for (uint32_t half = 0; half < 2; half++) {
                BS_VECTOR_STEP(BS_TAKE_BITS, 0, 2);
                BS_VECTOR_STEP(BS_TAKE_BITS, 4, 6);
                word0 >>= 8;
                word1 >>= 8;
            }
        }
    }
    dot->sum[0][0] = a0;
    dot->sum[1][0] = a1;
}

#endif
