/*
 * bs_requantize.c - the rare half of requantization; the common half is inline in bs_internal.h.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#include "bs_internal.h"

int32_t bs_shift_saturated(int64_t product, uint32_t shift)
{
    /* In halves: a 64-bit shift by a variable is a library call on some cores. */
    const int32_t high = (int32_t)(product >> 32);
    const int32_t low = (int32_t)((uint32_t)product >> shift | (uint32_t)high << (32 - shift));
    if (high >> shift == low >> 31) {
        return low;
    }
    return high < 0 ? INT32_MIN : INT32_MAX;
}
