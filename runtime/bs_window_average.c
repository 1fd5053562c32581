/*
 * bs_window_average.c - average pool with a window.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_window.h"

/* Digits by which a sum times a reciprocal is shifted. A window has at most 11 x 11 pixels: sums fit 16 bits, products
   31, and quotients are exact. */
#define BS_MEAN_SHIFT 22

/* 2^BS_MEAN_SHIFT / count, rounded up. Digit by digit: a division is a library call on some cores, and few windows have
   another count than the one before. */
static BS_COLD uint32_t bs_reciprocal_of(uint32_t count)
{
    uint32_t quotient = 0;
    uint32_t rest = 1;
    for (uint32_t digit = 0; digit <= BS_MEAN_SHIFT; digit++) {
        quotient <<= 1;
        if (rest >= count) {
            rest -= count;
            quotient |= 1;
        }
        rest <<= 1;
    }
    return quotient + 1;
}

/* Means of two channels, whose sums are the halves of a word, as the low bytes of its halves. */
static inline uint32_t bs_mean_two(const bs_covered *covered, uint32_t sums)
{
    const uint32_t half = covered->count >> 1;
    const uint32_t low = ((sums & 0xFFFF) + half) * covered->reciprocal >> BS_MEAN_SHIFT;
    const uint32_t high = ((sums >> 16) + half) * covered->reciprocal >> BS_MEAN_SHIFT;
    return low | high << 16;
}

/* The mean of each of four channels, halves rounded up. */
static inline uint32_t bs_mean_four(bs_covered *covered)
{
    const uint32_t count = covered->rows * covered->columns;
    if (count != covered->count) {
        covered->count = count;
        covered->reciprocal = bs_reciprocal_of(count);
    }
    uint32_t even = 0;
    uint32_t odd = 0;
    const uint8_t *row = covered->codes;
    for (uint32_t rows = covered->rows; rows > 0; rows--) {
        const uint8_t *pixel = row;
        for (uint32_t columns = covered->columns; columns > 0; columns--) {
            const uint32_t codes = bs_covered_codes(covered, pixel);
            even += bs_bytes_02(codes);
            odd += bs_bytes_13(codes);
            pixel += covered->pixel_bytes;
        }
        row += covered->row_bytes;
    }
    return bs_mean_two(covered, even) | bs_mean_two(covered, odd) << 8;
}

bs_status bs_window_average(const bs_window *layer, const uint8_t *in, uint8_t *out)
{
    BS_REQUIRE(bs_check_window(layer, in, out));
    bs_for_each_window(layer, in, out, bs_mean_four);
    return BS_OK;
}
