/*
 * bs_requantize.c - requantization by any shift; what is usual is inline in bs_code.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_internal.h"

/* value limited to low to high */
BS_INLINE int32_t bs_clamp(int32_t value, int32_t low, int32_t high)
{
    return value < low ? low : value > high ? high : value;
}

BS_COLD int32_t bs_scale(uint32_t acc, int32_t multiplier, uint32_t shift)
{
    const int64_t product = (int64_t)(int32_t)acc * multiplier;
    const int32_t high = (int32_t)(product >> 32);
    if (shift >= 32) {
        return high >> (shift - 32);
    }
    /* In halves: a 64-bit shift by a variable is a library call on some cores. */
    const int32_t low = (int32_t)((uint32_t)product >> shift | (uint32_t)high << (32 - shift));
    if (high >> shift == low >> 31) {
        return low;
    }
    return high < 0 ? INT32_MIN : INT32_MAX;
}

BS_COLD uint32_t bs_requantize(const bs_output *output, uint32_t acc, int32_t multiplier, uint32_t shift)
{
    int32_t sum = (int32_t)acc;
    if (shift < 32) {
        /* The factor is at least 2^(30 - shift), so that sums beyond 2^11 are codes far out of range, and so are
           all but 0 with shifts below 20. What is left fits 32 bits after a shift to the left. */
        const uint32_t up = 32 - (shift < 20 ? 20 : shift);
        sum = bs_clamp(sum, -2048, 2047) * (1 << up);
        shift = 32;
    }
    const int32_t high = (int32_t)((int64_t)sum * multiplier >> 32);
    return (uint32_t)bs_clamp((high >> (shift - 32)) + (int32_t)output->zero, 0, (int32_t)output->highest);
}
