/*
 * bs_code.h - accumulators to output codes, quickly.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_CODE_H
#define BS_CODE_H

#include "bs_dsp.h"

/* Whether a shift, less 32, suits bs_quick_code: a zero point shifted by it stays below 2^30, as the high word of a
   product does. */
BS_INLINE bool bs_is_quick(uint32_t shift)
{
    return shift <= 22;
}

/* Code of an accumulator, given its shift less 32; to be limited by bs_limit_four. */
BS_INLINE uint32_t bs_quick_code(const bs_output *output, uint32_t acc, int32_t multiplier, uint32_t shift)
{
#if BS_DSP
    /* Adding the zero point before the shift is the same and costs nothing. */
    const int32_t zero = (int32_t)(output->zero << shift);
    return bs_saturate(bs_multiply_high((int32_t)acc, multiplier, zero) >> shift);
#else
    const int32_t high = (int32_t)((int64_t)(int32_t)acc * multiplier >> 32);
    const int32_t value = (high >> shift) + (int32_t)output->zero;
    const int32_t highest = (int32_t)output->highest;
    return (uint32_t)(value < 0 ? 0 : value > highest ? highest : value);
#endif
}

/* Whether a shift, less 32, suits bs_small_code: factors from a half to 2^11, as layers of 2-bit inputs have. */
BS_INLINE bool bs_is_small(uint32_t shift)
{
    return shift + 12 < 12;
}

/* Code of an accumulator, given its shift less 32; to be limited by bs_limit_four. See bs_requantize. */
BS_INLINE uint32_t bs_small_code(const bs_output *output, uint32_t acc, int32_t multiplier, uint32_t shift)
{
#if BS_DSP
    const int32_t sum = (int32_t)(bs_saturate_signed(acc) << (0 - shift));
    return bs_saturate(bs_multiply_high(sum, multiplier, (int32_t)output->zero));
#else
    return bs_requantize(output, acc, multiplier, shift + 32);
#endif
}

/* Limits four codes, one byte each, to the highest. */
BS_INLINE uint32_t bs_limit_four(const bs_output *output, uint32_t codes)
{
#if BS_DSP
    return bs_least_bytes(codes, output->highest * UINT32_C(0x01010101));
#else
    (void)output;
    return codes;
#endif
}

#endif
