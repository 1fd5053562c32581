/*
 * bs_internal.h - what all kernels share: loads and stores of packed codes, requantization, argument checks.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef BS_INTERNAL_H
#define BS_INTERNAL_H

#include "bitsmith.h"

#include <stdbool.h>
#include <string.h>

/* Set to 1 in debug builds: every kernel then checks its arguments. */
#ifndef BS_CHECK
#define BS_CHECK 0
#endif

/* Functions whose constant arguments must reach their inner loops. */
#if defined(__GNUC__)
#define BS_INLINE static inline __attribute__((always_inline))
#else
#define BS_INLINE static inline
#endif

_Static_assert((-5 >> 1) == -3, "right shifts of negative integers must be arithmetic");
_Static_assert((int32_t)UINT32_C(0xFFFFFFFE) == -2, "conversion to signed integers must be modulo 2^32");
#if defined(__BYTE_ORDER__)
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "packed codes and parameters are little-endian");
#endif

/* ---- sizes ---- */

/* Smaller of two counts. */
BS_INLINE uint32_t bs_min(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

/* n rounded up to a multiple of a power of two. */
BS_INLINE uint32_t bs_round_up(uint32_t n, uint32_t multiple)
{
    return (n + multiple - 1) & ~(multiple - 1);
}

/* Bytes of n codes. */
BS_INLINE uint32_t bs_bytes(uint32_t n, uint32_t bits)
{
    return (n * bits + 7) >> 3;
}

/* ---- packed codes, four at a time ---- */

/* Reads the first `count` (1 to 4) of a group of four codes as they are packed: code i in bits i * bits and up.
   Touches only the bytes that hold them; what is above the last code is undefined. */
BS_INLINE uint32_t bs_load_packed(const uint8_t *codes, uint32_t bits, uint32_t count)
{
    if (bits == 2) {
        return codes[0];
    }
    if (bits == 4) {
        return count > 2 ? codes[0] | (uint32_t)codes[1] << 8 : codes[0];
    }
    uint32_t packed = 0;
    if (count == 4) {
        memcpy(&packed, codes, 4);
    } else {
        for (uint32_t i = count; i > 0; i--) {
            packed = packed << 8 | codes[i - 1];
        }
    }
    return packed;
}

/* Spreads four packed codes to one byte each. */
BS_INLINE uint32_t bs_spread(uint32_t packed, uint32_t bits)
{
    if (bits == 4) {
        packed = (packed | packed << 8) & UINT32_C(0x00FF00FF);
        packed = (packed | packed << 4) & UINT32_C(0x0F0F0F0F);
    } else if (bits == 2) {
        packed = (packed | packed << 12) & UINT32_C(0x000F000F);
        packed = (packed | packed << 6) & UINT32_C(0x03030303);
    }
    return packed;
}

/* Four codes, one byte each; bytes from `count` (1 to 4) on are zero. */
BS_INLINE uint32_t bs_load_codes(const uint8_t *codes, uint32_t bits, uint32_t count)
{
    const uint32_t spread = bs_spread(bs_load_packed(codes, bits, count), bits);
    return spread & UINT32_C(0xFFFFFFFF) >> (32 - 8 * count);
}

/* Packs and writes `count` (1 to 4) codes, given one byte each; the bytes from `count` on must be zero. */
BS_INLINE void bs_store_codes(uint8_t *out, uint32_t bits, uint32_t count, uint32_t codes)
{
    if (bits == 2) {
        codes |= codes >> 6;
        out[0] = (uint8_t)(codes | codes >> 12);
    } else if (bits == 4) {
        codes |= codes >> 4;
        out[0] = (uint8_t)codes;
        if (count > 2) {
            out[1] = (uint8_t)(codes >> 16);
        }
    } else if (count == 4) {
        memcpy(out, &codes, 4);
    } else {
        for (uint32_t i = 0; i < count; i++) {
            out[i] = (uint8_t)(codes >> (8 * i));
        }
    }
}

/* One code of a row. */
BS_INLINE uint32_t bs_code_at(const uint8_t *row, uint32_t bits, uint32_t index)
{
    const uint32_t position = index * bits;
    return (uint32_t)row[position >> 3] >> (position & 7) & ((1u << bits) - 1);
}

/* ---- requantization ---- */

/* Parameter tables of a layer's output channels. */
typedef struct {
    const int32_t *bias;
    const int32_t *multiplier;
    const uint8_t *shift;
    const uint8_t *weight_zero;
} bs_channels;

/* Finds the tables of a layer. */
BS_INLINE bs_channels bs_channels_of(const bs_conv *layer)
{
    const uint32_t n = layer->out_c;
    const uint8_t *bytes = (const uint8_t *)(layer->params + 2 * n);
    const bs_channels channels = {layer->params, layer->params + n, bytes, bytes + n};
    return channels;
}

/* Codes of an output: bounds before the zero point is added, and the zero point. */
typedef struct {
    int32_t lowest, highest, zero;
} bs_range;

/* Range of an output with `bits` and a zero point. */
BS_INLINE bs_range bs_range_of(uint32_t bits, uint32_t zero)
{
    const int32_t z = (int32_t)zero;
    const bs_range range = {-z, (int32_t)((1u << bits) - 1) - z, z};
    return range;
}

/* floor(acc * multiplier / 2^shift) for shifts from 1 to 62, saturated to int32. */
BS_INLINE int32_t bs_scale(int32_t acc, int32_t multiplier, uint32_t shift)
{
    const int64_t product = (int64_t)acc * multiplier;
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

/* Limits a value to a range. */
BS_INLINE int32_t bs_clamp(int32_t value, int32_t lowest, int32_t highest)
{
    return value < lowest ? lowest : value > highest ? highest : value;
}

/* Code of an accumulator. */
BS_INLINE uint32_t bs_requantize(uint32_t acc, int32_t multiplier, uint32_t shift, const bs_range *range)
{
    const int32_t value = bs_scale((int32_t)acc, multiplier, shift);
    return (uint32_t)(bs_clamp(value, range->lowest, range->highest) + range->zero);
}

/* ---- checks, see bs_check.c ---- */

/* Leaves a kernel with the status of a check that fails; nothing in release builds. */
#define BS_REQUIRE(check)                            \
    do {                                             \
        if (BS_CHECK) {                              \
            const bs_status status_ = (check);       \
            if (status_ != BS_OK) {                  \
                return status_;                      \
            }                                        \
        }                                            \
    } while (0)

bs_status bs_check_pointwise(const bs_conv *layer, const void *in, const void *out, const void *scratch);
bs_status bs_check_conv_first(const bs_conv *layer, const void *in, const void *out, const void *scratch);
bs_status bs_check_depthwise(const bs_conv *layer, const void *in, const void *out, const void *scratch);
bs_status bs_check_linear(const bs_conv *layer, const void *in, const void *logits, const void *scratch);
bs_status bs_check_avgpool(const bs_pool *layer, const void *in, const void *out);
bs_status bs_check_residual_add(const bs_add *layer, const void *a, const void *b, const void *out);

#endif
