/*
 * bs_dot.c - inner products of widened codes and packed weights.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_dot.h"
#if BS_DSP
#include "bs_dot_dsp.h"
#else
#include "bs_dot_c.h"
#endif

BS_COLD void bs_dot_start(bs_dot *dot, const uint32_t *x, uint32_t n, uint32_t pixels, uint32_t weight_bits)
{
    /* Whole words of weights, or in portable C groups of four. */
    uint32_t whole = bs_round_up(n, BS_DSP ? 32 / weight_bits : 4);
    dot->half_word = BS_DSP && pixels == 2 && weight_bits == 2 && (n - 1) % 16 < 8;
    if (dot->half_word) {
        whole -= 16;
    }
    dot->x = x;
    dot->end = x + whole * pixels / 2;
    dot->row_bytes = bs_bytes(n, weight_bits);
}

static void bs_pair_2(bs_dot *dot, const uint8_t *row)
{
    bs_dot_pair(dot, row, 2);
}

static void bs_pair_4(bs_dot *dot, const uint8_t *row)
{
    bs_dot_pair(dot, row, 4);
}

static void bs_pair_8(bs_dot *dot, const uint8_t *row)
{
    bs_dot_pair(dot, row, 8);
}

static void bs_vector_2(bs_dot *dot, const uint8_t *row)
{
    bs_dot_vector(dot, row, 2);
}

static void bs_vector_4(bs_dot *dot, const uint8_t *row)
{
    bs_dot_vector(dot, row, 4);
}

static void bs_vector_8(bs_dot *dot, const uint8_t *row)
{
    bs_dot_vector(dot, row, 8);
}

BS_COLD bs_dot_function bs_dot_function_of(uint32_t pixels, uint32_t weight_bits)
{
    if (pixels == 2) {
        return weight_bits == 2 ? bs_pair_2 : weight_bits == 4 ? bs_pair_4 : bs_pair_8;
    }
    return weight_bits == 2 ? bs_vector_2 : weight_bits == 4 ? bs_vector_4 : bs_vector_8;
}
